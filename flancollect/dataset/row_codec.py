"""Rows one after another, each in one run of bytes: so any rows can be read, moved or sorted whole.

A row's bytes are its cells end to end: the text of each column, the values of a list of numbers, the lengths
and then the texts of a list of texts. An entry of fixed width says how long each cell is, and holds the row's
numbers. The layout serves the work folder alone: RENDERED rows go in, MIXTURE rows come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.dataset.arrow_layout import tidy
from flancollect.dataset.schemas import MIXTURE, RENDERED, check_rows
from flancollect.draw import Ints

TEXT, TEXTS, INTS = pa.string(), pa.list_(pa.string()), pa.list_(pa.int64())
SOURCE_ROW, REPEAT = "provenance.source_row", "provenance.repeat"
NULL = -1
"""The length of a cell that is null."""


def _leaves(fields: Iterable[pa.Field], prefix: str = "") -> Iterator[tuple[str, pa.DataType]]:
    for field in fields:
        if pa.types.is_struct(field.type):
            yield from _leaves(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field.type


LEAVES = dict(_leaves(MIXTURE))
NUMBERS = [name for name, kind in LEAVES.items() if pa.types.is_integer(kind)]
CELLS = [name for name, kind in LEAVES.items() if name not in NUMBERS for _ in range(1 + (kind == TEXTS))]
"""The column of each cell, in their order; a list of texts has two."""

ENTRY = np.dtype(
    [(name, LEAVES[name].to_pandas_dtype()) for name in NUMBERS] + [("lengths", np.int32, (len(CELLS),))]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows as bytes: of each its place in the mixture, its entry (`ENTRY`), and its cells in `payload`."""

    order: npt.NDArray[np.uint64]
    entries: npt.NDArray[np.void]
    payload: npt.NDArray[np.uint8]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.order)

    def offsets(self) -> Ints:
        """Where each row begins in `payload`, and where the last one ends."""
        return _offsets(_lengths(self.entries).sum(axis=1))


def encode(rows: pa.RecordBatch) -> Block:
    """Rows of the schema RENDERED as bytes. Raises FlancollectError for another schema or a forbidden null."""
    check_rows(rows, RENDERED)
    columns = dict(_columns(zip(rows.schema, rows.columns, strict=True)))
    cells = [cell for name in dict.fromkeys(CELLS) for cell in _cells(tidy(columns[name]))]
    entries = np.zeros(rows.num_rows, dtype=ENTRY)
    for name in NUMBERS:
        entries[name] = columns[name].to_numpy()
    for number, (lengths, _) in enumerate(cells):
        entries["lengths"][:, number] = lengths
    by_row = np.arange(len(cells)) * rows.num_rows + np.arange(rows.num_rows)[:, np.newaxis]
    payload = pa.concat_arrays([data for _, data in cells]).take(pa.array(by_row.ravel()))
    return Block(order=columns["order"].to_numpy(), entries=entries, payload=_bytes(payload))


def take(block: Block, index: Ints) -> Block:
    """The rows of these numbers, in this order."""
    rows = _binary(block.offsets(), block.payload).take(pa.array(index))
    return Block(order=block.order[index], entries=block.entries[index], payload=_bytes(rows))


def gather(blocks: Sequence[Block], index: Ints) -> Block:
    """Rows by number, counted over all blocks, in this order."""
    if len(blocks) == 1:
        return take(blocks[0], index)
    starts = np.cumsum([0, *(block.rows for block in blocks)])
    owner = np.searchsorted(starts, index, side="right") - 1
    parts = [take(block, index[owner == i] - starts[i]) for i, block in enumerate(blocks)]
    places = np.argsort(owner, kind="stable")
    return take(concat(parts), np.argsort(places))


def part(block: Block, first: int, stop: int) -> Block:
    """The rows from `first` up to `stop`, not copied."""
    offsets = block.offsets()
    rows = slice(first, stop)
    return Block(
        order=block.order[rows],
        entries=block.entries[rows],
        payload=block.payload[offsets[first] : offsets[stop]],
    )


