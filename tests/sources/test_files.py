import gzip
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError
from flancollect.sources import describe, locations
from flancollect.sources.files import open_split
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess
from tests.sources.loopback_files import Files, serving

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "cards").mkdir()
    return tmp_path / "cards"


@pytest.fixture
def access(tmp_path):
    return SourceAccess(cache=tmp_path / "cache", offline=True)


@pytest.fixture
def write(root):
    def write(name, data):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    return write


@pytest.fixture
def read(root, access):
    """All rows of a split, as columns."""

    def read(split="train", **source):
        table, _ = open_split(FileSource.model_validate(source), split, root, access, None)
        return table.take(np.arange(table.rows), table.schema.names).columns

    return read


# --- formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        ("csv", "a,b\nx,1\ny,2\n"),
        ("tsv", "a\tb\nx\t1\ny\t2\n"),
        ("jsonl", '{"a": "x", "b": "1"}\n{"a": "y", "b": "2"}\n'),
        ("json", '[{"a": "x", "b": "1"}, {"a": "y", "b": "2"}]'),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_gives_the_same_rows_packed_or_not(write, read, format_, data, packed):
    name = f"data/f.{format_}" + (".gz" if packed else "")
    write(name, gzip.compress(data.encode()) if packed else data)
    assert read(files=name, format=format_) == {"a": ["x", "y"], "b": ["1", "2"]}


def test_parquet_gives_its_rows(root, read):
    pq.write_table(pa.table({"a": [1, 2, 3]}), root / "f.parquet", row_group_size=2)
    assert read(files="f.parquet", format="parquet") == {"a": [1, 2, 3]}


def test_packed_parquet_is_refused(write, read):
    write("f.parquet.gz", gzip.compress(b"PAR1"))
    with pytest.raises(SourceError, match=r"f.parquet.gz: packed Parquet cannot be read in parts; unpack it"):
        read(files="f.parquet.gz", format="parquet")


def test_doc_is_the_rest_of_the_document(write, root, access):
    write("f.json", '{"Definition": ["do"], "Instances": [{"input": "x"}]}')
    source = FileSource(files="f.json", format="json", rows="Instances")
    table, _ = open_split(source, "train", root, access, None)
    assert table.doc == {"Definition": ["do"]}


def test_rows_are_taken_by_number_and_column(write, root, access):
    write("f.csv", "a,b\n" + "".join(f"{i},{-i}\n" for i in range(40_000)))
    table, _ = open_split(FileSource(files="f.csv", format="csv"), "train", root, access, None)
    ids = np.array([0, 16_383, 16_384, 39_999])
    assert table.rows == 40_000
    assert table.take(ids, ["b", "a"]).columns == {
        "b": [str(-i) for i in ids],
        "a": [str(i) for i in ids],
    }
    with pytest.raises(SourceError, match=r'no column "c"\. Columns: a, b\.'):
        table.take(ids, ["c"])


@pytest.mark.parametrize(
    ("format_", "data"), [("csv", "a,b\n"), ("text", ""), ("json", "[]"), ("jsonl", "\n\n"), ("tsv", "a\tb")]
)
def test_a_source_without_rows_is_an_error(write, read, format_, data):
    write("f", data)
    with pytest.raises(SourceError, match=r"^f: has no rows$"):
        read(files="f", format=format_)


@pytest.mark.parametrize(
    ("format_", "data", "empty"),
    [
        ("csv", "a,b\nx,1\n", "a,b\n"),
        ("csv", "a,b\nx,1\n", ""),
        ("tsv", "a\tb\nx\t1\n", "a\tb\n"),
        ("text", "x\n", ""),
        ("jsonl", '{"a": "x"}\n', ""),
        ("json", '[{"a": "x"}]', "[]"),
    ],
)
def test_one_split_may_be_empty(write, root, access, format_, data, empty):
    write("t", data)
    write("v", empty)
    source = FileSource(files={"train": "t", "validation": "v"}, format=format_)
    assert {name: split.rows for name, split in describe(source, root, access).splits.items()} == {
        "train": 1,
        "validation": 0,
    }
    table, _ = open_split(source, "validation", root, access, None)
    assert table.take(np.arange(0), table.schema.names).rows() == []


