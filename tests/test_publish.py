import json
import os
import random
import shutil
import signal
from dataclasses import replace

import pytest
from huggingface_hub import utils

from flancollect.errors import CheckError, FlancollectError, SourceError, UsageError
from flancollect.export import ExportOptions, export
from tests.builds import build, small_jobs
from tests.hub import Commit, Fault, File, Hub, User, repo_of, serving
from tests.hub.client import TOKEN, at_a_new_hub, everything_logged, files_of, logged_in, texts_of
from tests.small import command

REPO = "org/small"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's client's own
HUB_FILES = {".gitattributes"}


@pytest.fixture
def client(tmp_path):
    with at_a_new_hub(tmp_path / "home") as client:
        yield client


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A build folder with its export, copied for every test."""
    out = tmp_path_factory.mktemp("made") / "build"
    build(out, small_jobs())
    export(out, ExportOptions(out=out / ".work" / "publish", address=REPO))
    return out


@pytest.fixture
def out(made, tmp_path):
    return shutil.copytree(made, tmp_path / "build")


def exported(out):
    return files_of(out / ".work" / "publish")


def on_hub(hub, repo=REPO, revision="main"):
    return {
        path: content for path, content in hub.repos[repo].files(revision).items() if path not in HUB_FILES
    }


def puts(hub):
    return sum(asked.up for asked in hub.asked("PUT", "/"))


def changed(out, text="Changed: "):
    """Build again with one job of three changed."""
    jobs = small_jobs()
    rows = jobs["rte", "zs_opt"]
    inputs = [f"{text}{value}" for value in rows["inputs"].to_pylist()]
    jobs["rte", "zs_opt"] = rows.set_column(rows.schema.get_field_index("inputs"), "inputs", [inputs])
    return build(out, jobs)


# --- what is published -------------------------------------------------------------------------------------


def test_the_repository_holds_the_export_and_nothing_else(client, out):
    done = client.publish(out)
    repo = client.hub.repos[REPO]
    assert on_hub(client.hub) == exported(out)
    assert {"README.md", "ATTRIBUTION.md", "citations.bib", "build-manifest.json", "export.json"} < on_hub(
        client.hub
    ).keys()
    assert len(repo.history()) == 2
    assert done.committed
    assert done.commit == repo.head().sha
    assert done.uploaded == {name: len(content) for name, content in exported(out).items()}
    assert done.url == f"{client.hub.endpoint}/datasets/{REPO}/tree/main"
    assert repo.tags == {f"content-{done.content_hash[:12]}": done.commit}
    assert client.said == []


def test_the_card_names_the_dataset(client, out):
    client.publish(out)
    assert f'load_dataset("{REPO}"' in on_hub(client.hub)["README.md"].decode()


def test_equal_content_is_not_committed_or_sent_twice(client, out):
    first = client.publish(out)
    client.hub.log.clear()
    second = client.publish(out)
    assert (second.commit, second.committed, second.uploaded) == (first.commit, False, {})
    assert second.unchanged == len(exported(out))
    assert not [asked for asked in client.hub.log if asked.method in ("POST", "PUT")]
    assert len(client.hub.repos[REPO].history()) == 2


def test_a_change_sends_only_what_changed(client, out):
    client.publish(out)
    client.hub.log.clear()
    before = exported(out)
    changed(out)
    done = client.publish(out)
    after = exported(out)
    differ = {name for name in after if before.get(name) != after[name]}
    large = [len(after[name]) for name in differ if name.endswith(".parquet")]
    assert done.uploaded.keys() == differ
    assert not any(name.startswith(("flan2021_fs", "citations")) for name in differ)
    assert puts(client.hub) == sum(large)
    assert on_hub(client.hub) == after
    assert len(client.hub.repos[REPO].history()) == 3


def test_files_of_an_earlier_export_go_and_those_of_people_stay(client, out):
    client.publish(out)
    repo = client.hub.repos[REPO]
    repo.add("main", "by hand", [("file", {"path": "notes.md", "content": b"mine"})], None)
    jobs = small_jobs()
    del jobs["rte", "fs_noopt"]
    build(out, jobs)
    done = client.publish(out)
    assert done.removed == ("flan2021_fs_noopt/train-00000-of-00001.parquet",)
    assert on_hub(client.hub) == {**exported(out), "notes.md": b"mine"}


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(client, out):
    planned = client.publish(out, dry_run=True)
    assert (planned.commit, planned.committed) == (None, False)
    assert client.hub.repos == {}
    done = client.publish(out)
    assert planned.uploaded == done.uploaded
    changed(out)
    again = client.publish(out, dry_run=True)
    assert (again.commit, again.committed) == (done.commit, False)
    assert 0 < len(again.uploaded) < len(done.uploaded)
    assert len(client.hub.repos[REPO].history()) == 2


def test_a_branch_is_made_from_main(client, out):
    client.publish(out)
    changed(out)
    done = client.publish(out, revision="next", tag="v2")
    repo = client.hub.repos[REPO]
    assert on_hub(client.hub, revision="next") == exported(out)
    assert repo.branches["next"] == done.commit == repo.tags["v2"]
    assert len(repo.history("main")) == 2
    assert len(repo.history("next")) == 3


def test_large_files_go_in_parts_when_the_hub_wants_it(client, out):
    client.hub.part_bytes = 1500
    client.publish(out)
    assert on_hub(client.hub) == exported(out)
    assert len(client.hub.asked("PUT", "/part/")) > 3


def test_the_endpoint_is_read_when_it_is_asked_for(client, out):
    client.publish(out)
    with serving(Hub(users=client.hub.users)) as other:
        with logged_in(other.endpoint, out):
            done = client.publish(out)
        assert on_hub(other) == exported(out)
        assert done.url.startswith(other.endpoint)


def test_tags_are_never_moved(client, out):
    first = client.publish(out, tag="v1")
    assert client.publish(out, tag="v1").commit == first.commit
    changed(out)
    client.hub.log.clear()
    with pytest.raises(UsageError, match=rf"--tag v1: names commit {first.commit[:12]} of {REPO} already"):
        client.publish(out, tag="v1")
    assert puts(client.hub) == 0
    build(out, small_jobs())
    client.publish(out)
    assert client.hub.repos[REPO].tags[f"content-{first.content_hash[:12]}"] == first.commit


def test_a_missing_tag_is_made_when_nothing_else_is_left(client, out):
    done = client.publish(out)
    client.hub.repos[REPO].tags.clear()
    assert not client.publish(out).committed
    assert list(client.hub.repos[REPO].tags.values()) == [done.commit]


# --- what is refused ---------------------------------------------------------------------------------------


def test_private_is_for_new_datasets(client, out):
    client.publish(out, "org/hidden", private=True)
    assert client.hub.repos["org/hidden"].private
    assert not client.publish(out, "org/hidden", private=True).committed
    client.publish(out)
    assert not client.hub.repos[REPO].private
    with pytest.raises(UsageError, match="exists and is public: make it private at"):
        client.publish(out, private=True)


@pytest.mark.parametrize(
    "files", [{"train.csv": b"a\n"}, {"README.md": b"# mine"}, {"export.json": b'{"of": "something else"}'}]
)
def test_a_repository_of_something_else_is_left_alone(client, out, files):
    client.hub.repos[REPO] = repo_of(REPO, {"a" * 40: files})
    name = next(iter(files))
    with pytest.raises(UsageError, match=f"is no dataset of flancollect: it holds {name}"):
        client.publish(out)
    assert client.hub.repos[REPO].files() == files
    assert puts(client.hub) == 0


def test_a_new_repository_made_by_hand_is_taken(client, out):
    client.hub.repos[REPO] = repo_of(REPO, {"a" * 40: {".gitattributes": b""}})
    client.publish(out)
    assert on_hub(client.hub) == exported(out)


def test_without_a_token_it_says_how_to_log_in(client, out):
    with (
        logged_in(client.hub.endpoint, out, token=None),
        pytest.raises(UsageError, match=r"needs a token .*`hf auth login`, or set HF_TOKEN"),
    ):
        client.publish(out)
    assert client.hub.log == []


def test_a_token_that_the_hub_does_not_know(client, out):
    with (
        logged_in(client.hub.endpoint, out, token="hf_mistyped"),
        pytest.raises(UsageError, match="the Hub does not know this token: log in") as caught,
    ):
        client.publish(out)
    assert "hf_mistyped" not in texts_of(caught.value)


def test_another_namespace_is_forbidden(client, out):
    with pytest.raises(
        UsageError, match=r"may not make one under elsewhere. It is of alice; namespaces: alice, org"
    ):
        client.publish(out, "elsewhere/small")
    client.hub.users["hf_bob"] = User(name="bob")
    client.publish(out)
    with logged_in(client.hub.endpoint, out, token="hf_bob"):
        changed(out)
        with pytest.raises(UsageError, match=r"your token may not do this: .* It is of bob; namespaces: bob"):
            client.publish(out)
    assert len(client.hub.repos[REPO].history()) == 2


@pytest.mark.parametrize("name", ["small", "org/", "org/a/b", "-org/a", "../x/y", "org/a b"])
def test_a_name_that_is_none(client, out, name):
    with pytest.raises(UsageError, match="it looks like ORG/NAME"):
        client.publish(out, name)
    assert client.hub.log == []


def test_a_tag_is_no_branch(client, out):
    client.publish(out, tag="v1")
    with pytest.raises(UsageError, match="--revision v1: is a tag"):
        client.publish(out, revision="v1")


def test_a_damaged_build_is_not_published(client, out):
    shard = sorted(out.glob("data-*.arrow"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(CheckError, match=shard.name):
        client.publish(out)
    assert client.hub.repos == {}


def test_an_export_that_rotted_is_not_published(client, out):
    path = out / ".work" / "publish" / "citations.bib"
    path.write_bytes(path.read_bytes().swapcase())
    with pytest.raises(CheckError, match=r"citations.bib: changed since it was exported; delete"):
        client.publish(out)
    assert puts(client.hub) == 0


def test_a_hub_without_xet_says_how_to_do_without(client, out, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
    with pytest.raises(UsageError, match="this Hub has no Xet store; set HF_HUB_DISABLE_XET=1"):
        client.publish(out)


# --- failures ----------------------------------------------------------------------------------------------


def test_a_hub_that_is_not_there(client, out):
    with (
        logged_in("http://127.0.0.1:9", out),
        pytest.raises(SourceError, match=r"cannot be reached: .*refused.*run the same command again"),
    ):
        client.publish(out)


def test_too_many_requests_are_waited_out(client, out):
    headers = {"Retry-After": "7"}
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
    for path in ("refs", "/upload/", "/verify/", "/commit/", "/tag/"):
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
        _kill_at(client, out, REPO, moment)
        before = _committed(client.hub, REPO)
        done = client.publish(out)
        assert on_hub(client.hub) == exported(out)
        assert len(client.hub.repos[REPO].history()) == 2
        assert list(client.hub.repos[REPO].tags.values()) == [done.commit]
        assert done.committed == (not before)


def _kill_at(client, out, repo, moment):
    """Kill a publishing process when the Hub comes to its `moment`-th event; the Hub carries the request out."""
    seen = []

    def watch(stage, path):
        seen.append(path)
        if len(seen) == moment:
            os.kill(process.pid, signal.SIGKILL)

    client.hub.watcher = watch
    process = client.start_publish(out, repo)
    process.join(60)
    client.hub.watcher = lambda stage, path: None
    assert process.exitcode == -signal.SIGKILL


def _committed(hub, repo):
    return repo in hub.repos and len(hub.repos[repo].history()) == 2


def test_killed_again_and_again_nothing_is_sent_twice(client, out):
    """Ten kills over one publication; what the Hub has got of it in the end is not sent again."""
    moments = random.Random(5)
    for _ in range(10):
        _kill_at(client, out, REPO, moments.randrange(1, 14))
        assert set(client.hub.repos.get(REPO, repo_of(REPO, {"a" * 40: {}})).files()) <= {".gitattributes"}
    client.hub.log.clear()
    known = sum(map(len, client.hub.repos[REPO].objects.values()))
    client.publish(out)
    large = sum(len(content) for name, content in exported(out).items() if name.endswith(".parquet"))
    assert puts(client.hub) == large - known
    assert on_hub(client.hub) == exported(out)
    assert len(client.hub.repos[REPO].history()) == 2


# --- what is said ------------------------------------------------------------------------------------------


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
    utils.logging.set_verbosity_debug()
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


def test_the_command_prints_what_was_done(client, out):
    ran = command("publish", out, REPO, "--dry-run", catalogue=None)
    assert ran.code == 0
    assert "would send default/train-00000-of-00001.parquet, " in ran.out
    assert f"{REPO} at main (a new branch or dataset): 120 rows; 9 files to send" in ran.out
    ran = command("publish", out, REPO, "--tag", "v1", "--json", catalogue=None)
    said = json.loads(ran.out)
    assert said["commit"] == client.hub.repos[REPO].head().sha
    assert said["tags"] == [f"content-{said['content_hash'][:12]}", "v1"]
    assert "upload, kB: " in ran.err
    ran = command("publish", out, REPO, catalogue=None)
    assert f"{REPO}: 120 rows; 0 files sent (0.0 MB), 0 removed, 9 unchanged" in ran.out
    assert "(was there already)" in ran.out


def test_the_command_fails_in_plain_words(client, out):
    ran = command("publish", out, "elsewhere/small", catalogue=None)
    assert ran.code == 2
    assert ran.err.startswith("error: elsewhere/small: there is no such dataset")
    assert "Traceback" not in ran.err
