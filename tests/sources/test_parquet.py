import io
from datetime import datetime

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


def _taken(*tables, columns=None):
    """All values of files of these tables, by column, and the kinds of row that cannot be read."""
    table = open_parquet([_file(f"f{number}", each) for number, each in enumerate(tables)])
    values = table.take(np.arange(table.rows), table.schema.names if columns is None else columns)
    assert not values.unreadable
    return values.columns


@pytest.mark.parametrize(
    ("first", "second", "values"),
    [
        (pa.array(["a"]), pa.array(["b"], pa.large_string()), ["a", "b"]),
        (pa.array(["a"]), pa.array(["b"], pa.string_view()), ["a", "b"]),
        (pa.array(["a"]), pa.array([b"b"]), ["a", "b"]),
        (pa.array([b"a"]), pa.array(["b"]).dictionary_encode(), ["a", "b"]),
        (pa.nulls(1), pa.array(["b"]), [None, "b"]),
        (pa.array(["a"]), pa.nulls(1), ["a", None]),
        (pa.array([None], pa.float64()), pa.array(["b"]), [None, "b"]),
        (pa.array(["a"]), pa.array([None], pa.int32()), ["a", None]),
        (pa.array([1], pa.int32()), pa.array([2**40]), [1, 2**40]),
        (pa.array([1], pa.uint8()), pa.array([-2], pa.int16()), [1, -2]),
        (pa.array([3.8], pa.float32()), pa.array([3.8]), [3.8, 3.8]),
        (pa.array([["a"]]), pa.array([[]], pa.list_(pa.null())), [["a"], []]),
        (pa.array([["a"]]), pa.array([["b"]], pa.large_list(pa.large_string())), [["a"], ["b"]]),
        (pa.array([{"x": 1}]), pa.array([{"y": "z"}]), [{"x": 1}, {"y": "z"}]),
        (pa.array([{"x": 1, "y": "a"}]), pa.array([{"y": "z", "x": 2}]), [{"x": 1, "y": "a"}, {"x": 2, "y": "z"}]),
        (pa.array([1], pa.timestamp("s")), pa.array([10**9], pa.timestamp("ns")), [datetime(1970, 1, 1, 0, 0, 1)] * 2),
    ],
)  # fmt: skip
def test_how_files_store_a_column_makes_no_difference(first, second, values):
    rows = _taken(pa.table({"c": first, "n": [1]}), pa.table({"n": [2], "c": second}))
    assert rows == {"c": values, "n": [1, 2]}


def test_nullability_makes_no_difference():
    strict = pa.schema([pa.field("c", pa.string(), nullable=False)])
    assert _taken(pa.table({"c": ["a"]}), pa.table({"c": ["b"]}, schema=strict)) == {"c": ["a", "b"]}


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ([1], ["1"], ("string", "int64")),
        ([1], [1.5], ("double", "int64")),
        ([True], [1], ("int64", "bool")),
        (["x"], [["x"]], ("list<element: string>", "string")),
    ],
)
def test_files_that_disagree_are_an_error_where_the_column_is_read(first, second, kinds):
    tables = pa.table({"c": first, "n": [1]}), pa.table({"c": second, "n": [2]})
    assert _taken(*tables, columns=["n"]) == {"n": [1, 2]}
    with pytest.raises(SourceError) as caught:
        _taken(*tables, columns=["n", "c"])
    assert str(caught.value).startswith(
        f'f1: column "c" is {kinds[0]}, but {kinds[1]} in f0: the files of a split must'
    )


def test_a_column_that_one_file_lacks_is_an_error_where_it_is_read():
    tables = pa.table({"c": ["x"], "n": [1]}), pa.table({"n": [2], "more": [3]})
    assert _taken(*tables, columns=["n"]) == {"n": [1, 2]}
    with pytest.raises(SourceError, match=r'^f1: no column "c", which f0 has\. Columns: n, more$'):
        _taken(*tables, columns=["c"])
    with pytest.raises(SourceError, match=r'^f0: no column "more", which f1 has\. Columns: c, n$'):
        _taken(*tables, columns=["more"])


def test_a_file_without_rows_disagrees_with_nobody():
    assert _taken(
        pa.table({"x": pa.nulls(0)}), pa.table({"c": ["a"]}), pa.table({"c": pa.array([], pa.int8())})
    ) == {"c": ["a"]}


def test_a_text_that_the_file_calls_json_stays_text():
    texts = pa.array(['{"a": 1}'], pa.large_string()).cast(pa.json_(pa.large_string()))
    assert _taken(pa.table({"c": texts})) == {"c": ['{"a": 1}']}


def test_large_cells_come_a_few_at_a_time():
    table = open_parquet([_file("a", pa.table({"text": ["x" * 1_000_000] * 40}), group=40)])
    sizes = [piece.nbytes for piece in table.scan(np.arange(40), ["text"])]
    assert len(sizes) > 1
    assert max(sizes) < 20_000_000


def test_cells_that_stand_for_more_than_their_footer_says_come_a_few_at_a_time():
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["x" * 100_000] * 2000}), out)
    table = open_parquet([ParquetSource(name="a", open=lambda: io.BytesIO(out.getvalue()))])
    assert len(out.getvalue()) < 200_000
    assert max(piece.nbytes for piece in table.scan(np.arange(2000), ["text"])) < 30_000_000


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
