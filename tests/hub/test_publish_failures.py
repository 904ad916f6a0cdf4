"""Publishing while the Hub fails, connections break, others commit, and the process is killed."""

import random
from dataclasses import replace

import pytest

# Here and not when first used: the client's log goes to what stderr is at its import, and within a test that is a
# file which is closed with the test.
from huggingface_hub.utils import logging as client_logging

from flancollect.errors import CheckError, FlancollectError, SourceError
from tests.hub import Commit, Fault, File, repo_of
from tests.hub.client import (
    REPO,
    TOKEN,
    changed,
    everything_logged,
    exported,
    logged_in,
    on_hub,
    puts,
    texts_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's client's own


def test_a_hub_that_is_not_there(client, out):
    with (
        logged_in("http://127.0.0.1:9", out),
        pytest.raises(SourceError, match=r"cannot be reached: .*refused.*run the same command again"),
    ):
        client.publish(out)


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"RateLimit": '"api";r=0;t=7'}])
def test_too_many_requests_are_waited_out(client, out, headers):
    client.hub.fail(Fault(status=429, headers=headers, path="whoami|refs|commit/", times=3))
    client.publish(out)
    assert on_hub(client.hub) == exported(out)
    assert [line.partition(": ")[2] for line in client.said] == [
        "the Hub answers 429; trying again in 7 s"
    ] * 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, times=2),
        Fault(kind="cut upload", times=2),
        Fault(kind="cut download", times=2),
        Fault(kind="lost answer", times=1),
    ],
    ids=lambda fault: fault.kind,
)
def test_passing_failures_of_every_request_are_retried(client, out, fault):
    paths = ("whoami", "create", "refs", "tree", "preupload", "batch", "/upload/", "/verify/", "/tag/")
    client.hub.fail(*(replace(fault, path=path) for path in (*paths, "/commit/")))
    client.publish(out)
    assert on_hub(client.hub) == exported(out)
    assert len(client.hub.repos[REPO].history()) == 2
    assert len(client.hub.repos[REPO].tags) == 1
    failed = [asked for asked in client.hub.log if asked.status in (0, 500)]
    assert len(failed) == (0 if fault.kind == "cut download" else 10 * fault.times)


def test_a_commit_whose_answer_is_lost_is_not_made_twice(client, out):
    client.hub.fail(Fault(kind="lost answer", path="/commit/"))
    done = client.publish(out)
    assert on_hub(client.hub) == exported(out)
    assert len(client.hub.repos[REPO].history()) == 2
    assert done.commit == client.hub.repos[REPO].head().sha


def test_a_commit_of_somebody_else_meanwhile_is_seen(client, out):
    client.publish(out)
    changed(out)
    repo, once = client.hub.repos[REPO], ["now"]

    def meddle(stage, path):
        if stage == "arrived" and "/commit/" in path and once:
            repo.add("main", once.pop(), [("file", {"path": "notes.md", "content": b"x"})], None)

    client.hub.watcher = meddle
    client.publish(out)
    assert on_hub(client.hub) == {**exported(out), "notes.md": b"x"}
    assert [commit.title for commit in repo.history()][1] == "now"
    assert "somebody else committed meanwhile" in client.said[0]


def test_what_the_hub_keeps_is_compared_with_what_was_sent(client, out):
    def spoil(stage, path):
        if stage == "done" and "/commit/" in path:
            head = client.hub.repos[REPO].head()
            files = {**head.files, "README.md": File(head.files["README.md"].content.swapcase())}
            client.hub.repos[REPO].commits[head.sha] = Commit(sha=head.sha, title=head.title, files=files)

    client.hub.watcher = spoil
    with pytest.raises(CheckError, match=f"{REPO}: README.md: not what was sent"):
        client.publish(out)


def test_a_card_that_the_hub_refuses(client, out):
    client.hub.fail(Fault(status=400, path="validate-yaml"))
    with pytest.raises(FlancollectError, match=r"the Hub refuses \(400\)") as caught:
        client.publish(out)
    assert caught.value.exit_code == 1


