"""Rows one after another, each in one run of bytes: so any rows can be read, moved or sorted whole.

A row's bytes are its cells end to end: the text of each column, the values of a list of numbers, the lengths
and then the texts of a list of texts. An entry of fixed width says how long each cell is, and holds the row's
numbers and a hash of its input and target, by which rows that stand twice are known. The codec serves the work
folder alone: rows of `rendered_schema(S)` go in, rows of S come out.

Two rows with two columns, a text and a list of texts, have three cells each:

    row 0: "ab", ["x", "yz"]     lengths [2, 8, 3]   payload  a b  1 0 0 0 2 0 0 0  x y z     13 bytes
    row 1: "c",  []              lengths [1, 0, 0]   payload  c                                1 byte
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_64_intdigest

from flancollect.dataset.arrow_layout import begins_at_start, tidy
from flancollect.dataset.schemas import BENCHMARK, MIXTURE, check_rows, rendered_schema
from flancollect.draw import Ints
from flancollect.errors import FlancollectError

TEXT, TEXTS, INTS = pa.string(), pa.list_(pa.string()), pa.list_(pa.int64())
SOURCE_ROW, REPEAT, CUT_BYTES = "provenance.source_row", "provenance.repeat", "provenance.cut_bytes"
TEXT_HASH = "text_hash"
MOST_TEXT_BYTES = (1 << 31) - 1  # of one array: Arrow's offsets of text are 32-bit numbers
NULL = -1
"""The length of a cell that is null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLayout:
    """How the rows of a schema lie as bytes.

    `leaves` has the type of every column and struct field, such as "provenance.answer". Those in `numbers` stand
    in the entry; `cells` names the leaf of each cell in order, a list of texts twice. `entry` is the entry's type.
    """

    schema: pa.Schema
    leaves: Mapping[str, pa.DataType]
    numbers: tuple[str, ...]
    cells: tuple[str, ...]
    entry: np.dtype[np.void]


