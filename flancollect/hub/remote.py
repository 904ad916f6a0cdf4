"""A dataset repository on the Hub, and calls of it that are retried.

`publish` and `pull` reach the Hub through here alone. What the Hub's client says itself is not shown: its
messages and warnings hold signed addresses (`sources/hub_errors.py` says what they mean).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from flancollect.errors import UsageError
from flancollect.sources.hub_errors import LOG_IN, HubCall, hub_failure
from flancollect.sources.retry import Failure, RetryPolicy, with_retries

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoFile

T = TypeVar("T")
Say = Callable[[str], None]

REQUESTS = RetryPolicy(
    attempts=6,
    max_retry_after_s=300.0,
    exhausted="{reason} (tried {attempts} times); run the same command again: it goes on where it stopped",
)
UPLOADS = replace(REQUESTS, attempts=2)  # the client itself already tries six times
STALLED_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One repository, and who asks. `namespaces` may be written to; empty when nobody is logged in."""

    repo: str
    api: HfApi
    say: Say
    namespaces: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where people look at it."""
        return f"{self.api.endpoint}/datasets/{self.repo}"


def connect(repo: str, say: Say, *, writing: bool) -> Remote:
    """Address a repository; to write, with a token that the Hub knows.

    Raises UsageError for a name that is none, and for a missing or invalid token.
    """
    from huggingface_hub import HfApi, get_token  # noqa: PLC0415 (slow to import)

    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]{0,95}", repo):
        raise UsageError(f"{repo}: not the name of a dataset on the Hub; it looks like ORG/NAME")
    token = get_token()
    if writing and token is None:
        raise UsageError(f"{repo}: publishing needs a token of the Hub with write access: {LOG_IN}")
    # The endpoint is the client's own, which reads HF_ENDPOINT once, when it is first imported: so whatever
    # of a process reaches the Hub (this, Hub sources, `datasets`) reaches the same one.
    remote = Remote(repo=repo, api=HfApi(token=token), say=say, token=token)
    if not writing:
        return remote
    account = request(remote, remote.api.whoami)
    names = (str(account["name"]), *(str(org["name"]) for org in account.get("orgs", ())))
    return replace(remote, namespaces=names)


def request(remote: Remote, call: Callable[[], T], policy: RetryPolicy = REQUESTS) -> T:
    """What a call of the Hub's client returns, retried where another attempt may succeed.

    A call whose answer is lost may be carried out twice, so `call` must bear that. Errors of flancollect's own
    and of this machine's disk pass as they are.

    Raises:
        UsageError: the token lacks a right, or is unknown.
        SourceError: the Hub cannot be reached or has no such dataset or revision.
        FlancollectError: it refuses for another reason.
    """

    def attempt() -> T:
        from huggingface_hub import get_session  # noqa: PLC0415 (slow to import)

        # The client waits for ever by default. It makes itself a new session after some errors, so this is
        # said before every attempt.
        get_session().timeout = STALLED_S
        return call()

    def classify(error: Exception) -> Failure | None:
        context = HubCall(page=remote.url, token=remote.token, namespaces=remote.namespaces)
        failure = hub_failure(error, context)
        if failure is not None and failure.unreachable:
            return replace(failure, reason=f"the Hub cannot be reached: {failure.reason}")
        return failure

    return with_retries(attempt, classify, policy, label=remote.repo, say=remote.say)


def list_files(remote: Remote, commit: str) -> dict[str, RepoFile]:
    """Every file of a commit, by path."""
    from huggingface_hub import RepoFile  # noqa: PLC0415 (slow to import)

    def call() -> dict[str, RepoFile]:
        entries = remote.api.list_repo_tree(remote.repo, recursive=True, revision=commit, repo_type="dataset")
        return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}

    return request(remote, call)


@contextmanager
def silenced_client() -> Iterator[None]:
    """Keep the client's own progress bars and log lines off the terminal."""
    from huggingface_hub.utils import logging as client_logging  # noqa: PLC0415 (slow to import)
    from huggingface_hub.utils.tqdm import (  # noqa: PLC0415 (the same)
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    verbosity, bars = client_logging.get_verbosity(), not are_progress_bars_disabled()
    client_logging.set_verbosity(logging.CRITICAL)
    # Only where they are on: to switch them on again against HF_HUB_DISABLE_PROGRESS_BARS=1 is a warning.
    if bars:
        disable_progress_bars()
    try:
        yield
    finally:
        client_logging.set_verbosity(verbosity)
        if bars:
            enable_progress_bars()