def concat(blocks: Sequence[Block]) -> Block:
    """The rows of several blocks, one after the other; one alone is not copied."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        order=np.concatenate([np.zeros(0, np.uint64), *(block.order for block in blocks)]),
        entries=np.concatenate([np.zeros(0, ENTRY), *(block.entries for block in blocks)]),
        payload=np.concatenate([np.zeros(0, np.uint8), *(block.payload for block in blocks)]),
    )


class Decoder:
    """Rows of a block by number, as columns laid out as `layout.tidy` would."""

    __slots__ = ("_cells", "_entries")

    def __init__(self, block: Block) -> None:
        self._entries = block.entries
        self._cells = _binary(_offsets(_lengths(block.entries).ravel()), block.payload)

    def rows(self, index: Ints) -> pa.RecordBatch:
        """The rows of these numbers, in this order, in the schema MIXTURE."""
        arrays = {name: self.column(name, index) for name in LEAVES}
        return pa.RecordBatch.from_arrays([_nested(field, arrays) for field in MIXTURE], schema=MIXTURE)

    def column(self, name: str, index: Ints) -> pa.Array:
        """One leaf column, such as "inputs" or "provenance.answer", of the rows of these numbers."""
        kind = LEAVES[name]
        if name in NUMBERS:
            return pa.array(self._entries[name][index], kind)
        cell = CELLS.index(name)
        if kind == TEXT:
            null = self._entries["lengths"][index, cell] == NULL
            return _texts(*self._taken(cell, index), null)
        offsets, data = self._taken(cell, index)
        if kind == INTS:
            return _lists(kind, offsets // 8, pa.array(data.view(np.int64)))
        lengths = data.view(np.int32)
        _, texts = self._taken(cell + 1, index)
        return _lists(kind, offsets // 4, _texts(_offsets(lengths), texts))

    def _taken(self, cell: int, index: Ints) -> tuple[Ints, npt.NDArray[np.uint8]]:
        taken = self._cells.take(pa.array(index * len(CELLS) + cell))
        return _offsets_of(taken), _bytes(taken)


def _columns(
    columns: Iterable[tuple[pa.Field, pa.Array]], prefix: str = ""
) -> Iterator[tuple[str, pa.Array]]:
    """Name and values of all leaf columns."""
    for field, column in columns:
        if pa.types.is_struct(field.type):
            yield from _columns(zip(field.type, column.flatten(), strict=True), f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, column


def _cells(column: pa.Array) -> Iterator[tuple[npt.NDArray[np.int32], pa.Array]]:
    """Lengths and bytes of the cells that a tidy column makes."""
    offsets = _offsets_of(column)
    if column.type == TEXT:
        lengths = np.diff(offsets).astype(np.int32)
        lengths[~column.is_valid().to_numpy(zero_copy_only=False)] = NULL
        yield lengths, _binary(offsets, _bytes(column))
    elif column.type == INTS:
        yield _cell(offsets * 8, column.values.to_numpy().view(np.uint8))
    else:
        ends = _offsets_of(column.values)
        yield _cell(offsets * 4, np.diff(ends).astype(np.int32).view(np.uint8))
        yield _cell(ends[offsets], _bytes(column.values))


def _cell(offsets: Ints, data: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int32], pa.Array]:
    return np.diff(offsets).astype(np.int32), _binary(offsets, data)


def _nested(field: pa.Field, leaves: dict[str, pa.Array], prefix: str = "") -> pa.Array:
    if not pa.types.is_struct(field.type):
        return leaves[prefix + field.name]
    children = [_nested(child, leaves, f"{prefix}{field.name}.") for child in field.type]
    return pa.StructArray.from_arrays(children, fields=list(field.type))


def _lengths(entries: npt.NDArray[np.void]) -> npt.NDArray[np.int32]:
    """Bytes of each cell of each row."""
    lengths: npt.NDArray[np.int32] = np.maximum(entries["lengths"], 0)
    return lengths


def _offsets(lengths: npt.NDArray[np.integer]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _binary(offsets: Ints, data: npt.NDArray[np.uint8]) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _texts(offsets: Ints, data: npt.NDArray[np.uint8], null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    nulls = 0 if null is None else int(np.count_nonzero(null))
    mask = pa.py_buffer(np.packbits(~null, bitorder="little")) if null is not None and nulls else None
    buffers = [mask, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(TEXT, len(offsets) - 1, buffers, nulls)


def _lists(kind: pa.DataType, offsets: Ints, values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=kind)


def _offsets_of(array: pa.Array) -> Ints:
    """Offsets of an array of texts, bytes or lists that begins at its buffers' beginning."""
    wide = pa.types.is_large_binary(array.type)
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(1, dtype=np.int64)
    return np.frombuffer(buffer, dtype=np.int64 if wide else np.int32)[: len(array) + 1].astype(np.int64)


def _bytes(array: pa.Array) -> npt.NDArray[np.uint8]:
    """The bytes of an array of texts or bytes that begins at its buffers' beginning."""
    data = array.buffers()[2]
    end = int(_offsets_of(array)[-1])
    return np.frombuffer(data, dtype=np.uint8)[:end] if data is not None else np.zeros(0, dtype=np.uint8)
