from collections import Counter
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from flancollect.sources.parts import table_of
from flancollect.sources.values import JSON, size_of, values_of


def read(array, *, sparse=False):
    """The values of one column `c`, and why some cannot be read."""
    piece = pa.table({"c": array})
    values = values_of([piece], ["c"], piece.num_rows, sparse=sparse)
    return values.columns["c"], values.unreadable


NS = 1_577_934_245_000_000_000  # 2020-01-02 03:04:05


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array(["a", None, "ö"], pa.string_view()), ["a", None, "ö"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array([b"hello", None, "wörld".encode()], pa.binary()), ["hello", None, "wörld"]),
        (pa.array([b"hello", None], pa.large_binary()), ["hello", None]),
        (pa.array([b"hello", None], pa.binary_view()), ["hello", None]),
        (pa.array([b"abc", None], pa.binary(3)), ["abc", None]),
        (pa.array([[b"a", None], None, []], pa.list_(pa.binary())), [["a", None], None, []]),
        (pa.array([["a"]], pa.list_(pa.string_view())), [["a"]]),
        (pa.array([["a"]], pa.list_view(pa.string())), [["a"]]),
        (pa.array([{"k": b"a", "n": 1}, None], pa.struct([("k", pa.binary()), ("n", pa.int8())])),
         [{"k": "a", "n": 1}, None]),
        (pa.array([[(b"k", [{"v": b"x"}])]], pa.map_(pa.binary(), pa.list_(pa.struct([("v", pa.binary())])))),
         [[("k", [{"v": "x"}])]]),
        (pa.array([b"x", b"y", b"x", None]).dictionary_encode(), ["x", "y", "x", None]),
        (pa.array(["x", "y", "x", None]).dictionary_encode(), ["x", "y", "x", None]),
        (pa.array([["x"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))), [["x"]]),
        (pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"])), ["a", "a", "b"]),
        (pa.array([3.8, None, float("inf"), 1e30, -1e-7], pa.float32()), [3.8, None, float("inf"), 1e30, -1e-7]),
        (pa.array([[3.8, None]], pa.list_(pa.float32())), [[3.8, None]]),
        (pa.array([{"x": 3.8}], pa.struct([("x", pa.float32())])), [{"x": 3.8}]),
        (pa.array([np.float16(3.8), None], pa.float16()), [3.8, None]),
        (pa.array([NS, None], pa.timestamp("ns")), [datetime(2020, 1, 2, 3, 4, 5), None]),
        (pa.array([NS], pa.timestamp("ns", "UTC")), [datetime(2020, 1, 2, 3, 4, 5, tzinfo=ZoneInfo("UTC"))]),
        (pa.array([[NS]], pa.list_(pa.timestamp("ns"))), [[datetime(2020, 1, 2, 3, 4, 5)]]),
        (pa.array([5_000], pa.duration("ns")), [timedelta(microseconds=5)]),
        (pa.array([[5_000]], pa.list_(pa.duration("ns"))), [[timedelta(microseconds=5)]]),
        (pa.array([5_000], pa.time64("ns")), [time(0, 0, 0, 5)]),
        (pa.array([0], pa.date32()), [date(1970, 1, 1)]),
        (pa.array([2**63], pa.uint64()), [2**63]),
        (pa.array([Decimal("3.80")], pa.decimal128(5, 2)), [Decimal("3.80")]),
        (pa.array([b"\x01" * 16], pa.binary(16)).cast(pa.uuid()), [str(UUID(bytes=b"\x01" * 16))]),
        (pa.array(['{"a": 1}'], pa.json_()), ['{"a": 1}']),
        (pa.nulls(2), [None, None]),
    ],
)  # fmt: skip
def test_every_storage_of_a_value_is_the_same_value(array, values):
    cells, unreadable = read(array)
    assert (repr(cells), unreadable) == (repr(values), {})
    assert all(type(cell).__module__ in ("builtins", "datetime", "decimal") for cell in cells)


BYTES = "bytes that are not UTF-8 text"
FINE = "a value that cannot be read: a time finer than a microsecond"


