"""Arrow columns as the Python values that cards see: exactly what the source has, or the row is unreadable.

JSON values whose kinds differ are columns of JSON text (`JSON`), read cell by cell, so that no row is typed by
others. What Arrow knows under several names is one thing here: views, dictionaries and large types are their
plain siblings, bytes are UTF-8 text, times count microseconds, and a 32-bit float is the shortest number that
gives it (3.8, not 3.799999952316284).
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

JSON = pa.json_(pa.large_string())
"""A column of JSON texts: null is a key that the row does not have, the text "null" a key that is null."""

LARGE_CELL_BYTES = 4096
"""From here on it counts that Python keeps a text at up to four bytes a character."""

_PLAIN_IDS = {
    kind.id for kind in (pa.string(), pa.large_string(), pa.int64(), pa.int32(), pa.float64(), pa.bool_())
}
"""Most columns are of these types, which are looked at no further."""

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Rows as Python values, column by column; None stands for null and for a key that a row lacks.

    `lacking` has, by column, the positions of the rows that lack its key, `unreadable` why rows have a value
    that no card can use, by position. `sparse` says that rows have keys of their own. `bytes` is the size of all
    values in Arrow, and of large texts in Python.
    """

    count: int
    columns: dict[str, list[Any]]
    lacking: dict[str, set[int]]
    unreadable: dict[int, str]
    bytes: int
    sparse: bool = False

    def rows(self) -> list[dict[str, Any]]:
        """Each row with the keys that it has, in the order of the columns; of JSON, in the order of the alphabet.

        The order of JSON's columns is that in which the first rows of the file happen to name them.
        """
        names = sorted(self.columns) if self.sparse else list(self.columns)
        if not self.lacking:
            values = zip(*map(self.columns.__getitem__, names), strict=True) if names else [()] * self.count
            return [dict(zip(names, row, strict=True)) for row in values]
        nowhere = frozenset[int]()
        cells = [(name, self.columns[name], self.lacking.get(name, nowhere)) for name in names]
        return [
            {name: column[i] for name, column, lacking in cells if i not in lacking}
            for i in range(self.count)
        ]

    def select(self, positions: Sequence[int]) -> Values:
        """The rows at these positions, in this order."""
        return Values(
            count=len(positions),
            columns={name: [column[i] for i in positions] for name, column in self.columns.items()},
            lacking={
                name: {place for place, i in enumerate(positions) if i in lacking}
                for name, lacking in self.lacking.items()
            },
            unreadable={
                place: self.unreadable[i] for place, i in enumerate(positions) if i in self.unreadable
            },
            bytes=self.bytes,
            sparse=self.sparse,
        )

    def readable(self, order: Sequence[int], dropped: Counter[str]) -> list[int]:
        """The positions of `order` that can be read; the others are counted by reason."""
        if not self.unreadable:
            return list(order)
        dropped.update(self.unreadable[i] for i in order if i in self.unreadable)
        return [i for i in order if i not in self.unreadable]


def values_of(
    pieces: Iterable[pa.Table], names: Sequence[str], count: int, *, sparse: bool = False
) -> Values:
    """The values of `count` rows that come in pieces, each with columns of its own types.

    With `sparse` a null in Arrow is a key that the row lacks. A piece is let go of before the next one is read.
    """
    columns: dict[str, list[Any]] = {name: [] for name in names}
    lacking: dict[str, set[int]] = {}
    unreadable: dict[int, str] = {}
    size = first = 0
    # Without columns there is nothing to read, and yet there are rows.
    for piece in pieces if names else ():
        for name in names:
            column = piece[name]
            cells, reasons, cell_bytes = _cells(name, column)
            columns[name] += cells
            size += cell_bytes
            for position, reason in reasons.items():
                unreadable.setdefault(first + position, reason)
            if sparse and column.null_count:
                nulls = np.flatnonzero(column.is_null().to_numpy()) + first
                lacking.setdefault(name, set()).update(nulls.tolist())
        first += piece.num_rows
    return Values(
        count=count, columns=columns, lacking=lacking, unreadable=unreadable, bytes=size, sparse=sparse
    )


def _cells(name: str, column: pa.ChunkedArray) -> tuple[list[Any], dict[int, str], int]:
    """The values of a column, why some cannot be read, by position, and the size of all."""
    kind = column.type
    if kind == JSON:
        texts = pa.chunked_array([chunk.storage for chunk in column.chunks], JSON.storage_type)
        return *_parsed(name, texts.to_pylist()), column.nbytes
    try:
        plain = _numbers(column if kind.id in _PLAIN_IDS else _plain(column))
        cells = plain.to_pylist()
        convert = None if pa.types.is_float64(plain.type) else _converter(plain.type)
        if convert is not None:
            cells = [None if cell is None else convert(cell) for cell in cells]
    except Exception:  # noqa: BLE001, RUF100 (whatever it is, the value at fault is looked for below)
        return *_one_by_one(name, column, _converter(kind)), column.nbytes
    size = plain.nbytes
    if size > LARGE_CELL_BYTES * len(cells):
        size = max(size, sum(map(sys.getsizeof, cells)))
    return cells, {}, size


def _parsed(name: str, texts: Sequence[str | None]) -> tuple[list[Any], dict[int, str]]:
    """The values of JSON texts, and why some cannot be used."""
    reasons: dict[int, str] = {}
    try:
        # One call for a column takes a fraction of the time of one for each cell.
        cells = json.loads(f"[{','.join('null' if text is None else text for text in texts)}]")
    except RecursionError:
        cells = []
        for position, text in enumerate(texts):
            try:
                cells.append(None if text is None else json.loads(text))
            except RecursionError:
                cells.append(None)
                reasons[position] = f"{name}: JSON that is nested too deeply to read"
    for position, text in enumerate(texts):
        # JSON can write half of a UTF-16 pair (`\ud83d` alone), which is no character and has no UTF-8.
        if text is not None and "\\ud" in text and not _has_utf8(cells[position]):
            reasons[position] = f"{name}: half a surrogate pair, which is no character"
    return cells, reasons


