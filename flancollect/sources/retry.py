"""Retries with exponential backoff, behind a circuit breaker where many calls go to the same few hosts.

Every call of a network goes through `with_retries`: those of file and Hub sources, and those of publish and
pull. What an error means is told by the caller's `classify`, as a `Failure`; how often and how long to try is
a `RetryPolicy`.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import TypeVar

from flancollect.errors import FlancollectError, SourceError

T = TypeVar("T")

# What a server answers that may work when asked again: it was slow, asks for patience, or failed itself.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
FAILURES_TO_OPEN = 2
FIRST_BACKOFF_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one attempt failed, in plain words, and the error to raise where no other attempt is made.

    `transient`: another attempt may succeed. `unreachable`: nothing answers at that host at all.
    `retry_after_s`: how long the server asks to wait.
    """

    reason: str
    transient: bool = False
    unreachable: bool = False
    retry_after_s: float = 0.0
    error: type[FlancollectError] = SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a call is attempted and how long it waits between, in seconds.

    `exhausted` is what is said after the last attempt, of {reason} and {attempts}.
    """

    attempts: int
    max_backoff_s: float = 8.0
    max_retry_after_s: float = 30.0
    exhausted: str = "source unavailable: {reason} (tried {attempts} times)"

    def wait_s(self, retry: int, failure: Failure) -> float:
        """The wait before a retry (1 is the first): doubled each time, or longer where the server asks for it.

        Both are capped: a server may ask for an hour, and people wait for the command.
        """
        backoff = min(FIRST_BACKOFF_S * 2.0 ** (retry - 1), self.max_backoff_s)
        return max(backoff, min(failure.retry_after_s, self.max_retry_after_s))


class CircuitBreaker:
    """Opens a host's circuit after two attempts at which nothing answered: then it is not tried any more.

    So a thousand files on a dead host fail in seconds and not one by one. Any answer closes the circuit again.
    Safe to share between threads; pickled as a copy, so a worker process starts from what its parent learned.
    """

    def __init__(self, failures: Mapping[str, tuple[int, str]] | None = None) -> None:
        self._failures = dict(failures or {})  # host: attempts without an answer, and why the last one failed
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[CircuitBreaker], tuple[dict[str, tuple[int, str]]]]:
        """A lock cannot travel to another process; what it guards can."""
        with self._lock:
            return type(self), (dict(self._failures),)

    def open_reason(self, host: str) -> str | None:
        """Why a host's circuit is open, or None while the host is worth another attempt."""
        with self._lock:
            count, reason = self._failures.get(host, (0, ""))
        return reason if count >= FAILURES_TO_OPEN else None

    def record_failure(self, host: str, reason: str) -> None:
        """Count one attempt at which nothing answered."""
        with self._lock:
            self._failures[host] = (self._failures.get(host, (0, ""))[0] + 1, reason)

    def record_answer(self, host: str) -> None:
        """Forget the failures of a host that answers."""
        with self._lock:
            self._failures.pop(host, None)

    def check(self, host: str, label: str) -> None:
        """Raise SourceError, naming what was asked for as `label`, when the host's circuit is open."""
        reason = self.open_reason(host)
        if reason is not None:
            raise SourceError(f"{label}: source unavailable: {host} cannot be reached ({reason})")


def with_retries(
    call: Callable[[], T],
    classify: Callable[[Exception], Failure | None],
    policy: RetryPolicy,
    *,
    label: str,
    breaker: CircuitBreaker | None = None,
    host: str = "",
    say: Callable[[str], None] = lambda _line: None,
) -> T:
    """Call until it succeeds, `classify` sees no hope, the circuit of `host` is open, or attempts are used up.

    `say` is given a line before each wait, for whoever waits at a terminal. Errors of flancollect's own, and
    those of which `classify` gives None, pass as they are.

    Raises:
        FlancollectError: the failure's, naming `label` and the last reason.
    """
    failure = Failure(reason="not tried")
    for retry in range(policy.attempts):
        if breaker is not None:
            breaker.check(host, label)
        if retry:
            wait_s = policy.wait_s(retry, failure)
            say(f"{label}: {failure.reason}; trying again in {wait_s:g} s")
            time.sleep(wait_s)
        try:
            result = call()
        except FlancollectError:
            raise
        except Exception as error:  # noqa: BLE001, RUF100 (clients raise what they like; `classify` decides)
            verdict = classify(error)
            if verdict is None:
                raise
            failure = verdict
        else:
            if breaker is not None:
                breaker.record_answer(host)
            return result
        if breaker is not None and failure.unreachable:
            breaker.record_failure(host, failure.reason)
        # Raised out here, the error has no client's error behind it, which may hold tokens or signed URLs.
        if not failure.transient:
            raise failure.error(f"{label}: {failure.reason}")
    if breaker is not None:
        breaker.check(host, label)
    last_words = policy.exhausted.format(reason=failure.reason, attempts=policy.attempts)
    raise failure.error(f"{label}: {last_words}")


def connection_failure(error: Exception) -> Failure:
    """Why no connection came about, in plain words."""
    reasons: dict[type[Exception], str] = {
        socket.gaierror: "its name cannot be resolved",
        TimeoutError: "no answer in time",
        ConnectionRefusedError: "the connection is refused",
        ssl.SSLCertVerificationError: "its certificate is not valid",
    }
    own_words = " ".join(str(error).split()) or type(error).__name__
    reason = next((words for kind, words in reasons.items() if isinstance(error, kind)), own_words)
    return Failure(reason=reason, transient=True, unreachable=True)


def retry_after_s(headers: Mapping[str, str] | Message) -> float:
    """The seconds that a Retry-After header asks to wait; its other form, a date, is not worth a clock."""
    value = headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() else 0.0
