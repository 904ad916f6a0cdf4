"""What an error of the Hub's client means: the one table of them, for Hub sources, publish and pull.

The client's own texts are not repeated as they are: they may hold the token, and signed URLs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from flancollect.errors import FlancollectError, UsageError
from flancollect.sources.retry import TRANSIENT_STATUSES, Failure, connection_failure, retry_after_s

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCall:
    """What a call was about, as messages need it. `page`: the dataset's address for people.

    `namespaces` are those that the token may write to, the account's own first; empty where nobody looked.
    """

    page: str
    revision: str = ""
    token: str | None = field(default=None, repr=False)
    namespaces: tuple[str, ...] = ()

    def redact(self, text: str) -> str:
        """A text in one line, without the token and without what signs a URL."""
        line = " ".join(text.split())
        without_token = line.replace(self.token, "...") if self.token else line
        return re.sub(r"(?<=\S)\?\S+", "?...", without_token)


def hub_failure(error: BaseException, call: HubCall) -> Failure | None:
    """What the first telling error in a chain of causes means; None for an error of this machine's disk."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    for link in chain:
        failure = _client_failure(link, call)
        if failure is not None:
            return failure
    texts = [f"{type(link).__name__}: {link}" for link in chain]
    # The client of the Xet store, where large files lie, raises the built-in error, and all it knows is text.
    if any(type(link) is ConnectionError for link in chain):
        if any("xet-write-token" in text and "404" in text for text in texts):
            advice = "set HF_HUB_DISABLE_XET=1 in the environment to upload without it"
            return Failure(reason=f"this Hub has no Xet store; {advice}", error=UsageError)
        return Failure(reason="the connection to the Hub broke", transient=True)
    if isinstance(error, OSError) and error.errno is not None:
        return None
    reason = f"the Hub's client reports {call.redact(' from '.join(texts))}"
    return Failure(reason=reason, error=FlancollectError)


def gated(page: str) -> Failure:
    """The failure of a dataset whose terms nobody has accepted."""
    return Failure(reason=f"access is gated: accept its terms at {page}, and {LOG_IN}")


def _client_failure(error: BaseException, call: HubCall) -> Failure | None:
    """What one error means by its type; None for one that is not the client's."""
    from huggingface_hub import errors  # noqa: PLC0415 (slow to import)

    # The client names its HTTP library nowhere, and has changed it (httpx, then httpx2). Its own errors derive
    # from that library's, whose module exports the others by the same names in both.
    http = import_module(errors.HfHubHTTPError.__bases__[0].__module__)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return Failure(reason="the network is switched off (HF_HUB_OFFLINE)", error=UsageError)
    if isinstance(error, errors.HfHubHTTPError):
        return _answer_failure(error, call)
    if isinstance(error, http.TimeoutException):
        return connection_failure(TimeoutError())
    if isinstance(error, http.ConnectError):
        return connection_failure(error)
    if isinstance(error, http.TransportError):
        return Failure(reason="the connection to the Hub broke", transient=True)
    return None


def _answer_failure(error: HfHubHTTPError, call: HubCall) -> Failure:
    """What an answer of the Hub that is no success means."""
    from huggingface_hub import errors, utils  # noqa: PLC0415 (slow to import)

    no_dataset = f"no such dataset on the Hub, or it is private: check its name, or {LOG_IN}"
    no_revision = (
        f'no revision "{call.revision}" on the Hub' if call.revision else "no such branch, tag or commit"
    )
    by_type = {
        errors.GatedRepoError: gated(call.page),  # before the next, of which it is a kind
        errors.RepositoryNotFoundError: Failure(reason=no_dataset),
        errors.RevisionNotFoundError: Failure(reason=f"{no_revision}; {call.page} lists them"),
    }
    for kind, failure in by_type.items():
        if isinstance(error, kind):
            return failure
    status, headers = error.response.status_code, error.response.headers
    if status in TRANSIENT_STATUSES:
        # A RateLimit header comes with every answer; only with no request remaining does it ask to wait.
        limit = utils.parse_ratelimit_headers(headers)  # type: ignore[attr-defined] # exported, if not to mypy
        reset_s = limit.reset_in_seconds if limit is not None and limit.remaining == 0 else 0
        wait_s = retry_after_s(headers) or float(reset_s)
        return Failure(reason=f"the Hub answers {status}", transient=True, retry_after_s=wait_s)
    hub_words = f": {call.redact(error.server_message)}" if error.server_message else ""
    names = ", ".join(call.namespaces)
    whose = f". It is of {call.namespaces[0]}; namespaces: {names}" if names else f"; {LOG_IN}"
    by_status = {
        401: Failure(reason=f"the Hub does not know this token: {LOG_IN}", error=UsageError),
        403: Failure(reason=f"your token may not do this{hub_words}{whose}", error=UsageError),
        # The branch is not any more at the commit that ours names as its parent: a retry looks again.
        412: Failure(reason="somebody else committed meanwhile", transient=True),
    }
    refused = Failure(reason=f"the Hub refuses ({status}){hub_words}", error=FlancollectError)
    return by_status.get(status, refused)