def _has_utf8(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as its plain sibling where Arrow itself can make that; raises where a value has none."""
    kind = column.type
    if _is_extension(kind) and kind != pa.uuid():
        storage = [chunk.storage for chunk in column.chunks]
        return _plain(pa.chunked_array(storage, kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        decoded = [pc.run_end_decode(chunk) for chunk in column.chunks]
        return _plain(pa.chunked_array(decoded, kind.value_type))
    if is_bytes(kind):
        # A cast checks that all of it is UTF-8.
        wide = column.cast(pa.large_binary()) if pa.types.is_binary_view(kind) else column
        return wide.cast(pa.large_string())
    if pa.types.is_float32(kind):
        # Arrow writes the shortest decimal number that gives the 32 bits, and reads it as 64.
        return column.cast(pa.string()).cast(pa.float64())
    microseconds = _microseconds(kind)
    return column if microseconds is None else column.cast(microseconds)


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with null in place of NaN, the number that is none."""
    if not pa.types.is_float64(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _microseconds(kind: pa.DataType) -> pa.DataType | None:
    """Of a type that counts nanoseconds the one that counts microseconds, as Python does; None for any other."""
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    return pa.time64("us") if pa.types.is_time64(kind) and kind.unit == "ns" else None


def size_of(piece: pa.Table) -> int:
    """Bytes of all values, each counted as often as it occurs: a dictionary has it once."""
    return sum(map(_column_size, piece.columns))


def _column_size(column: pa.ChunkedArray) -> int:
    kind = column.type
    if not pa.types.is_dictionary(kind) or not (is_text(kind.value_type) or is_bytes(kind.value_type)):
        return int(column.nbytes)
    lengths = (
        pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() for chunk in column.chunks
    )
    return sum(length or 0 for length in lengths)


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text of any layout."""
    return _is_any(kind, pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a type is bytes of any layout, which nobody has said to be text."""
    types = pa.types
    return _is_any(
        kind, types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list of any layout."""
    types = pa.types
    views = (types.is_list_view, types.is_large_list_view)
    return _is_any(kind, types.is_list, types.is_large_list, types.is_fixed_size_list, *views)


def _is_any(kind: pa.DataType, *tests: Callable[[pa.DataType], bool]) -> bool:
    return any(test(kind) for test in tests)


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


def _converter(kind: pa.DataType) -> Convert | None:
    """What makes of Arrow's Python value the one that cards see; None where they are the same."""
    if kind.id in _PLAIN_IDS and not pa.types.is_float64(kind):
        return None
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _converter(kind.value_type)
    if pa.types.is_struct(kind):
        fields = {field.name: _converter(field.type) for field in kind}
        return _struct_converter(fields) if any(fields.values()) else None
    if pa.types.is_map(kind):
        key, item = _converter(kind.key_type), _converter(kind.item_type)
        return lambda pairs: _map_entries(pairs, key, item)
    if is_list(kind):
        inner = _converter(kind.value_type)
        return None if inner is None else lambda items: [_apply(inner, item) for item in items]
    return _single_converter(kind)


def _single_converter(kind: pa.DataType) -> Convert | None:
    if is_bytes(kind):
        return bytes.decode
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        width = np.float32 if pa.types.is_float32(kind) else np.float16
        return lambda value: None if math.isnan(value) else float(str(width(value)))
    if pa.types.is_float64(kind):
        return lambda value: None if math.isnan(value) else value
    if _microseconds(kind) is not None:
        return _whole_microseconds
    if _is_extension(kind):
        return str if kind == pa.uuid() else _converter(kind.storage_type)
    return None


def _map_entries(
    pairs: list[tuple[Any, Any]], key: Convert | None, item: Convert | None
) -> list[tuple[Any, Any]]:
    names = [_apply(key, name) for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a key that stands twice in a map")
    return [(name, _apply(item, value)) for name, (_, value) in zip(names, pairs, strict=True)]


def _struct_converter(fields: dict[str, Convert | None]) -> Convert:
    return lambda struct: {name: _apply(fields[name], value) for name, value in struct.items()}


def _apply(convert: Convert | None, value: Any) -> Any:
    return value if convert is None or value is None else convert(value)


def _whole_microseconds(value: Any) -> Any:
    """A time of pandas, which Arrow gives where pandas is installed, as Python's own, which has microseconds."""
    if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
        raise ValueError("a time finer than a microsecond")
    if isinstance(value, timedelta):
        return timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value


def _one_by_one(
    name: str, column: pa.ChunkedArray, convert: Convert | None
) -> tuple[list[Any], dict[int, str]]:
    """The values of a column some of which cannot be read; those are None, with the reason by position."""
    cells: list[Any] = []
    reasons: dict[int, str] = {}
    for position, scalar in enumerate(column):
        cell = None
        try:
            # Of a time of day Arrow cuts nanoseconds off without a word.
            if pa.types.is_time64(column.type) and scalar.is_valid and scalar.value % 1000:
                raise ValueError("a time finer than a microsecond")
            cell = _apply(convert, scalar.as_py())
        except UnicodeDecodeError:
            reasons[position] = f"{name}: bytes that are not UTF-8 text"
        except Exception as error:  # noqa: BLE001, RUF100 (types raise what they like)
            reasons[position] = f"{name}: a value that cannot be read: {' '.join(str(error).split())}"[:200]
        cells.append(cell)
    return cells, reasons
