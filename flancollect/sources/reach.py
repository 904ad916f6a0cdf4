"""Reaching hosts with patience, and remembering those that cannot be reached.

Every network call of the sources goes through `persist`: bounded retries with capped waits, and a breaker,
so that a thousand files on a dead host fail in seconds and not one by one. What was learnt lives in a
`Reach` that `Access` carries along; a worker process starts from what its parent knew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from flancollect.errors import SourceError

if TYPE_CHECKING:
    from flancollect.sources.table import SourceAccess

T = TypeVar("T")
Identity = tuple[str, int, int, int]  # path, inode, bytes, and time of the last change in ns

ATTEMPTS_PER_HOST = 2
MOST_WAIT_S = 8.0
MOST_ASKED_WAIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one attempt failed. `again`: another may succeed; `dead`: nothing answers at that host.

    `wait_s` is how long the server asked to wait.
    """

    reason: str
    again: bool = False
    dead: bool = False
    wait_s: float = 0.0


class Reach:
    """What one process has learnt: failed attempts and reasons by host, and digests of files by identity.

    Safe to share between threads; pickled as a copy.
    """

    def __init__(
        self,
        failed: Mapping[str, tuple[int, str]] | None = None,
        digests: Mapping[Identity, str] | None = None,
    ) -> None:
        self._failed = dict(failed or {})
        self._digests = dict(digests or {})
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Reach], tuple[dict[str, tuple[int, str]], dict[Identity, str]]]:
        """Hand worker processes all that was learnt; a lock cannot travel."""
        with self._lock:
            return type(self), (dict(self._failed), dict(self._digests))

    def reason_dead(self, host: str) -> str | None:
        """Why a host counts as dead, or None while it is worth another attempt."""
        with self._lock:
            count, reason = self._failed.get(host, (0, ""))
        return reason if count >= ATTEMPTS_PER_HOST else None

    def failed(self, host: str, reason: str) -> None:
        """Count one attempt at which nothing answered."""
        with self._lock:
            self._failed[host] = (self._failed.get(host, (0, ""))[0] + 1, reason)

    def answered(self, host: str) -> None:
        """Forget the failures of a host that answers."""
        with self._lock:
            self._failed.pop(host, None)

    def digest(self, identity: Identity, compute: Callable[[], str]) -> str:
        """The digest of a file that has not changed since it was last computed, else computed now."""
        with self._lock:
            known = self._digests.get(identity)
        if known is None:
            known = compute()
            with self._lock:
                self._digests[identity] = known
        return known


def host_of(url: str) -> str:
    """What the breaker counts by: host and port, without credentials."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.scheme


def shown(location: str) -> str:
    """A location for messages: without credentials, and without the values of a query (signatures, keys)."""
    if "://" not in location:
        return location
    scheme, _, rest = location.partition("://")
    rest, question, _ = rest.partition("?")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{'?...' if question else ''}"


def persist(
    what: str, host: str, access: SourceAccess, once: Callable[[], T], judge: Callable[[Exception], Failure]
) -> T:
    """Call `once` until it succeeds, `judge` finds no hope, the host is dead, or the retries are used up.

    Raises:
        SourceError: naming `what` and the last reason. SourceErrors of `once` pass as they are.
    """
    failure = Failure(reason="not tried")
    for attempt in range(access.retries + 1):
        _refuse_dead(what, host, access.reach)
        if attempt:
            time.sleep(
                max(min(0.5 * 2 ** (attempt - 1), MOST_WAIT_S), min(failure.wait_s, MOST_ASKED_WAIT_S))
            )
        try:
            result = once()
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001, RUF100 (clients raise what they like; `judge` decides)
            failure = judge(error)
        else:
            access.reach.answered(host)
            return result
        if failure.dead:
            access.reach.failed(host, failure.reason)
        if not failure.again:
            raise SourceError(f"{what}: {failure.reason}")
    _refuse_dead(what, host, access.reach)
    raise SourceError(f"{what}: source unavailable: {failure.reason} (tried {access.retries + 1} times)")


def _refuse_dead(what: str, host: str, reach: Reach) -> None:
    reason = reach.reason_dead(host)
    if reason is not None:
        raise SourceError(f"{what}: source unavailable: {host} cannot be reached ({reason})")
