import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flancollect.errors import SourceError
from flancollect.sources.parquet import ParquetSource, open_parquet


class Counted(io.BytesIO):
    """A file that counts the bytes read from it."""

    def __init__(self, data, counts):
        super().__init__(data)
        self._counts = counts

    def read(self, *args):
        data = super().read(*args)
        self._counts.append(len(data))
        return data


def _bytes(table, group=100):
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=group, compression="none", use_dictionary=False)
    return out.getvalue()


def _file(name, table, counts=None, group=100):
    data = _bytes(table, group)
    counts = [] if counts is None else counts
    return ParquetSource(name=name, open=lambda: Counted(data, counts))


def _rows(first, rows):
    return pa.table({"id": range(first, first + rows), "text": ["x" * 100] * rows})


@pytest.mark.parametrize("ids", [[], [0], [99, 100], [0, 249, 250, 399], list(range(400))])
def test_rows_come_in_order_across_groups_and_files(ids):
    table = open_parquet([_file("a", _rows(0, 250)), _file("b", _rows(250, 150))])
    assert table.rows == 400
    assert table.take(np.array(ids, dtype=np.int64), ["id"]).columns == {"id": ids}


def test_columns_come_in_the_order_asked():
    taken = open_parquet([_file("a", _rows(0, 5))]).take(np.array([3]), ["text", "id"])
    assert list(taken.columns) == ["text", "id"]


def test_only_the_needed_groups_and_columns_are_read():
    counts = []
    table = open_parquet([_file("a", _rows(0, 10_000), counts)])
    counts.clear()
    table.take(np.array([5000, 5001]), ["id"])
    assert 0 < sum(counts) < 2 * 100 * 8 + 1000
    counts.clear()
    table.take(np.array([5000]), ["text"])
    assert 100 * 100 < sum(counts) < 2 * 100 * 104


def test_odd_column_names_and_nested_columns_are_taken():
    rows = pa.table({"a.b": [1], "a": [{"b": "x"}], "": [2], "{{ c }}": [[{"d": 3}]]})
    names = ["{{ c }}", "a.b", "a", ""]
    taken = open_parquet([_file("a", rows)]).take(np.array([0]), names)
    assert taken.rows() == [{"{{ c }}": [{"d": 3}], "a.b": 1, "a": {"b": "x"}, "": 2}]


def test_files_of_other_columns_are_refused_naming_both():
    other = pa.table({"id": ["1"], "text": ["x"]})
    with pytest.raises(SourceError) as caught:
        open_parquet([_file("a", _rows(0, 1)), _file("b", other)])
    assert str(caught.value) == (
        "b: its columns (id: string, text: string) differ from those of a (id: int64, text: string)"
    )


def test_two_columns_of_one_name_are_refused():
    rows = pa.table([[1], [2]], names=["a", "a"])
    with pytest.raises(SourceError, match=r"a: two columns have the same name \(a, a\)"):
        open_parquet([_file("a", rows)])


@pytest.mark.parametrize("damage", [lambda data: b"PAR1", lambda data: b"", lambda data: data[:-20]])
def test_a_damaged_file_is_named(damage):
    data = damage(_bytes(_rows(0, 10)))
    with pytest.raises(SourceError, match=r"^bad: not a readable Parquet file: "):
        open_parquet([ParquetSource(name="bad", open=lambda: io.BytesIO(data))])


def test_damage_in_a_row_group_is_an_error_when_it_is_read():
    data = bytearray(_bytes(_rows(0, 1000)))
    data[4:40] = b"\xff" * 36
    table = open_parquet([ParquetSource(name="bad", open=lambda: io.BytesIO(bytes(data)))])
    with pytest.raises(SourceError, match=r"^bad: not a readable Parquet file: "):
        table.take(np.array([0]), ["id"])


def test_rows_and_columns_that_do_not_exist_are_refused():
    table = open_parquet([_file("a", _rows(0, 5))])
    with pytest.raises(SourceError, match="row 5 was asked for, but only 5 exist"):
        table.take(np.array([5]), ["id"])
    with pytest.raises(SourceError, match=r'no column "txt"\. Columns: id, text\. Did you mean "text"\?'):
        table.take(np.array([0]), ["txt"])
