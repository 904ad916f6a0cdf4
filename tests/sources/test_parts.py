import gc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flancollect.errors import SourceError
from flancollect.sources import parts
from flancollect.sources.parts import Spool, merged, table_of
from flancollect.sources.table import SourceAccess
from flancollect.sources.values import JSON


def json_column(*texts):
    return pa.ExtensionArray.from_storage(JSON, pa.array(texts, JSON.storage_type))


TABLES = [
    pa.table({"n": range(5), "t": [f"text {i}" * 20 for i in range(5)]}),
    pa.table({"t": json_column("[1]", None, '"x"'), "n": [5, 6, 7]}),
    pa.table({"n": [8]}),
]
ROWS = [
    *({"n": i, "t": f"text {i}" * 20} for i in range(5)),
    {"n": 5, "t": [1]},
    {"n": 6},
    {"n": 7, "t": "x"},
    {"n": 8},
]


@pytest.mark.parametrize("memory_bytes", [0, 300, 1 << 20])
@pytest.mark.parametrize("ids", [[], [0, 8], [3, 4, 5, 6], list(range(9))])
def test_rows_are_the_same_from_memory_and_from_disk(tmp_path, monkeypatch, memory_bytes, ids):
    monkeypatch.setattr(parts, "PIECE_BYTES", 200)
    table = table_of(TABLES, sparse=True, spool=Spool(SourceAccess(cache=tmp_path), memory_bytes))
    assert table.rows == 9
    assert table.take(np.array(ids, dtype=np.int64), ["n", "t"]).rows() == [ROWS[i] for i in ids]
    assert table.take(np.array(ids, dtype=np.int64), ["t"]).rows() == [
        {name: value for name, value in ROWS[i].items() if name == "t"} for i in ids
    ]


def test_what_lies_on_disk_has_no_name_and_is_gone_with_its_table(tmp_path):
    def open_files():
        links = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
        return [link for link in links if link.is_relative_to(tmp_path)]

    table = table_of(TABLES, spool=Spool(SourceAccess(cache=tmp_path), 0))
    assert list((tmp_path / "spool").iterdir()) == []
    assert len(open_files()) == 1
    del table
    gc.collect()
    assert open_files() == []


def test_a_cache_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        SourceError, match="file/spool: rows that are too many for memory go through the cache"
    ):
        table_of(TABLES, spool=Spool(SourceAccess(cache=tmp_path / "file"), 0))


def test_few_rows_write_nothing(tmp_path):
    table_of(TABLES, spool=Spool(SourceAccess(cache=tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_neighbours_of_one_type_become_one_piece(monkeypatch):
    monkeypatch.setattr(parts, "MERGED_BYTES", 40)
    pieces = [pa.table({"n": [i, i]}) for i in range(4)] + [pa.table({"n": ["x"]}), pa.table({"n": ["y"]})]
    joined = list(merged(pieces))
    assert [piece["n"].to_pylist() for piece in joined] == [[0, 0, 1, 1], [2, 2, 3, 3], ["x", "y"]]
    assert all(piece["n"].num_chunks == 1 for piece in joined)


@pytest.mark.parametrize("kind", [pa.string_view(), pa.list_(pa.string_view()), pa.list_view(pa.string())])
def test_rows_of_young_types_can_be_picked(kind):
    values = ["a", "b", "c"] if kind == pa.string_view() else [["a"], ["b"], []]
    table = table_of(pa.table({"c": pa.array(values, kind)}))
    assert table.take(np.array([0, 2]), ["c"]).columns == {"c": [values[0], values[2]]}
