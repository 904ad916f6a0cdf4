from pathlib import Path

import pytest

from flancollect.cards.models import FileSource, HubSource, SyntheticSource
from flancollect.errors import SourceError
from flancollect.sources import describe, open_table, source_key
from flancollect.sources.table import Access

OFFLINE = Access(offline=True)


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
