"""The real errors of the installed client and of its transport, classified."""

from importlib import import_module
from itertools import pairwise

import pytest
from huggingface_hub import errors

from flancollect.errors import FlancollectError, SourceError, UsageError
from flancollect.sources.hub_errors import HubCall, hub_failure

http = import_module(errors.HfHubHTTPError.__mro__[1].__module__)
PAGE = "https://hub/datasets/org/set"
TOKEN = "hf_secretsecret"


def answered(status, kind=errors.HfHubHTTPError, message=None, **headers):
    url = f"https://hub/api?signature=hush&token={TOKEN}"
    response = http.Response(status, headers=headers, request=http.Request("GET", url))
    return kind(f"{status} for {url}", response=response, server_message=message)


def failure_of(error, **more):
    return hub_failure(error, HubCall(page=PAGE, token=TOKEN, **more))


def chained(*links):
    """The first error, raised from the second, and so on."""
    for error, cause in pairwise(links):
        error.__cause__ = cause
    return links[0]


@pytest.mark.parametrize(
    ("error", "reason", "kind"),
    [
        (answered(403, errors.GatedRepoError), f"access is gated: accept its terms at {PAGE}, and log", SourceError),
        (answered(404, errors.RepositoryNotFoundError), "no such dataset on the Hub, or it is private", SourceError),
        (answered(404, errors.RevisionNotFoundError), f"no such branch, tag or commit; {PAGE} lists", SourceError),
        (answered(401), "the Hub does not know this token: log in with", UsageError),
        (answered(403), "your token may not do this; log in with `hf auth login`, or set HF_TOKEN", UsageError),
        (answered(403, message="no \n way"), "your token may not do this: no way; log in", UsageError),
        (answered(400, message="bad card"), "the Hub refuses (400): bad card", FlancollectError),
        (answered(404), "the Hub refuses (404)", FlancollectError),
        (errors.OfflineModeIsEnabled("off"), "the network is switched off (HF_HUB_OFFLINE)", UsageError),
        (ConnectionError("GET xet-write-token: 404"), "this Hub has no Xet store; set HF_HUB_DIS", UsageError),
        (ValueError("odd"), "the Hub's client reports ValueError: odd", FlancollectError),
    ],
)  # fmt: skip
def test_failures_without_hope(error, reason, kind):
    failure = failure_of(error)
    assert failure.reason.startswith(reason)
    assert (failure.error, failure.transient, failure.unreachable) == (kind, False, False)


def test_what_was_asked_for_and_who_asked_is_named():
    missing = answered(404, errors.RevisionNotFoundError)
    assert failure_of(missing, revision="v9").reason == f'no revision "v9" on the Hub; {PAGE} lists them'
    forbidden = failure_of(answered(403), namespaces=("bob", "org"))
    assert forbidden.reason == "your token may not do this. It is of bob; namespaces: bob, org"


@pytest.mark.parametrize(
    ("error", "reason", "unreachable"),
    [
        (answered(500), "the Hub answers 500", False),
        (answered(429), "the Hub answers 429", False),
        (answered(412), "somebody else committed meanwhile", False),
        (http.ReadTimeout("slow"), "no answer in time", True),
        (http.ConnectTimeout("slow"), "no answer in time", True),
        (http.ConnectError("[Errno 111] Connection refused"), "[Errno 111] Connection refused", True),
        (http.RemoteProtocolError("cut"), "the connection to the Hub broke", False),
        (http.WriteError("cut"), "the connection to the Hub broke", False),
        (ConnectionError("of the Xet store"), "the connection to the Hub broke", False),
    ],
)
def test_failures_that_another_attempt_may_mend(error, reason, unreachable):
    failure = failure_of(error)
    assert (failure.reason, failure.error) == (reason, SourceError)
    assert (failure.transient, failure.unreachable) == (True, unreachable)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"RateLimit": '"api";r=0;t=55'}, 55.0),
        ({"RateLimit": '"api";r=3;t=55'}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_hub_says_how_long_to_wait(headers, seconds):
    assert failure_of(answered(429, **headers)).retry_after_s == seconds


def test_the_first_telling_error_of_a_chain_counts():
    vague = errors.LocalEntryNotFoundError("not in the cache")
    assert failure_of(chained(vague, answered(503), ValueError("x"))).reason == "the Hub answers 503"
    wrapped = chained(ConnectionError("cannot reach"), http.ConnectError("refused"))
    assert failure_of(wrapped).reason == "refused"


def test_an_error_of_the_disk_is_none_of_the_hubs():
    assert failure_of(OSError(28, "No space left on device")) is None
    assert failure_of(OSError("something")).reason == "the Hub's client reports OSError: something"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"Bearer {TOKEN} was refused at https://h/x?signature=hush"),
        chained(ValueError("outer"), ValueError(f"/x?signature=hush&more={TOKEN}")),
        answered(400, message=f"you sent {TOKEN} to https://h/x?signature=hush"),
        answered(403, message=f"you sent {TOKEN} to https://h/x?signature=hush"),
    ],
)
def test_neither_token_nor_signature_is_repeated(error):
    failure = failure_of(error)
    assert "..." in failure.reason
    assert TOKEN not in repr(failure)
    assert "hush" not in repr(failure)
    assert TOKEN not in repr(HubCall(page=PAGE, token=TOKEN))