@cache  # blocks of one schema share their layout; to hash a schema takes 9 microseconds
def row_layout(schema: pa.Schema) -> RowLayout:
    """The layout of rows of a build's schema."""
    leaves: dict[str, pa.DataType] = {}
    for field in schema:
        if pa.types.is_struct(field.type):
            leaves |= {f"{field.name}.{child.name}": child.type for child in field.type}
        else:
            leaves[field.name] = field.type
    numbers = tuple(name for name, kind in leaves.items() if pa.types.is_integer(kind))
    cells = [name for name in leaves if name not in numbers for _ in range(1 + (leaves[name] == TEXTS))]
    fields = [(name, leaves[name].to_pandas_dtype()) for name in numbers]
    return RowLayout(
        schema=schema,
        leaves=leaves,
        numbers=numbers,
        cells=tuple(cells),
        # 32 bits hold any cell: Arrow's own text offsets have no more.
        entry=np.dtype([*fields, (TEXT_HASH, np.uint64), ("lengths", np.int32, (len(cells),))]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows as bytes: of each its place in the mixture, its entry (`layout.entry`), and its cells in `payload`."""

    layout: RowLayout
    order: npt.NDArray[np.uint64]
    entries: npt.NDArray[np.void]
    payload: npt.NDArray[np.uint8]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.order)

    def offsets(self) -> Ints:
        """Where each row begins in `payload`, and where the last one ends: [0, 13, 14] in the example above."""
        return _offsets(_cell_bytes(self.entries).sum(axis=1))


def encode(rows: pa.RecordBatch) -> Block:
    """Rows of a `rendered_schema` as bytes. Raises FlancollectError for another schema or a forbidden null."""
    layout = row_layout(BENCHMARK if "question" in rows.schema.names else MIXTURE)
    check_rows(rows, rendered_schema(layout.schema))
    columns: dict[str, pa.Array] = {}
    for field, column in zip(rows.schema, rows.columns, strict=True):
        if pa.types.is_struct(field.type):
            children = zip(field.type, column.flatten(), strict=True)
            columns |= {f"{field.name}.{child.name}": values for child, values in children}
        else:
            columns[field.name] = column
    cell_columns = (columns[name] for name in dict.fromkeys(layout.cells))
    # What was just built needs no copy; a slice of a larger table does.
    cells = [
        cell
        for column in cell_columns
        for cell in _cells(column if begins_at_start(column) else tidy(column))
    ]
    entries = np.zeros(rows.num_rows, dtype=layout.entry)
    for name in layout.numbers:
        entries[name] = columns[name].to_numpy()
    entries[TEXT_HASH] = text_hashes(columns["inputs"], columns["targets"])
    for number, (lengths, _) in enumerate(cells):
        entries["lengths"][:, number] = lengths
    # Column by column, cell c of row r is number c * rows + r. Two rows of three cells are read in the order
    # 0 2 4 1 3 5: the three cells of row 0, then those of row 1.
    by_row = np.arange(len(cells)) * rows.num_rows + np.arange(rows.num_rows)[:, np.newaxis]
    payload = pa.concat_arrays([data for _, data in cells]).take(pa.array(by_row.ravel()))
    return Block(
        layout=layout, order=columns["order"].to_numpy(), entries=entries, payload=_text_bytes(payload)
    )


def text_hashes(inputs: pa.Array, targets: pa.Array) -> npt.NDArray[np.uint64]:
    """A hash of each row's input and target.

    Of ten million rows, two that differ have the same one with odds of 1 to 370,000.
    """
    # The input's hash seeds the target's: "ab" and "c" are other texts than "a" and "bc".
    texts, answers = (column.cast(pa.binary()).to_pylist() for column in (inputs, targets))
    hashes = map(xxh3_64_intdigest, answers, map(xxh3_64_intdigest, texts))
    return np.fromiter(hashes, dtype=np.uint64, count=len(inputs))


def take(block: Block, index: Ints) -> Block:
    """The rows of these numbers, in this order."""
    rows = _binary(block.offsets(), block.payload).take(pa.array(index))
    return Block(
        layout=block.layout,
        order=block.order[index],
        entries=block.entries[index],
        payload=_text_bytes(rows),
    )


def gather(blocks: Sequence[Block], index: Ints) -> Block:
    """Rows by number, counted over all blocks, in this order."""
    if len(blocks) == 1:
        return take(blocks[0], index)
    # Blocks of 2 and 3 rows start at [0, 2, 5]. The rows [4, 3, 0] are of blocks [1, 1, 0]: row 0 of block 0 comes
    # first, then rows 2 and 1 of block 1. These stand in the result at `places` [2, 0, 1], so that the result is
    # made of them in the order [1, 2, 0].
    starts = np.cumsum([0, *(block.rows for block in blocks)])
    block_numbers = np.searchsorted(starts, index, side="right") - 1
    parts = [take(block, index[block_numbers == i] - starts[i]) for i, block in enumerate(blocks)]
    places = np.argsort(block_numbers, kind="stable")
    return take(concat(parts), np.argsort(places))


def part(block: Block, first: int, stop: int) -> Block:
    """The rows from `first` up to `stop`, not copied."""
    offsets = block.offsets()
    return Block(
        layout=block.layout,
        order=block.order[first:stop],
        entries=block.entries[first:stop],
        payload=block.payload[offsets[first] : offsets[stop]],
    )


def concat(blocks: Sequence[Block]) -> Block:
    """The rows of blocks of one layout, one after the other; one block alone is not copied."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        layout=blocks[0].layout,
        order=np.concatenate([block.order for block in blocks]),
        entries=np.concatenate([block.entries for block in blocks]),
        payload=np.concatenate([block.payload for block in blocks]),
    )


class Decoder:
    """Rows of a block by number, as columns laid out as `arrow_layout.tidy` would."""

    __slots__ = ("_cells", "_entries", "_layout")

    def __init__(self, block: Block) -> None:
        self._layout, self._entries = block.layout, block.entries
        # Row by row, cell c of row r is number r * len(layout.cells) + c.
        self._cells = _binary(_offsets(_cell_bytes(block.entries).ravel()), block.payload)

    def rows(self, index: Ints) -> pa.RecordBatch:
        """The rows of these numbers, in this order, in the layout's schema."""
        columns = []
        for field in self._layout.schema:
            if pa.types.is_struct(field.type):
                children = [self.column(f"{field.name}.{child.name}", index) for child in field.type]
                columns.append(pa.StructArray.from_arrays(children, fields=list(field.type)))
            else:
                columns.append(self.column(field.name, index))
        return pa.RecordBatch.from_arrays(columns, schema=self._layout.schema)

    def column(self, name: str, index: Ints) -> pa.Array:
        """One leaf column, such as "inputs" or "provenance.answer", of the rows of these numbers."""
        kind = self._layout.leaves[name]
        if name in self._layout.numbers:
            return pa.array(self._entries[name][index], kind)
        cell = self._layout.cells.index(name)
        offsets, data = self._take_cells(cell, index)
        if kind == TEXT:
            null = self._entries["lengths"][index, cell] == NULL
            return _texts(offsets, data, null)
        if kind == INTS:
            values, width = pa.array(data.view(np.int64)), 8
        else:
            # The first cell of ["x", "yz"] holds its lengths 1 and 2 as 32-bit numbers, the second one "xyz".
            lengths = data.view(np.int32)
            _, text = self._take_cells(cell + 1, index)
            values, width = _texts(_offsets(lengths), text), 4
        return pa.ListArray.from_arrays(pa.array((offsets // width).astype(np.int32)), values, type=kind)

    def _take_cells(self, cell: int, index: Ints) -> tuple[Ints, npt.NDArray[np.uint8]]:
        """Offsets and bytes of one cell of the rows of these numbers, end to end."""
        cells = self._cells.take(pa.array(index * len(self._layout.cells) + cell))
        return _array_offsets(cells), _text_bytes(cells)


def _cells(column: pa.Array) -> Iterator[tuple[npt.NDArray[np.int32], pa.Array]]:
    """Lengths and bytes of the cells that a tidy column makes: one, or two of a list of texts."""
    offsets = _array_offsets(column)
    if column.type == TEXT:
        lengths = np.diff(offsets).astype(np.int32)
        lengths[~column.is_valid().to_numpy(zero_copy_only=False)] = NULL
        yield lengths, _binary(offsets, _text_bytes(column))
        return
    if column.type == INTS:
        cells = [(offsets * 8, column.values.to_numpy().view(np.uint8))]
    else:
        # [["x", "yz"], ["w"]]: the lists end at texts [0, 2, 3], the texts at bytes [0, 1, 3, 4]. So their
        # lengths lie at bytes [0, 8, 12] of the first cells, their texts at [0, 3, 4] of the second ones.
        ends = _array_offsets(column.values)
        lengths = np.diff(ends).astype(np.int32)
        cells = [(offsets * 4, lengths.view(np.uint8)), (ends[offsets], _text_bytes(column.values))]
    for byte_offsets, data in cells:
        yield np.diff(byte_offsets).astype(np.int32), _binary(byte_offsets, data)


def _cell_bytes(entries: npt.NDArray[np.void]) -> npt.NDArray[np.int32]:
    """Bytes of each cell of each row; a null has none."""
    lengths: npt.NDArray[np.int32] = np.maximum(entries["lengths"], 0)
    return lengths


def _offsets(lengths: npt.NDArray[np.integer]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _binary(offsets: Ints, data: npt.NDArray[np.uint8]) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _texts(offsets: Ints, data: npt.NDArray[np.uint8], null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    if offsets[-1] > MOST_TEXT_BYTES:
        # Narrower numbers would begin again at 0, and give rows the text of others.
        raise FlancollectError(
            f"{offsets[-1]:,} bytes of text in one batch, where {MOST_TEXT_BYTES:,} can be: give a smaller shard_bytes"
        )
    nulls = 0 if null is None else int(np.count_nonzero(null))
    mask = pa.py_buffer(np.packbits(~null, bitorder="little")) if null is not None and nulls else None
    buffers = [mask, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(TEXT, len(offsets) - 1, buffers, nulls)


def _array_offsets(array: pa.Array) -> Ints:
    """Offsets of an array of texts, bytes or lists that begins at its buffers' beginning."""
    wide = pa.types.is_large_binary(array.type)
    buffer = array.buffers()[1]
    # Arrow may leave out the one offset, 0, of an array without values.
    if buffer is None or not len(array):
        return np.zeros(1, dtype=np.int64)
    return np.frombuffer(buffer, dtype=np.int64 if wide else np.int32)[: len(array) + 1].astype(np.int64)


def _text_bytes(array: pa.Array) -> npt.NDArray[np.uint8]:
    """The bytes of an array of texts or bytes that begins at its buffers' beginning."""
    data = array.buffers()[2]
    # The buffer of what `take` gives may be longer than its text.
    end = int(_array_offsets(array)[-1])
    return np.frombuffer(data, dtype=np.uint8)[:end] if data is not None else np.zeros(0, dtype=np.uint8)
