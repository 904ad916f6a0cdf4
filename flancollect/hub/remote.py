"""A dataset repository on the Hub: patient calls, and failures in plain words that never hold the token.

`publish` and `pull` reach the Hub through here alone. HF_ENDPOINT and the token are read when `connect` is
called. What the Hub's client says itself is not shown: its messages and warnings hold signed addresses.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from flancollect.errors import FlancollectError, SourceError, UsageError
from flancollect.sources.fetch import judge_connection
from flancollect.sources.reach import MOST_WAIT_S

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoFile

T = TypeVar("T")
Say = Callable[[str], None]

TRIES = 6
UPLOAD_TRIES = 2  # the client itself already tries six times
MOST_ASKED_WAIT_S = 300.0
STALLED_S = 300.0
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"

_TEMPORARY = (408, 412, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One repository, and who asks. `namespaces` may be written to; empty when nobody is logged in."""

    repo: str
    endpoint: str
    api: HfApi
    say: Say
    namespaces: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where people look at it."""
        return f"{self.endpoint}/datasets/{self.repo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a call failed, in plain words, and which error it is. `again`: another attempt may succeed."""

    reason: str
    again: bool = False
    wait_s: float = 0.0
    kind: type[FlancollectError] = SourceError

    def error(self, remote: Remote, tries: int = 1) -> FlancollectError:
        """The error to raise."""
        if not self.again:
            return self.kind(f"{remote.repo}: {self.reason}")
        tried = f" (tried {tries} times)" if tries > 1 else ""
        return self.kind(
            f"{remote.repo}: {self.reason}{tried}; run the same command again: it goes on where it stopped"
        )


def connect(repo: str, say: Say, *, writing: bool) -> Remote:
    """Address a repository; to write, with a token that the Hub knows.

    Raises UsageError for a name that is none, and for a missing or invalid token.
    """
    from huggingface_hub import HfApi, get_token  # noqa: PLC0415 (slow to import)

    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]{0,95}", repo):
        raise UsageError(f"{repo}: not the name of a dataset on the Hub; it looks like ORG/NAME")
    token = get_token()
    if writing and token is None:
        raise UsageError(f"{repo}: publishing needs a token of the Hub with write access: {LOGIN}")
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    api = HfApi(endpoint=endpoint, token=token)
    remote = Remote(repo=repo, endpoint=endpoint, api=api, say=say, token=token)
    if not writing:
        return remote
    who = patiently(remote, api.whoami)
    namespaces = (str(who["name"]), *(str(org["name"]) for org in who.get("orgs", ())))
    return Remote(repo=repo, endpoint=endpoint, api=api, say=say, token=token, namespaces=namespaces)


def patiently(remote: Remote, once: Callable[[], T], tries: int = TRIES) -> T:
    """Call until it succeeds, there is no hope, or the tries are used up; then raise what the trouble is."""
    for tried in range(1, tries):
        outcome = attempt(remote, once)
        if not isinstance(outcome, Trouble):
            return outcome
        if not outcome.again:
            raise outcome.error(remote)
        pause(remote, outcome, tried)
    last = attempt(remote, once)
    if isinstance(last, Trouble):
        raise last.error(remote, tries)
    return last


def attempt(remote: Remote, once: Callable[[], T]) -> T | Trouble:
    """Call once; whatever the client raises becomes a Trouble. Errors of our own and of the disk pass."""
    from huggingface_hub import get_session  # noqa: PLC0415 (slow to import)

    get_session().timeout = STALLED_S  # the client waits for ever by default
    try:
        return once()
    except FlancollectError:
        raise
    except Exception as error:  # noqa: BLE001, RUF100 (clients raise what they like)
        trouble = _trouble(remote, error)
        if trouble is None:
            raise
    return trouble


def pause(remote: Remote, trouble: Trouble, tried: int) -> None:
    """Wait before another attempt: as long as the Hub asks, else longer each time, both capped."""
    wait = max(min(0.5 * 2 ** (tried - 1), MOST_WAIT_S), min(trouble.wait_s, MOST_ASKED_WAIT_S))
    remote.say(f"{remote.repo}: {trouble.reason}; trying again in {wait:g} s")
    time.sleep(wait)


