"""Tables made of parts: row groups of a file, or rows that were decoded and lie in memory or in a temporary file."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flancollect.draw import Ints
from flancollect.errors import SourceError
from flancollect.sources.table import SourceAccess, SourceTable, refuse_unknown_columns
from flancollect.sources.values import JSON

MEMORY_BYTES = 128 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
MERGED_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePart:
    """Consecutive rows that lie together, such as a row group. `read` gives just the columns named, in pieces."""

    rows: int
    read: Callable[[Sequence[str]], Iterator[pa.Table]]


def table_of_parts(
    parts: Sequence[TablePart],
    schema: pa.Schema,
    *,
    doc: Mapping[str, Any] | None = None,
    sparse: bool = False,
) -> SourceTable:
    """A SourceTable over parts in order, of which only those are read that hold requested rows."""
    ends = np.cumsum([0, *(part.rows for part in parts)], dtype=np.int64)[1:]
    rows = sum(part.rows for part in parts)

    def scan(ids: Ints, columns: Sequence[str]) -> Iterator[pa.Table]:
        refuse_unknown_columns(columns, schema)
        if len(ids) and ids[-1] >= rows:
            raise _gone(int(ids[-1]), rows)
        # Parts of 3, 2 and 4 rows have ends [3, 5, 9]. Of ids [1, 4, 5, 8] those below the ends are the first
        # 1, 2 and 4: so [1] lies in part 0, [4] in part 1 (as its row 4 - 3 = 1), [5, 8] in part 2 (0 and 3).
        stops = np.searchsorted(ids, ends)
        start = 0
        for part, end, stop in zip(parts, ends, stops, strict=True):
            if stop > start:
                yield from _pick(part.read(list(columns)), ids[start:stop] - (end - part.rows))
            start = stop

    return SourceTable(rows=rows, schema=schema, scan=scan, doc=doc or {}, sparse=sparse)


def without_columns(table: SourceTable, reasons: Mapping[str, str]) -> SourceTable:
    """The same table, of which some columns cannot be read: who asks for one gets its reason as SourceError."""

    def scan(ids: Ints, columns: Sequence[str]) -> Iterator[pa.Table]:
        for name in columns:
            if name in reasons:
                raise SourceError(reasons[name])
        yield from table.scan(ids, columns)

    return replace(table, scan=scan) if reasons else table


def _pick(pieces: Iterator[pa.Table], rows: Ints) -> Iterator[pa.Table]:
    """The rows of these numbers (ascending) out of consecutive pieces; no piece is read after the last of them."""
    start = first = 0
    for piece in pieces:
        stop = int(np.searchsorted(rows, first + piece.num_rows))
        if stop > start:
            yield take_rows(piece, rows[start:stop] - first)
        start, first = stop, first + piece.num_rows
        if start == len(rows):
            return
    raise _gone(int(rows[-1]), first)


def _gone(row: int, rows: int) -> SourceError:
    return SourceError(f"row {row} was asked for, but only {rows} exist: has the file changed?")


def take_rows(piece: pa.Table, rows: Ints) -> pa.Table:
    """The rows of these numbers, in this order."""
    if len(rows) == piece.num_rows and (rows == np.arange(len(rows))).all():
        return piece
    try:
        return piece.take(pa.array(rows))
    except pa.ArrowNotImplementedError:  # views and other young types can be cut, but not picked from
        return pa.concat_tables(piece.slice(row, 1) for row in rows.tolist())


def table_of(
    tables: pa.Table | Iterable[pa.Table],
    doc: Mapping[str, Any] | None = None,
    *,
    sparse: bool = False,
    spool: Spool | None = None,
) -> SourceTable:
    """A SourceTable over the rows of one table or several, whose columns may differ.

    What one lacks of the columns of another is null. The rows stay in memory, or where a `spool` puts them.
    """
    types: dict[str, pa.DataType] = {}
    parts: list[TablePart] = []
    for table in [tables] if isinstance(tables, pa.Table) else tables:
        for column in table.schema:
            same = types.setdefault(column.name, column.type) == column.type
            types[column.name] = column.type if same else JSON
        # Batch by batch: pyarrow's `take` over a chunked column may join its chunks, and one array of text holds
        # 2 GiB at most.
        for batch in table.to_batches():
            parts += spool.put(batch) if spool is not None else [_in_memory(batch)]
    return table_of_parts(parts, pa.schema(types), doc=doc, sparse=sparse)


def merged(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer pieces of some megabytes: neighbours whose columns are of the same types."""
    neighbours: list[pa.Table] = []
    size = 0
    for piece in pieces:
        if neighbours and (size + piece.nbytes > MERGED_BYTES or piece.schema != neighbours[0].schema):
            yield pa.concat_tables(neighbours).combine_chunks()
            neighbours, size = [], 0
        neighbours.append(piece)
        size += piece.nbytes
    if neighbours:
        yield pa.concat_tables(neighbours).combine_chunks()


