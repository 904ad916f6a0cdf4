from pathlib import Path

import pytest

from flancollect.artifacts import SourceLock
from flancollect.cards.source_card import SOURCES, FileSource, HubSource, SyntheticSource
from flancollect.errors import SourceError
from flancollect.sources import describe, locations, open_table, source_key, waits
from flancollect.sources.kinds import KINDS
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

OFFLINE = SourceAccess(offline=True)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (HubSource(hub="nyu-mll/glue", config="rte"), "hub:nyu-mll/glue/rte@main"),
        (HubSource(hub="a/b", config="c@d%", revision="refs/x"), "hub:a/b/c%40d%25@refs/x"),
        (FileSource(files="https://h/a.csv", format="csv"), "files:csv:https://h/a.csv"),
        (
            FileSource(files="https://h/a.json", format="json", rows="x"),
            'files:json:https://h/a.json {"rows":"x"}',
        ),
        (
            SyntheticSource(synthetic="reverse", items="letters", rows=5),
            "synthetic:reverse?items=letters&rows=5&validation_rows=200&test_rows=200",
        ),
    ],
)
def test_keys_are_readable(source, key):
    assert source_key(source) == key


def test_every_source_that_a_card_can_name_is_of_a_kind():
    assert KINDS.keys() == set(SOURCES.values())


def test_different_sources_have_different_keys():
    sources = [
        HubSource(hub="a/b"),
        HubSource(hub="a/b", config="main"),
        HubSource(hub="a/b", config="c@d", revision="e"),
        HubSource(hub="a/b", config="c", revision="d@e"),
        HubSource(hub="a/b", config="c%40d", revision="e"),
        *(FileSource(files="x", format=each) for each in ("csv", "tsv", "json", "text")),
        FileSource(files="y", format="csv"),
        FileSource(files={"test": "x"}, format="csv"),
        FileSource(files="x", format="csv", columns=["a"]),
        FileSource(files="x", format="csv", columns=["a,b"]),
        FileSource(files="x", format="csv", columns=["a", "b"]),
        FileSource(files="x", format="csv", encoding="latin-1"),
        FileSource(files="x", format="csv", quoting="none"),
        FileSource(files="x", format="csv", beside={"a": "b"}),
        SyntheticSource(synthetic="a"),
        SyntheticSource(synthetic="a", rows=1),
        SyntheticSource(synthetic="a", validation_rows=1),
        SyntheticSource(synthetic="a", test_rows=1),
        SyntheticSource(synthetic="a", x="1"),
        SyntheticSource(synthetic="a", x="1", y="2"),
        SyntheticSource(synthetic="a", x="1&y=2"),
    ]
    assert len({source_key(source) for source in sources}) == len(sources)


# --- what waits --------------------------------------------------------------------------------------------

ONLINE = SourceAccess()
COMMIT = SourceLock(revision="a" * 40, splits={})


@pytest.mark.parametrize(
    ("source", "access", "known", "waiting"),
    [
        (HubSource(hub="a/b"), ONLINE, None, True),
        (HubSource(hub="a/b"), ONLINE, SourceLock(revision="sha256:0", splits={}), True),
        (HubSource(hub="a/b"), ONLINE, COMMIT, False),
        (HubSource(hub="a/b"), OFFLINE, None, False),
        (FileSource(files="https://h/a", format="text"), ONLINE, None, True),
        (FileSource(files="hf://datasets/a/b/c", format="text"), ONLINE, COMMIT, True),
        (FileSource(files="https://h/a", format="text"), OFFLINE, None, False),
        (FileSource(files=["a", "https://h/a"], format="text"), ONLINE, None, True),
        (FileSource(files="a", format="text", beside={"b": "https://h/a"}), ONLINE, None, True),
        (FileSource(files="a", format="text"), ONLINE, None, False),
        (FileSource(files={"train": "none", "test": "\0"}, format="text"), ONLINE, None, False),
        (FileSource(files="file:///etc/passwd", format="text"), ONLINE, None, False),
        (SyntheticSource(synthetic="a"), ONLINE, None, False),
    ],
)
def test_only_what_asks_a_server_waits(tmp_path, source, access, known, waiting):
    (tmp_path / "a").write_text("x\n")
    assert waits(source, tmp_path, access, known) is waiting


@pytest.mark.parametrize(
    "source",
    [
        FileSource(files="https://h/data.txt", format="text"),
        FileSource(files="https://h/none.txt", format="text"),
        FileSource(files="https://h/../data.txt", format="text"),
        HubSource(hub="org/pairs"),
        HubSource(hub="org/none"),
    ],
)
def test_a_mirror_answers_at_once(tmp_path, mirror, source):
    assert not waits(source, tmp_path, mirror)


@pytest.mark.parametrize(
    "source",
    [
        FileSource(files="mirrored/data.txt", format="text"),
        FileSource(files="https://h/data.txt", format="text"),
        HubSource(hub="org/pairs"),
    ],
)
def test_large_files_wait_to_be_hashed(tmp_path, mirror, source, monkeypatch):
    monkeypatch.setattr(locations, "LARGE_FILE_BYTES", 4)
    assert waits(source, tmp_path, mirror)
    monkeypatch.setattr(locations, "LARGE_FILE_BYTES", 5)
    assert not waits(source, tmp_path, mirror)


@pytest.fixture
def mirror(tmp_path):
    """A mirror of one URL prefix and one Hub dataset, with one file of four bytes each."""
    for name in ("mirrored/data.txt", "hub/org/pairs/default/train.parquet"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"four")
    (tmp_path / "mirror.yaml").write_text('hub: [hub]\nurls: {"https://h/": mirrored}\n')
    return SourceAccess(mirror=load_mirror(tmp_path / "mirror.yaml"))


# --- opening -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_source_opens_as_it_was_locked(tmp_path, split):
    (tmp_path / "a").write_text("x\n")
    (tmp_path / "b").write_text("y\n")
    source = FileSource(files={"train": "a", "test": "b"}, format="text")
    lock = describe(source, tmp_path, OFFLINE)
    assert open_table(source, split, tmp_path, OFFLINE, lock).rows == lock.splits[split].rows
    assert open_table(source, split, tmp_path, OFFLINE, None).rows == 1


def test_a_source_that_changed_since_it_was_locked_is_refused(tmp_path):
    (tmp_path / "a").write_text("x\n")
    source = FileSource(files="a", format="text")
    lock = describe(source, tmp_path, OFFLINE)
    (tmp_path / "a").write_text("changed\n")
    with pytest.raises(
        SourceError, match=r"^files:text:a: changed since it was locked .*: run `flancollect lock`"
    ):
        open_table(source, "train", tmp_path, OFFLINE, lock)


def test_synthetic_sources_are_described_and_opened_alike():
    source = SyntheticSource(synthetic="select_reorder", operation="reverse", items="letters", rows=20)
    lock = describe(source, Path(), OFFLINE)
    assert lock.revision.startswith("synthetic:")
    assert open_table(source, "train", Path(), OFFLINE, lock).rows == lock.splits["train"].rows == 20
    old = lock.model_copy(update={"revision": "synthetic:0"})
    with pytest.raises(SourceError, match="changed since it was locked"):
        open_table(source, "train", Path(), OFFLINE, old)


def test_an_unknown_generator_lists_those_that_exist():
    with pytest.raises(SourceError, match=r'no generator "sort".*sorting'):
        describe(SyntheticSource(synthetic="sort"), Path(), OFFLINE)