def test_splits_that_are_all_empty_are_an_error(write, root, access):
    write("t", "")
    write("v", "\n")
    with pytest.raises(SourceError, match=r"^t, v: has no rows$"):
        describe(FileSource(files={"train": "t", "validation": "v"}, format="jsonl"), root, access)


# --- splits and several files ------------------------------------------------------------------------------


def test_splits_have_their_own_files(write, read):
    write("a", "x\n")
    write("b", "y\nz\n")
    files = {"train": "a", "dev": ["b", "a"]}
    assert read("train", files=files, format="text") == {"text": ["x"]}
    assert read("dev", files=files, format="text") == {"text": ["y", "z", "x"]}
    with pytest.raises(SourceError, match=r'^a: no split "test"\. Splits: train, dev\.$'):
        read("test", files=files, format="text")


@pytest.mark.parametrize("format_", ["csv", "tsv"])
def test_files_that_name_other_columns_agree_on_those_that_are_read(write, root, access, format_):
    mark = {"csv": ",", "tsv": "\t"}[format_]
    write("one", "a,b\n1,2\n".replace(",", mark))
    write("none", "")
    write("no rows", "x\n")
    write("two", "c,a\n3,4\n".replace(",", mark))
    source = FileSource(files=["one", "none", "no rows", "two"], format=format_)
    table, _ = open_split(source, "train", root, access, None)
    assert table.take(np.arange(2), ["a"]).columns == {"a": ["1", "4"]}
    with pytest.raises(SourceError, match=r'^two: no column "b", which one has\. Columns: c, a$'):
        table.take(np.arange(2), ["a", "b"])


def test_rows_of_json_files_have_their_own_keys_and_values(write, root, access):
    write("one", '{"a": 1}\n')
    write("two", '{"a": "x", "b": [2]}\n')
    table, _ = open_split(FileSource(files=["one", "two"], format="jsonl"), "train", root, access, None)
    assert table.take(np.arange(2), ["a", "b"]).rows() == [{"a": 1}, {"a": "x", "b": [2]}]


def test_a_type_inferred_from_less_is_no_other_column(write, read):
    write("one", '{"a": null, "l": []}\n')
    write("two", '{"l": ["x"], "a": "y"}\n')
    assert read(files=["one", "two"], format="jsonl") == {"a": [None, "y"], "l": [[], ["x"]]}


def test_doc_keeps_what_all_documents_share(write, root, access):
    write("one", '{"name": "n", "part": 1, "rows": [{"a": 1}]}')
    write("two", '{"name": "n", "part": 2, "rows": [{"a": 2}]}')
    table, _ = open_split(
        FileSource(files=["one", "two"], format="json", rows="rows"), "train", root, access, None
    )
    assert (table.rows, table.doc) == (2, {"name": "n"})


# --- beside ------------------------------------------------------------------------------------------------


def test_line_files_are_joined_by_row(write, root, access):
    write("in.txt", "a\nb\nc\n")
    write("labels.gz", gzip.compress(b"0\n1\n\n"))
    source = FileSource(files="in.txt", format="text", beside={"label": "labels.gz"})
    table, _ = open_split(source, "train", root, access, None)
    assert table.schema.names == ["text", "label"]
    assert table.take(np.array([1, 2]), ["label", "text"]).columns == {
        "label": ["1", ""],
        "text": ["b", "c"],
    }
    assert table.take(np.array([0]), ["label"]).columns == {"label": ["0"]}
    with pytest.raises(SourceError, match='no column "labels"'):
        table.take(np.array([0]), ["labels"])


