import json
import random

import pyarrow.parquet as pq
import pytest

from flancollect.artifacts import Export, Manifest
from flancollect.dataset import restore
from flancollect.dataset.reader import read_manifest
from flancollect.dataset.verify import verify
from flancollect.errors import CheckError, FlancollectError, SourceError, UsageError
from flancollect.exports.export import ExportOptions, export
from flancollect.hub.remote import connect, silenced_client
from flancollect.hub.repository import download_file
from tests.builds import build, small_jobs
from tests.hub import Fault, Hub, repo_of
from tests.hub.client import REPO, TOKEN, export_in, exported, files_of, logged_in, texts_of
from tests.small import command

ROWS = "default/train-00000-of-00001.parquet"
COMMIT = "c" * 40


@pytest.fixture
def client(client, made):
    """A user of a Hub that holds the export."""
    put(client.hub, exported(made))
    return client


@pytest.fixture
def original(made):
    return files_of(made)


def put(hub: Hub, files, **settings):
    hub.repos[REPO] = repo_of(REPO, {"b" * 40: {}, COMMIT: files}, **settings)


def edited(made, **changes):
    """The export's files with changed ones, listed in export.json as they are now."""
    files = {**exported(made), **{name.replace("__", "/"): data for name, data in changes.items()}}
    listed = json.loads(files["export.json"])
    for entry in listed["files"]:
        entry["sha256"] = repo_of("a/b", {COMMIT: {"x": files[entry["file"]]}}).head().files["x"].sha256
    return {**files, "export.json": json.dumps(listed).encode()}


def manifest_with(made, **changes):
    manifest = Manifest.model_validate_json((made / "manifest.json").read_bytes())
    return manifest.model_copy(update=changes).model_dump_json().encode()


def test_a_pulled_folder_is_the_build_byte_for_byte(client, tmp_path, original):
    done = client.pull(tmp_path / "out")
    assert files_of(tmp_path / "out") == original
    shards = verify(tmp_path / "out").shards
    assert shards > 2
    assert (done.commit, done.rows, done.shards, done.reused, done.same_bytes) == (
        COMMIT,
        120,
        shards,
        False,
        True,
    )
    assert not (tmp_path / "out" / ".work" / "pull").exists()


def test_only_the_default_configuration_is_downloaded(client, tmp_path):
    client.pull(tmp_path / "out")
    got = {asked.path.rpartition("resolve/")[2] for asked in client.hub.asked("GET", "/resolve/")}
    got |= {asked.path.split("/", 5)[5] for asked in client.hub.asked("GET", "/cdn/")}
    assert got == {f"{COMMIT}/export.json", f"{COMMIT}/build-manifest.json", ROWS}


def test_what_is_there_already_is_not_downloaded_again(client, tmp_path, original):
    client.pull(tmp_path / "out")
    client.hub.log.clear()
    assert client.pull(tmp_path / "out").reused
    assert client.hub.sent(".parquet") == 0
    shard = tmp_path / "out" / "state.json"
    shard.write_bytes(b"rotten")
    assert not client.pull(tmp_path / "out").reused
    assert files_of(tmp_path / "out") == original


def test_a_revision_is_a_commit_a_tag_or_a_branch(client, tmp_path, made, original):
    repo = client.hub.repos[REPO]
    repo.tags["v1"] = COMMIT
    repo.add("main", "empty", [("deletedFile", {"path": "export.json"})], None)
    for revision in ("v1", COMMIT):
        client.pull(tmp_path / revision, revision=revision)
        assert files_of(tmp_path / revision) == original
    with pytest.raises(CheckError, match=r"`flancollect publish` put there: it has no export.json at main"):
        client.pull(tmp_path / "main")
    with pytest.raises(SourceError, match="no such branch, tag or commit"):
        client.pull(tmp_path / "none", revision="v9")


def test_it_all_comes_from_one_commit(client, tmp_path, original):
    def meddle(stage, path):
        if stage == "done" and path.endswith("revision/main"):
            client.hub.repos[REPO].add("main", "later", [("deletedFile", {"path": ROWS})], None)

    client.hub.watcher = meddle
    client.pull(tmp_path / "out")
    assert files_of(tmp_path / "out") == original


def test_a_public_dataset_needs_no_token_and_a_private_one_does(client, tmp_path, made, original):
    with logged_in(client.hub.endpoint, tmp_path / "nobody", token=None):
        client.pull(tmp_path / "out")
        assert files_of(tmp_path / "out") == original
        put(client.hub, exported(made), private=True)
        with pytest.raises(
            SourceError, match=r"no such dataset on the Hub, or it is private: .*`hf auth login`"
        ):
            client.pull(tmp_path / "private")
    client.pull(tmp_path / "private")
    assert files_of(tmp_path / "private") == original
    assert not (tmp_path / "none").exists()


