"""Reshaped tables: numbered in a fixed order, read in parts, counted once, locked with their own counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flancollect.sources.reshape
from flancollect.cards.entries import CardSource
from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError
from flancollect.sources.parts import table_of
from flancollect.sources.reshape import describe_shaped, open_shaped, reshaped
from flancollect.sources.shapes.shape import RowShape, TableShape
from flancollect.sources.table import SourceAccess, SourceTable

ADDS = pa.schema([("part", pa.string()), ("at", pa.int64())])
SPLIT = RowShape(
    reads=("words",),
    adds=ADDS,
    rows=lambda row: [{"part": part, "at": at} for at, part in enumerate((row["words"] or "").split())],
    many=True,
)
UPPER = RowShape(
    reads=("words",),
    adds=pa.schema([("upper", pa.string())]),
    rows=lambda row: [{"upper": row["words"].upper()}],
)
SHAPES = {"split": SPLIT, "upper": UPPER, "all": TableShape(adds=ADDS, table=lambda t: t.slice(0, 0))}
OFFLINE = SourceAccess(offline=True)


@pytest.fixture(autouse=True)
def _shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flancollect.sources.reshape, "SHAPES", SHAPES)


def watched(rows: Sequence[str | None]) -> tuple[SourceTable, list[list[int]]]:
    """A table of texts with a number beside each, and the list of what is read of it."""
    table = table_of(pa.table({"words": pa.array(rows, pa.string()), "n": range(len(rows))}))
    read: list[list[int]] = []

    def scan(ids: npt.NDArray[np.int64], columns: Sequence[str]) -> Iterator[pa.Table]:
        read.append(ids.tolist())
        yield from table.scan(ids, columns)

    return replace(table, scan=scan, doc={"title": "x"}), read


def taken(table: SourceTable, ids: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    return table.take(np.array(ids, dtype=np.int64), columns).rows()


def test_rows_are_numbered_by_source_row_and_then_in_the_shapes_order() -> None:
    table, _ = watched(["a b", "", None, "c", "d e f"])
    made = reshaped(table, "split", "it")
    assert made.rows == 6
    assert made.schema.names == ["words", "n", "part", "at"]
    assert made.doc == {"title": "x"}
    everything = taken(made, range(6), ["n", "part", "at"])
    assert [(row["n"], row["part"], row["at"]) for row in everything] == [
        (0, "a", 0), (0, "b", 1), (3, "c", 0), (4, "d", 0), (4, "e", 1), (4, "f", 2),
    ]  # fmt: skip
    assert taken(made, [1, 4], ["part"]) == [{"part": "b"}, {"part": "e"}]
    assert taken(made, [], ["part", "n"]) == []


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1, max_size=12), st.data())
def test_any_rows_asked_for_are_those_of_the_whole(rows: list[list[str]], data: st.DataObject) -> None:
    made = reshaped(watched([" ".join(row) for row in rows])[0], "split", "it")
    whole = [part for row in rows for part in row]
    assert made.rows == len(whole)
    ids = sorted(data.draw(st.sets(st.integers(0, max(len(whole) - 1, 0)), max_size=len(whole))))
    assert [row["part"] for row in taken(made, ids, ["part"])] == [whole[i] for i in ids]


def test_only_the_source_rows_that_are_asked_for_are_read_again() -> None:
    table, read = watched(["a b", "c", "d e"])
    made = reshaped(table, "split", "it")
    read.clear()
    taken(made, [0, 3], ["part"])
    assert read == [[0, 2]]


def test_a_shape_of_one_row_each_needs_no_counting() -> None:
    table, read = watched(["a", "b"])
    made = reshaped(table, "upper", "it")
    assert (made.rows, read) == (2, [])
    assert taken(made, [1], ["upper", "words"]) == [{"upper": "B", "words": "b"}]


def test_pieces_of_a_source_are_reshaped_one_by_one() -> None:
    table = table_of(
        [pa.table({"words": ["a b", "c"], "n": [0, 1]}), pa.table({"n": [2, 3], "words": ["", "d e f"]})]
    )
    made = reshaped(table, "split", "it")
    assert [(row["n"], row["part"]) for row in taken(made, range(6), ["n", "part"])] == [
        (0, "a"), (0, "b"), (1, "c"), (3, "d"), (3, "e"), (3, "f")
    ]  # fmt: skip
    assert taken(made, [1, 5], ["at", "words"]) == [{"at": 1, "words": "a b"}, {"at": 2, "words": "d e f"}]
    assert taken(made, [1, 2, 3], ["n"]) == [{"n": 0}, {"n": 1}, {"n": 3}]


@pytest.mark.parametrize("value", [None, 7, ["a"]])
def test_a_row_that_a_shape_cannot_be_made_of_is_an_error_with_its_number(value: object) -> None:
    other = "a" if value is None else value
    table = table_of([pa.table({"words": ["a"]}), pa.table({"words": [other, value]})])
    with pytest.raises(
        SourceError, match=r"^it: row [12] is not what the shape is made for: AttributeError: "
    ):
        taken(reshaped(table, "upper", "it"), [0, 2] if value is None else [0, 1], ["upper"])


def test_bytes_that_are_no_text_are_an_error_with_their_row() -> None:
    table = table_of(pa.table({"words": [b"a", b"\xff"]}))
    assert taken(reshaped(table, "upper", "it"), [0], ["upper"]) == [{"upper": "A"}]
    with pytest.raises(SourceError, match=r"^it: row 1: words: bytes that are not UTF-8 text$"):
        reshaped(table, "split", "it")


def test_unknown_shapes_and_columns_are_named() -> None:
    table, _ = watched(["a"])
    with pytest.raises(SourceError, match=r'no shape "spilt".*Did you mean "split"'):
        reshaped(table, "spilt", "it")
    with pytest.raises(SourceError, match='no column "parts"'):
        taken(reshaped(table, "split", "it"), [0], ["parts"])
    other = table_of(pa.table({"text": ["a"]}))
    with pytest.raises(SourceError, match='no column "words"'):
        reshaped(other, "split", "it")


def test_too_many_rows_to_hold_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flancollect.sources.reshape, "MOST_WHOLE_ROWS", 2)
    with pytest.raises(SourceError, match="it: 3 rows; at most 2 can be reshaped at once"):
        reshaped(watched(["a", "b", "c"])[0], "all", "it")


def test_the_lock_counts_reshaped_rows_and_notices_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "words.csv").write_text("words\na b\nc\n", encoding="utf-8")
    source = CardSource(source=FileSource(files="words.csv", format="csv"), root=tmp_path, shape="split")
    lock = describe_shaped(source, OFFLINE)
    assert lock.splits["train"].rows == 3
    assert lock.splits["train"].columns == {"words": "string", "part": "string", "at": "int64"}
    assert describe_shaped(source, OFFLINE, lock) is lock
    assert open_shaped(source, "train", OFFLINE, lock).rows == 3
    monkeypatch.setitem(SHAPES, "split", UPPER)
    with pytest.raises(SourceError, match="has 2 rows, but 3 when it was locked"):
        open_shaped(source, "train", OFFLINE, lock)