@pytest.mark.parametrize(
    ("array", "values", "reason"),
    [
        (pa.array([b"a", b"\xff", None]), ["a", None, None], BYTES),
        (pa.array([b"a", b"\xff", b"b"], pa.large_binary()), ["a", None, "b"], BYTES),
        (pa.array([b"ab", b"\xff\xfe"], pa.binary(2)), ["ab", None], BYTES),
        (pa.array([b"a", b"\xff", b"a"]).dictionary_encode(), ["a", None, "a"], BYTES),
        (pa.array([[b"a"], [b"x", b"\xff"], []]), [["a"], None, []], BYTES),
        (pa.array([{"k": b"a"}, {"k": b"\xff"}]), [{"k": "a"}, None], BYTES),
        (pa.array([NS, NS + 1, None], pa.timestamp("ns")), [datetime(2020, 1, 2, 3, 4, 5), None, None], FINE),
        (pa.array([[NS], [NS + 1]], pa.list_(pa.timestamp("ns"))), [[datetime(2020, 1, 2, 3, 4, 5)], None], FINE),
        (pa.array([1_000, 1_001], pa.duration("ns")), [timedelta(microseconds=1), None], FINE),
        (pa.array([1_000, 1_001], pa.time64("ns")), [time(0, 0, 0, 1), None], FINE),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_had_makes_its_row_unreadable_and_no_other(array, values, reason):
    assert read(array) == (values, {1: f"c: {reason}"})


def test_text_that_claims_to_be_utf8_and_is_not_makes_its_row_unreadable():
    offsets, data = pa.py_buffer(np.array([0, 1, 2, 3], np.int32)), pa.py_buffer(b"a\xffb")
    claimed = pa.Array.from_buffers(pa.string(), 3, [None, offsets, data])
    assert read(claimed) == (["a", None, "b"], {1: f"c: {BYTES}"})
    assert read(pa.ListArray.from_arrays([0, 1, 2, 3], claimed)) == ([["a"], None, ["b"]], {1: f"c: {BYTES}"})


def test_a_time_beyond_the_calendar_makes_its_row_unreadable():
    cells, unreadable = read(pa.array([0, 10**17], pa.timestamp("s")))
    assert cells == [datetime(1970, 1, 1), None]
    assert list(unreadable) == [1]
    assert unreadable[1].startswith("c: a value that cannot be read: ")


def json_column(*texts):
    return pa.ExtensionArray.from_storage(JSON, pa.array(texts, JSON.storage_type))


def test_json_texts_are_their_values_and_nulls_are_lacking_keys():
    array = json_column('{"a":[1,2.0]}', None, "null", '"x"', "9007199254740993")
    assert read(array) == ([{"a": [1, 2.0]}, None, None, "x", 2**53 + 1], {})
    piece = pa.table({"c": array, "t": ["a", "b", "c", "d", "e"]})
    rows = values_of([piece], ["c", "t"], 5, sparse=True).rows()
    assert rows[1:3] == [{"t": "b"}, {"c": None, "t": "c"}]


def test_json_that_is_nested_too_deeply_makes_its_row_unreadable():
    cells, unreadable = read(json_column("[1]", "[" * 100_000 + "]" * 100_000))
    assert (cells, unreadable) == ([[1], None], {1: "c: JSON that is nested too deeply to read"})


def test_pieces_may_differ_in_the_types_of_a_column():
    pieces = [
        pa.table({"c": [1]}),
        pa.table({"c": json_column('"x"')}),
        pa.table({"c": pa.array([2], pa.int8())}),
    ]
    assert values_of(pieces, ["c"], 3).columns == {"c": [1, "x", 2]}


def test_unreadable_rows_are_counted_and_the_others_come_in_the_order_asked():
    table = table_of(pa.table({"c": [b"a", b"\xff", b"c", b"\xfe"], "n": range(4)}))
    dropped = Counter()
    numbers, values = table.take_usable(np.array([3, 2, 1, 0]), ["c", "n"], dropped)
    assert (numbers, values.columns) == ([2, 0], {"c": ["c", "a"], "n": [2, 0]})
    assert dropped == {"c: bytes that are not UTF-8 text": 2}
    assert table.take_usable(np.array([1]), ["n"], dropped)[0] == [1]


def test_rows_without_columns_are_rows():
    assert values_of([], [], 2).rows() == [{}, {}]


def test_a_dictionary_counts_as_often_as_its_texts_occur():
    texts = pa.array(["x" * 1000, "y"] * 50 + [None])
    assert size_of(pa.table({"c": texts.dictionary_encode()})) == 50 * 1001


def test_large_texts_count_as_python_holds_them():
    text = "x" * 10_000 + "👩"
    assert values_of([pa.table({"c": [text]})], ["c"], 1).bytes > 40_000


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array([1.5, float("nan"), None, float("inf")]), [1.5, None, None, float("inf")]),
        (pa.array([1.5, float("nan")], pa.float32()), [1.5, None]),
        (pa.array([np.float16(1.5), np.float16("nan")], pa.float16()), [1.5, None]),
        (pa.array([[1.5, float("nan")], []]), [[1.5, None], []]),
        (pa.array([{"x": float("nan"), "y": 1}]), [{"x": None, "y": 1}]),
        (pa.array([1.5, float("nan")]).dictionary_encode(), [1.5, None]),
    ],
)
def test_a_number_that_is_none_is_null(array, values):
    assert read(array) == (values, {})


def test_a_key_that_stands_twice_in_a_map_makes_its_row_unreadable():
    maps = pa.array([[("k", 1), ("k", 2)], [("k", 1)], None], pa.map_(pa.string(), pa.int64()))
    cells, unreadable = read(maps)
    assert cells == [None, [("k", 1)], None]
    assert list(unreadable) == [0]
    assert "a key that stands twice in a map" in unreadable[0]