def test_the_token_stays_with_the_hub(client, tmp_path):
    client.pull(tmp_path / "out")
    assert {asked.token for asked in client.hub.log if asked.path.startswith("/cdn/")} == {""}
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


# --- what is refused ---------------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_left_alone(client, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds files that are no build of flancollect"):
        client.pull(tmp_path / "out")
    assert files_of(tmp_path / "out") == {"notes.txt": b"mine"}


def test_another_build_is_replaced_only_on_demand(client, tmp_path, made):
    for seed in (1, 2):
        recipe = {"name": "small", "kind": "mixture", "rows": 120, "seed": seed}
        files = edited(made, **{"build-manifest.json": manifest_with(made, recipe=recipe)})
        client.hub.repos[f"org/{seed}"] = repo_of(f"org/{seed}", {COMMIT: files})
    client.pull(tmp_path / "out", "org/1")
    before = files_of(tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds another build \(mixture small, 120 rows, seed 1\)"):
        client.pull(tmp_path / "out", "org/2")
    assert files_of(tmp_path / "out") == before
    client.pull(tmp_path / "out", "org/2", overwrite=True)
    assert read_manifest(tmp_path / "out").recipe["seed"] == 2


def test_a_newer_publication_of_the_same_mixture_updates_the_folder(client, tmp_path, made):
    client.pull(tmp_path / "out")
    build(tmp_path / "newer", small_jobs(41))
    export(tmp_path / "newer", tmp_path / "export", ExportOptions(address=REPO))
    put(client.hub, files_of(tmp_path / "export"))
    client.pull(tmp_path / "out")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "newer")