def test_line_files_may_differ_by_split(write, read):
    write("a", "x\n")
    write("b", "y\n")
    beside = {"train": {"t": "b"}, "dev": {"t": "a"}}
    assert read("dev", files={"train": "a", "dev": "b"}, format="text", beside=beside) == {
        "text": ["y"],
        "t": ["x"],
    }


def test_differing_lengths_are_an_error_with_both_counts(write, read):
    write("a", "x\ny\n")
    write("b", "1\n2\n3\n")
    with pytest.raises(SourceError, match=r"^b: 3 lines beside 2 rows: they are joined by line"):
        read(files="a", format="text", beside={"label": "b"})


def test_a_line_file_cannot_take_the_name_of_a_column(write, read):
    write("a", "x\n")
    with pytest.raises(SourceError, match=r'^a: beside: the rows already have a column "text"'):
        read(files="a", format="text", beside={"text": "a"})


# --- places ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    ["../out.txt", "a/../../out", "/etc/passwd", "file:///etc/passwd", "FILE:out.txt", "link", "dir/out.txt"],
)
def test_paths_stay_inside_the_catalogue(root, read, tmp_path, location):
    (tmp_path / "out.txt").write_text("secret\n")
    (root / "link").symlink_to(tmp_path / "out.txt")
    (root / "dir").symlink_to(tmp_path)
    with pytest.raises(SourceError) as caught:
        read(files=location, format="text")
    assert str(caught.value) == (
        f"path leaves the catalogue: {location}: put the data inside it, "
        f"or map a prefix to its folder in mirror.yaml"
    )


def test_links_inside_the_catalogue_are_followed(write, read, root):
    write("data/a.txt", "x\n")
    (root / "link.txt").symlink_to(root / "data/a.txt")
    assert read(files="link.txt", format="text") == {"text": ["x"]}


def test_a_missing_file_lists_its_neighbours(write, read):
    write("data/train.txt", "x\n")
    with pytest.raises(
        SourceError, match=r'no such file in .*Files there: train\.txt\. Did you mean "train\.txt"'
    ):
        read(files="data/trian.txt", format="text")


def test_a_folder_or_pipe_is_no_file(root, read):
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(SourceError, match=f"^{name}: no such file"):
            read(files=name, format="text")


def test_a_mirror_answers_for_its_prefixes_without_a_network(tmp_path, root):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.txt").write_text("x\n")
    (tmp_path / "mirror.yaml").write_text('urls: {"https://host.invalid/": m, "private://corp/": m}\n')
    access = SourceAccess(mirror=load_mirror(tmp_path / "mirror.yaml"), cache=tmp_path / "cache")
    for url in ("https://host.invalid/a.txt", "private://corp/a.txt"):
        assert open_split(FileSource(files=url, format="text"), "train", root, access, None)[0].rows == 1
    with pytest.raises(SourceError, match=r"https://host.invalid/b.txt: source unavailable: not in mirror"):
        open_split(FileSource(files="https://host.invalid/b.txt", format="text"), "train", root, access, None)
    assert not access.cache.exists()


def test_urls_that_no_mirror_maps_go_to_the_network(tmp_path, root):
    (tmp_path / "mirror.yaml").write_text("urls: {}\n")
    mirror = load_mirror(tmp_path / "mirror.yaml")
    with serving(Files(content={"/a.csv.gz": gzip.compress(b"a\nx\n")})) as files:
        source = FileSource(files=f"{files.url}/a.csv.gz", format="csv")
        table, _ = open_split(
            source, "train", root, SourceAccess(mirror=mirror, cache=tmp_path / "cache"), None
        )
        assert table.rows == 1
    offline = SourceAccess(mirror=mirror, cache=tmp_path / "other", offline=True)
    with pytest.raises(SourceError, match="the network is switched off"):
        open_split(source, "train", root, offline, None)


# --- revisions ---------------------------------------------------------------------------------------------


