import pickle

import pytest

from flancollect.errors import CheckError, SourceError, UsageError
from flancollect.sources import retry
from flancollect.sources.retry import CircuitBreaker, Failure, RetryPolicy, retry_after_s, with_retries

FOUR = RetryPolicy(attempts=4)
BUSY = Failure(reason="busy", transient=True)
GONE = Failure(reason="gone", transient=True, unreachable=True)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Record the waits in place of sleeping."""
    waits = []
    monkeypatch.setattr(retry.time, "sleep", waits.append)
    return waits


class Server:
    """Fails with each of some failures once, then answers."""

    def __init__(self, *failures):
        self.failures, self.calls = list(failures), 0

    def __call__(self):
        self.calls += 1
        if self.failures:
            raise RuntimeError(self.failures.pop(0))
        return "answer"


def _classify(error):
    return error.args[0]


def _call(server, policy=FOUR, classify=_classify, **more):
    return with_retries(server, classify, policy, label="x.json", **more)


def test_an_answer_ends_the_attempts(waits):
    server = Server(BUSY, BUSY)
    assert _call(server) == "answer"
    assert (server.calls, waits) == (3, [0.5, 1.0])


def test_waits_double_up_to_a_cap():
    policy = RetryPolicy(attempts=9, max_backoff_s=3.0)
    assert [policy.wait_s(retry, BUSY) for retry in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize(("requested", "wait"), [(7.0, 7.0), (0.1, 0.5), (3600.0, 30.0)])
def test_a_server_that_asks_for_patience_gets_it_within_bounds(waits, requested, wait):
    _call(Server(Failure(reason="slow down", transient=True, retry_after_s=requested)))
    assert waits == [wait]


def test_a_failure_without_hope_is_raised_at_once_as_its_own_kind(waits):
    server = Server(Failure(reason="no such token", error=UsageError))
    with pytest.raises(UsageError, match=r"^x.json: no such token$") as caught:
        _call(server)
    assert (server.calls, waits) == (1, [])
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_used_up_attempts_are_said_in_the_policys_words():
    with pytest.raises(SourceError, match=r"^x.json: source unavailable: busy \(tried 4 times\)$"):
        _call(Server(*[BUSY] * 9))
    policy = RetryPolicy(attempts=2, exhausted="{reason}, {attempts} times")
    with pytest.raises(SourceError, match=r"^x.json: busy {reason}, 2 times$"):
        _call(Server(*[Failure(reason="busy {reason}", transient=True)] * 9), policy)


def test_whoever_waits_is_told_before_each_wait(waits):
    lines = []
    _call(Server(BUSY, BUSY), say=lambda line: lines.append((line, len(waits))))
    assert lines == [
        ("x.json: busy; trying again in 0.5 s", 0),
        ("x.json: busy; trying again in 1 s", 1),
    ]


def test_errors_of_our_own_and_errors_without_a_verdict_pass():
    def fail():
        raise error

    error = CheckError("wrong")
    with pytest.raises(CheckError, match=r"^wrong$"):
        _call(fail)
    error = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        _call(fail, classify=lambda error: None)


def test_a_host_that_answers_nothing_twice_is_not_called_any_more():
    breaker, server = CircuitBreaker(), Server(*[GONE] * 9)
    for _ in range(3):
        with pytest.raises(SourceError, match=r"^x.json: source unavailable: h cannot be reached \(gone\)$"):
            _call(server, breaker=breaker, host="h")
    assert server.calls == 2
    assert _call(Server(), breaker=breaker, host="other") == "answer"


def test_an_answer_closes_the_circuit_and_failures_with_an_answer_do_not_open_it():
    breaker = CircuitBreaker()
    _call(Server(GONE, BUSY, BUSY), breaker=breaker, host="h")
    _call(Server(GONE), breaker=breaker, host="h")
    assert breaker.open_reason("h") is None


def test_without_a_breaker_all_attempts_are_made():
    server = Server(*[GONE] * 9)
    with pytest.raises(SourceError, match=r"gone \(tried 4 times\)"):
        _call(server)
    assert server.calls == 4


def test_a_breaker_travels_as_a_copy():
    breaker = CircuitBreaker()
    breaker.record_failure("h", "once")
    copy = pickle.loads(pickle.dumps(breaker))
    copy.record_failure("h", "twice")
    assert (breaker.open_reason("h"), copy.open_reason("h")) == (None, "twice")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("", 0.0), ("²", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_retry_after_is_read_in_seconds_alone(header, seconds):
    assert retry_after_s({"Retry-After": header}) == seconds
    assert retry_after_s({}) == 0.0