FAILURES = (
    Fault(status=500, rate=0.03),
    Fault(status=503, rate=0.02),
    Fault(status=429, headers={"Retry-After": "1"}, rate=0.01),
    Fault(kind="cut upload", rate=0.02),
    Fault(kind="lost answer", rate=0.02),
)


def test_with_a_tenth_of_all_requests_failing_it_gets_there(client, out):
    failed = 0
    for seed in range(8):
        client.hub.fail(*FAILURES, seed=seed)
        client.hub.repos.clear()
        client.hub.log.clear()
        client.publish(out)
        failed += sum(asked.status in (0, 429, 500, 503) for asked in client.hub.log)
        assert on_hub(client.hub) == exported(out)
        assert len(client.hub.repos[REPO].history()) == 2
        assert len(client.hub.repos[REPO].tags) == 1
    assert failed >= 10


def test_when_the_hub_goes_away_the_same_command_goes_on(client, out):
    for path in ("refs", "/upload/", "/commit/", "/tag/"):
        client.hub.fail(Fault(kind="cut upload", path=path))
        with pytest.raises(SourceError, match=r"broke \(tried \d times\); run the same command again"):
            client.publish(out)
    client.hub.fail()
    client.hub.log.clear()
    client.publish(out)
    assert puts(client.hub) == 0
    assert on_hub(client.hub) == exported(out)
    assert len(client.hub.repos[REPO].history()) == 2


def test_killed_at_any_moment_the_same_command_goes_on(client, out):
    events = []
    client.hub.watcher = lambda stage, path: events.append(path)
    client.publish(out, "org/undisturbed")
    moments = random.Random(11).sample(range(1, len(events)), 10)
    for moment in moments:
        client.hub.repos.clear()
        client.kill_at(moment, client.start_publish, out)
        before = _committed(client.hub, REPO)
        done = client.publish(out)
        assert on_hub(client.hub) == exported(out)
        assert len(client.hub.repos[REPO].history()) == 2
        assert list(client.hub.repos[REPO].tags.values()) == [done.commit]
        assert done.committed == (not before)


def _committed(hub, repo):
    return repo in hub.repos and len(hub.repos[repo].history()) == 2


def test_killed_again_and_again_nothing_is_sent_twice(client, out):
    """Ten kills over one publication; what the Hub has got of it in the end is not sent again."""
    moments = random.Random(5)
    for _ in range(10):
        client.kill_at(moments.randrange(1, 14), client.start_publish, out)
        assert set(client.hub.repos.get(REPO, repo_of(REPO, {"a" * 40: {}})).files()) <= {".gitattributes"}
    client.hub.log.clear()
    known = sum(map(len, client.hub.repos[REPO].objects.values()))
    client.publish(out)
    large = sum(len(content) for name, content in exported(out).items() if name.endswith(".parquet"))
    assert puts(client.hub) == large - known
    assert on_hub(client.hub) == exported(out)
    assert len(client.hub.repos[REPO].history()) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=401),
        Fault(status=403, path="create|preupload"),
        Fault(status=400, path="commit/"),
        Fault(status=500),
        Fault(kind="cut upload"),
        Fault(kind="lost answer", path="commit/"),
        Fault(status=404, path="preupload"),
        Fault(times=0),
    ],
)
def test_the_token_is_nowhere(client, out, fault, capfd, caplog, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_DEBUG", True)
    client_logging.set_verbosity_debug()
    everything_logged(caplog)
    client.hub.fail(fault)
    error = None
    try:
        done = client.publish(out)
        assert TOKEN not in repr(done)
    except FlancollectError as caught:
        error = caught
    said = capfd.readouterr()
    told = [said.out, said.err, texts_of(error), "\n".join(client.said)]
    assert f"Bearer {TOKEN}" in client.hub.tokens
    assert not [text for text in (*told, caplog.text) if TOKEN in text]
    assert not [text for text in told if "signature=hush" in text]
    assert not [path for path in out.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_the_token_does_not_leave_the_hub(client, out):
    client.publish(out)
    elsewhere = [asked for asked in client.hub.log if asked.path.startswith(("/upload/", "/cdn/"))]
    assert elsewhere
    assert not [asked for asked in elsewhere if asked.token]