def tree(remote: Remote, commit: str) -> dict[str, RepoFile]:
    """Every file of a commit, by path."""
    from huggingface_hub import RepoFile  # noqa: PLC0415 (slow to import)

    def once() -> dict[str, RepoFile]:
        listed = remote.api.list_repo_tree(remote.repo, recursive=True, revision=commit, repo_type="dataset")
        return {entry.path: entry for entry in listed if isinstance(entry, RepoFile)}

    return patiently(remote, once)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the client's own progress bars and log lines off the terminal."""
    from huggingface_hub.utils import logging as words  # noqa: PLC0415 (slow to import)
    from huggingface_hub.utils.tqdm import (  # noqa: PLC0415 (the same)
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    verbosity, bars = words.get_verbosity(), not are_progress_bars_disabled()
    words.set_verbosity(logging.CRITICAL)
    if bars:
        disable_progress_bars()
    try:
        yield
    finally:
        words.set_verbosity(verbosity)
        if bars:
            enable_progress_bars()


# --- what an error means -----------------------------------------------------------------------------------


def _trouble(remote: Remote, error: BaseException) -> Trouble | None:
    """What the first telling error in a chain means; None for one of the disk."""
    from huggingface_hub import errors  # noqa: PLC0415 (slow to import)

    for link in _chain(error):
        if isinstance(link, errors.OfflineModeIsEnabled):
            return Trouble(reason="the network is switched off (HF_HUB_OFFLINE)", kind=UsageError)
        if isinstance(link, errors.HfHubHTTPError):
            return _answered(remote, link)
        transport = _transport(link)
        if transport is not None:
            return transport
        if type(link) is ConnectionError:  # what the client of the Xet store raises
            return _xet(str(link))
    if isinstance(error, OSError) and error.errno is not None:
        return None
    said = " from ".join(f"{type(link).__name__}: {' '.join(str(link).split())}" for link in _chain(error))
    return Trouble(reason=f"the Hub's client reports {_clean(remote, said)}", kind=FlancollectError)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _transport(error: BaseException) -> Trouble | None:
    """Judge by class names: the transport library below the client is not ours to import."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "TimeoutException" in kinds:
        return Trouble(reason="the Hub does not answer in time", again=True)
    if "ConnectError" in kinds:
        return Trouble(
            reason=f"the Hub cannot be reached: {judge_connection(Exception(error)).reason}", again=True
        )
    if "TransportError" in kinds:
        return Trouble(reason="the connection to the Hub broke", again=True)
    return None


def _xet(said: str) -> Trouble:
    if "xet-write-token" in said and "404" in said:
        advice = "set HF_HUB_DISABLE_XET=1 in the environment to upload without it"
        return Trouble(reason=f"this Hub has no Xet store; {advice}", kind=UsageError)
    return Trouble(reason="the connection to the Hub's store broke", again=True)


def _answered(remote: Remote, error: Any) -> Trouble:
    """What an answer of the Hub that is no success means."""
    from huggingface_hub import errors  # noqa: PLC0415 (slow to import)

    absent = {
        errors.GatedRepoError: f"access is gated: accept its terms at {remote.url}, and {LOGIN}",
        errors.RepositoryNotFoundError: f"no such dataset, or it is private: check its name, or {LOGIN}",
        errors.RevisionNotFoundError: f"no such branch, tag or commit; {remote.url} lists them",
    }
    for kind, reason in absent.items():
        if isinstance(error, kind):
            return Trouble(reason=reason)
    return _refused(remote, error)


def _refused(remote: Remote, error: Any) -> Trouble:
    """What a status that says no means."""
    status, said = error.response.status_code, _said(remote, error)
    if status == 401:
        return Trouble(reason=f"the Hub does not know this token: {LOGIN}", kind=UsageError)
    if status == 403:
        return Trouble(reason=f"your token may not do this{said}.{_whose(remote)}", kind=UsageError)
    if status in _TEMPORARY:
        reason = "somebody else committed meanwhile" if status == 412 else f"the Hub answers {status}"
        return Trouble(reason=reason, again=True, wait_s=_asked_wait(error.response.headers))
    return Trouble(reason=f"the Hub refuses ({status}){said}", kind=FlancollectError)


def _whose(remote: Remote) -> str:
    if not remote.namespaces:
        return f" {LOGIN.capitalize()}"
    return f" It is of {remote.namespaces[0]}; namespaces: {', '.join(remote.namespaces)}"


def _said(remote: Remote, error: Any) -> str:
    """The Hub's own words, if it has any."""
    words = " ".join(str(error.server_message or "").split())
    return f": {_clean(remote, words)}" if words else ""


def _clean(remote: Remote, text: str) -> str:
    """A text without the token and without what signs an address."""
    hidden = text.replace(remote.token, "...") if remote.token else text
    return re.sub(r"(https?://[^\s?]*)\?\S+", r"\1?...", hidden)


def _asked_wait(headers: Any) -> float:
    """Seconds that the Hub asks to wait: Retry-After, or `t` of the RateLimit header when `r` is 0."""
    retry_after = headers.get("Retry-After", "").strip()
    if retry_after.isdigit():
        return float(retry_after)
    limit = re.search(r"r=0\b.*?t=(\d+)", headers.get("RateLimit", ""))
    return float(limit[1]) if limit else 0.0
