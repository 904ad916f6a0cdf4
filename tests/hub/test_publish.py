import json

import pytest

from flancollect.errors import CheckError, UsageError
from tests.builds import build, small_jobs
from tests.hub import Hub, User, repo_of, serving
from tests.hub.client import REPO, changed, export_in, exported, logged_in, on_hub, puts, texts_of
from tests.small import command

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's client's own


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


def test_the_endpoint_is_that_of_the_hubs_client(client, out):
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
    path = export_in(out) / "citations.bib"
    path.write_bytes(path.read_bytes().swapcase())
    with pytest.raises(CheckError, match=r"citations.bib: changed since it was exported; delete"):
        client.publish(out)
    assert puts(client.hub) == 0


def test_a_hub_without_xet_says_how_to_do_without(client, out, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
    with pytest.raises(UsageError, match="this Hub has no Xet store; set HF_HUB_DISABLE_XET=1"):
        client.publish(out)


# --- what is said ------------------------------------------------------------------------------------------


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