@pytest.mark.parametrize("name", ["../../evil.arrow", "/tmp/evil.arrow", "manifest.json", "data-0.arrow"])
def test_no_file_is_written_outside_its_place(client, tmp_path, made, name):
    manifest = read_manifest(made)
    shards = [manifest.shards[0].model_copy(update={"file": name}), *manifest.shards[1:]]
    put(client.hub, edited(made, **{"build-manifest.json": manifest_with(made, shards=shards)}))
    with pytest.raises(CheckError, match="no name of a shard"):
        client.pull(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def rows_of(made):
    return pq.read_table(export_in(made) / ROWS)


def parquet(table, path):
    pq.write_table(table, path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.slice(0, 119), "fewer rows than the manifest says"),
        (lambda t: t.take([*range(120), 0]), "more rows than the manifest says"),
        (lambda t: t.take([1, 0, *range(2, 120)]), r"rows of data-00000-of-0000\d.arrow are not those of"),
        (lambda t: t.drop_columns(["targets"]), "columns are "),
        (lambda t: t.set_column(0, "inputs", [[b"\xff"] * 120]), "the rows are not those of a mixture"),
    ],
)
def test_other_rows_than_the_manifest_says(client, tmp_path, made, change, message):
    put(client.hub, edited(made, **{ROWS: parquet(change(rows_of(made)), tmp_path / "changed.parquet")}))
    with pytest.raises(CheckError, match=message):
        client.pull(tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({ROWS: b"PAR1 and nothing"}, f"{ROWS}: not the file that export.json lists"),
        ({"build-manifest.json": b"{}"}, "build-manifest.json is not the one that export.json lists"),
        ({"export.json": b'{"kind": "x"}'}, "not a Export of this version"),
    ],
)
def test_files_that_are_not_what_is_listed(client, tmp_path, made, changes, message):
    put(client.hub, {**exported(made), **changes})
    with pytest.raises(CheckError, match=message):
        client.pull(tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_lists_that_contradict_each_other(client, tmp_path, made):
    found = Export.model_validate_json((export_in(made) / "export.json").read_bytes())
    wrong = found.model_copy(update={"files": [file for file in found.files if file.file != ROWS]})
    put(client.hub, {**exported(made), "export.json": wrong.model_dump_json().encode()})
    with pytest.raises(
        CheckError, match=r"0 rows in its files, 120 in export.json, 120 in build-manifest.json"
    ):
        client.pull(tmp_path / "out")


def test_an_export_without_provenance_is_no_build(client, tmp_path, made):
    export(made, tmp_path / "bare", ExportOptions(provenance=False, address=REPO))
    put(client.hub, files_of(tmp_path / "bare"))
    with pytest.raises(CheckError, match="exported without provenance"):
        client.pull(tmp_path / "out")


def test_shards_in_other_bytes_are_told_and_verified(client, tmp_path, monkeypatch, original):
    """Another version of Arrow, or of the batches that a shard has, changes bytes but no row."""
    monkeypatch.setattr(restore, "BATCH_ROWS", 7)
    done = client.pull(tmp_path / "out")
    assert not done.same_bytes
    assert verify(tmp_path / "out").rows == 120
    assert done.content_hash == json.loads(original["manifest.json"])["content_hash"]
    assert client.pull(tmp_path / "out").reused


# --- failures ----------------------------------------------------------------------------------------------


def test_no_such_dataset(client, tmp_path):
    with pytest.raises(SourceError, match="org/none: no such dataset on the Hub, or it is private"):
        client.pull(tmp_path / "out", "org/none")
    assert not (tmp_path / "out").exists()


def test_a_hub_that_is_not_there(client, tmp_path):
    with (
        logged_in("http://127.0.0.1:9", tmp_path),
        pytest.raises(SourceError, match=r"cannot be reached: .*run the same command again"),
    ):
        client.pull(tmp_path / "out")


@pytest.mark.parametrize("kind", ["status", "cut upload", "cut download"])
def test_passing_failures_are_retried(client, tmp_path, original, kind):
    paths = ("revision/main", "export.json", "build-manifest.json", "/cdn/")
    client.hub.fail(*(Fault(kind=kind, path=path, times=2) for path in paths))
    client.pull(tmp_path / "out")
    assert files_of(tmp_path / "out") == original


def test_when_the_hub_goes_away_the_same_command_goes_on(client, tmp_path, original):
    client.hub.fail(Fault(status=503, path="/cdn/"))
    with pytest.raises(SourceError, match=r"the Hub answers 503 .*run the same command again"):
        client.pull(tmp_path / "out")
    client.hub.fail()
    client.pull(tmp_path / "out")
    assert files_of(tmp_path / "out") == original


def test_a_large_file_goes_on_where_it_broke_off(client, tmp_path):
    large = bytes(24_000_000)
    put(client.hub, {"large.parquet": large})
    client.hub.fail(Fault(kind="cut download", path="/cdn/", times=1))
    with silenced_client():
        remote = connect(REPO, client.said.append, writing=False)
        assert download_file(remote, COMMIT, "large.parquet", tmp_path).read_bytes() == large
    assert 24_000_000 < client.hub.sent("large.parquet") < 26_000_000  # 12 of 24 MB were sent, 10 written


def test_killed_at_any_moment_the_same_command_goes_on(client, tmp_path, original):
    events, moments = [], random.Random(3)
    client.hub.watcher = lambda stage, path: events.append(path)
    client.pull(tmp_path / "undisturbed")
    for moment in moments.sample(range(1, len(events)), 4):
        out = tmp_path / f"out-{moment}"
        client.kill_at(moment, client.start_pull, out)
        client.pull(out)
        assert files_of(out) == original


def test_a_full_disk_is_told_in_plain_words(client, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flancollect.hub.pull.restore_shards", full)
    with pytest.raises(FlancollectError, match="No space left on device; what was downloaded is kept"):
        client.pull(tmp_path / "out")


# --- what is said ------------------------------------------------------------------------------------------


def test_the_command_prints_what_was_done(client, tmp_path, original):
    ran = command("pull", REPO, "--out", tmp_path / "out", catalogue=None)
    assert ran.code == 0
    shards = len(read_manifest(tmp_path / "out").shards)
    assert ran.out.startswith(
        f"{REPO}: 120 rows in {shards} shards, in {tmp_path / 'out'}\ncommit {COMMIT}\n"
    )
    assert "download: 1/1" in ran.err
    said = json.loads(command("pull", REPO, "--out", tmp_path / "out", "--json", catalogue=None).out)
    assert said["reused"]
    assert said["content_hash"] == json.loads(original["manifest.json"])["content_hash"]
    ran = command("pull", "org/none", "--out", tmp_path / "none", catalogue=None)
    assert (ran.code, ran.out) == (4, "")


def test_the_token_is_in_no_error(client, tmp_path):
    for fault in (Fault(status=403), Fault(status=401), Fault(status=500), Fault(kind="cut upload")):
        client.hub.fail(fault)
        with pytest.raises(FlancollectError) as caught:
            client.pull(tmp_path / "out")
        assert TOKEN not in texts_of(caught.value) + "".join(client.said)