class Spool:
    """Where decoded rows stay: the first `MEMORY_BYTES` in memory, all others in a temporary file.

    The file has no name, so it is gone with the process that wrote it, however that ends.
    """

    def __init__(self, access: SourceAccess, memory_bytes: int = MEMORY_BYTES) -> None:
        self._folder = Path(access.cache).expanduser() / "spool"
        self._memory_bytes = memory_bytes
        self._file: _NamelessFile | None = None

    def put(self, batch: pa.RecordBatch) -> Iterator[TablePart]:
        """Rows as parts, in their order. Raises SourceError where the file cannot be written."""
        if batch.nbytes <= self._memory_bytes:
            self._memory_bytes -= batch.nbytes
            yield _in_memory(batch)
            return
        # Rows are read in random order, so what is read for one of them is small.
        rows = max(1, batch.num_rows * PIECE_BYTES // batch.nbytes)
        for start in range(0, batch.num_rows, rows):
            yield self._on_disk(batch.slice(start, rows))

    def _on_disk(self, batch: pa.RecordBatch) -> TablePart:
        try:
            if self._file is None:
                self._file = _NamelessFile(self._folder)
            start, size = self._file.append(batch)
        except OSError as error:
            raise SourceError(
                f"{self._folder}: rows that are too many for memory go through the cache, which cannot be "
                f"written: {error.strerror or error}"
            ) from error
        return TablePart(rows=batch.num_rows, read=partial(_read_back, self._file, start, size))


class _NamelessFile:
    """A temporary file without a name, closed when nobody holds it any more."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor, name = tempfile.mkstemp(dir=folder)
        Path(name).unlink()
        weakref.finalize(self, os.close, self._descriptor)
        self._end = 0

    def append(self, batch: pa.RecordBatch) -> tuple[int, int]:
        """Write rows, and say where they begin and how many bytes they take."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        data = memoryview(sink.getvalue())
        start = self._end
        while self._end < start + len(data):
            self._end += os.pwrite(self._descriptor, data[self._end - start :], self._end)
        return start, len(data)

    def read(self, start: int, size: int) -> bytes:
        """So many bytes from there on."""
        return os.pread(self._descriptor, size, start)


def _in_memory(batch: pa.RecordBatch) -> TablePart:
    def read(columns: Sequence[str]) -> Iterator[pa.Table]:
        yield _select(pa.Table.from_batches([batch]), columns)

    return TablePart(rows=batch.num_rows, read=read)


def _read_back(file: _NamelessFile, start: int, size: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    # Read, not mapped: mapped pages would count as memory of this process for as long as nobody needs them.
    with pa.ipc.open_stream(file.read(start, size)) as reader:
        yield _select(reader.read_all(), columns)


def _select(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """These columns; one that the table lacks is null."""
    own = table.column_names
    nulls = pa.nulls(table.num_rows) if not set(columns) <= set(own) else None
    return pa.table([table[name] if name in own else nulls for name in columns], names=list(columns))