def test_the_revision_is_of_all_contents_in_order(write, root, access):
    write("a", "x\n")
    write("b", "y\n")
    of = lambda **source: describe(FileSource(format="text", **source), root, access).revision  # noqa: E731
    assert of(files=["a", "b"]) == of(files=["a", "b"])
    revisions = {
        of(files=["a", "b"]),
        of(files=["b", "a"]),
        of(files="a"),
        of(files="a", beside={"t": "b"}),
    }
    assert len(revisions) == 3
    assert all(len(revision) == len("sha256:") + 64 for revision in revisions)


def test_a_changed_file_has_another_revision_though_its_size_is_the_same(write, root, access):
    source = FileSource(files="a", format="text")
    write("a", "x\n")
    os.utime(root / "a", ns=(1, 1))
    before = describe(source, root, access).revision
    write("a", "y\n")
    assert describe(source, root, access).revision != before


def test_a_known_entry_that_still_holds_is_given_back_unread(write, root, access):
    write("a", "x\n")
    source = FileSource(files="a", format="text")
    known = describe(source, root, access)
    assert describe(source, root, access, known) is known
    write("a", "x\ny\n")
    assert describe(source, root, access, known).splits["train"].rows == 2


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that were hashed."""
    names, compute = [], locations.file_sha256
    monkeypatch.setattr(locations, "file_sha256", lambda path: names.append(path.name) or compute(path))
    return names


def test_a_file_is_hashed_once_and_again_when_it_changed(write, root, access, hashed):
    write("a", "x\n")
    write("b", "y\n")
    source = FileSource(files={"train": "a", "test": "b"}, format="text")
    describe(source, root, access)
    open_split(source, "test", root, access, None)
    assert hashed == ["a", "b"]
    os.utime(root / "b", ns=(1, 1))
    open_split(source, "train", root, access, None)
    assert hashed == ["a", "b", "b"]


def test_worker_processes_know_the_digests_of_their_parent(write, root, access, hashed):
    write("a", "x\n")
    source = FileSource(files="a", format="text")
    revision = describe(source, root, access).revision
    copy = pickle.loads(pickle.dumps(access))
    assert open_split(source, "train", root, copy, None)[1] == revision
    assert hashed == ["a"]
    write("a", "y\n")
    os.utime(root / "a", ns=(1, 1))
    assert open_split(source, "train", root, copy, None)[1] != revision


def test_describe_counts_rows_and_types_of_every_split(write, root, access):
    write("a", '{"t": "x", "n": 1, "l": [{"k": 1.5}]}\n')
    write("b", '{"t": "x"}\n{"t": null}\n')
    source = FileSource(files={"train": "a", "test": "b"}, format="jsonl")
    splits = describe(source, root, access).splits
    assert splits["train"].columns == {"t": "string", "n": "int64", "l": "json"}
    assert splits["test"].columns == {"t": "json"}
    assert (splits["train"].rows, splits["test"].rows) == (1, 2)


# --- real files --------------------------------------------------------------------------------------------

TASKS = SHARED / "data/natural_instructions_v2/tasks"


@pytest.mark.shared
@pytest.mark.skipif(not TASKS.is_dir(), reason="needs the folder shared beside the checkout")
def test_every_natural_instructions_file_opens_with_all_its_instances(tmp_path):
    access = SourceAccess(mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=tmp_path)
    for path in sorted(TASKS.glob("*.json")):
        url = f"https://raw.githubusercontent.com/allenai/natural-instructions/master/tasks/{path.name}"
        source = FileSource(files=url, format="json", rows="Instances")
        table, _ = open_split(source, "train", tmp_path, access, None)
        instances = json.loads(path.read_text(encoding="utf-8"))["Instances"]
        taken = table.take(np.arange(table.rows), ["input", "output"]).rows()
        assert taken == [{"input": one["input"], "output": one["output"]} for one in instances]
        assert "Definition" in table.doc
        assert "Instances" not in table.doc
