"""A job's rendered rows: one Arrow IPC file, sorted by place in the mixture.

Equal rows give equal bytes, in whatever chunks and order they arrive. The rows of a large job are spilled
beside the file first, so that memory holds sort keys and one batch, not the whole job.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flancollect.errors import FlancollectError
from flancollect.schemas import MIXTURE, RENDERED, Rows, check_rows
from flancollect.writing.hashing import RowsDigest, batches_of
from flancollect.writing.layout import tidy_batch

BATCH_ROWS = 16_384
HELD_BYTES = 64 * 1024 * 1024

SortKeys: TypeAlias = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedInfo:
    """What was written. `bytes` counts the values of the mixture's columns, `file_bytes` the file's.

    `rows_sha256` is over the mixture's columns in the order of the file.
    """

    rows: int
    bytes: int
    file_bytes: int
    rows_sha256: str


def write_rendered(path: Path, batches: Iterable[Rows]) -> RenderedInfo:
    """Write a job's rows (`RENDERED`, any order), sorted by (order, source_row, repeat).

    The file appears whole or not at all; a killed run leaves at most hidden `.tmp` files. Raises
    FlancollectError for a wrong schema, a null where none may be, or one row given twice.
    """
    spill = path.with_name(f".{path.name}.{os.getpid()}.spill.tmp")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digest = RowsDigest(MIXTURE)
    try:
        with _at_hand(_checked(batches), spill) as chunks:
            index = _sorted_index([sort_keys(chunk) for chunk in chunks], path)
            _write(temporary, _digested(map(tidy_batch, gathered(chunks, index, BATCH_ROWS)), digest))
        size = temporary.stat().st_size
        temporary.replace(path)
    finally:
        spill.unlink(missing_ok=True)
        temporary.unlink(missing_ok=True)
    return RenderedInfo(rows=digest.rows, bytes=digest.bytes, file_bytes=size, rows_sha256=digest.hex())


@contextmanager
def open_rendered(path: Path) -> Iterator[list[pa.RecordBatch]]:
    """The batches of a job's file, memory-mapped: pages are read when rows are, and only while it is open."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        yield [reader.get_batch(i) for i in range(reader.num_record_batches)]


def sort_keys(batch: pa.RecordBatch) -> SortKeys:
    """The columns order, source_row and repeat."""
    provenance = batch.column("provenance")
    return (
        batch.column("order").to_numpy(),
        pc.struct_field(provenance, "source_row").to_numpy(),
        pc.struct_field(provenance, "repeat").to_numpy(),
    )


@contextmanager
def _at_hand(batches: Iterator[pa.RecordBatch], spill: Path) -> Iterator[list[pa.RecordBatch]]:
    """All batches at once: in memory up to `HELD_BYTES`, beyond that in a file, memory-mapped."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > HELD_BYTES:
            _write(spill, chain(held, batches))
            held.clear()
            with open_rendered(spill) as chunks:
                yield chunks
            return
    yield held


def _digested(batches: Iterable[pa.RecordBatch], digest: RowsDigest) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        digest.add(batch.select(MIXTURE.names))
        yield batch


def _checked(batches: Iterable[Rows]) -> Iterator[pa.RecordBatch]:
    for rows in batches:
        check_rows(rows, RENDERED)
        yield from batches_of(rows)


def _write(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, RENDERED) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _sorted_index(keys: Sequence[SortKeys], path: Path) -> npt.NDArray[np.int64]:
    """Row numbers, counted over all chunks, in sorted order."""
    if not keys:
        return np.zeros(0, dtype=np.int64)
    order, source_row, repeat = (np.concatenate(column) for column in zip(*keys, strict=True))
    index = np.lexsort((repeat, source_row, order))
    same = np.ones(max(len(index) - 1, 0), dtype=bool)
    for column in (order, source_row, repeat):
        same &= column[index[1:]] == column[index[:-1]]
    if same.any():
        at = index[int(np.argmax(same))]
        raise FlancollectError(
            f"{path}: source row {source_row[at]}, repeat {repeat[at]} came twice with one order number"
        )
    return index


def gathered(
    chunks: Sequence[pa.RecordBatch], index: npt.NDArray[np.int64], size: int
) -> Iterator[pa.RecordBatch]:
    """Rows by number, counted over all chunks, in batches of `size`."""
    starts = np.cumsum([0, *(chunk.num_rows for chunk in chunks)])
    for at in range(0, len(index), size):
        yield _take(chunks, starts, index[at : at + size])


def _take(
    chunks: Sequence[pa.RecordBatch], starts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> pa.RecordBatch:
    """Rows by number over all chunks. Taken chunk by chunk: a take over a chunked table would join it all."""
    chunk_of = np.searchsorted(starts, rows, side="right") - 1
    used = np.unique(chunk_of)
    if len(used) == 1:
        return chunks[used[0]].take(pa.array(rows - starts[used[0]]))
    parts = [chunks[i].take(pa.array(rows[chunk_of == i] - starts[i])) for i in used]
    places = np.concatenate([np.flatnonzero(chunk_of == i) for i in used])
    return pa.concat_batches(parts).take(pa.array(np.argsort(places)))
