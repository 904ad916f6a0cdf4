"""What each shard takes of the jobs' files: found for all shards at once, read by whoever writes a shard."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import JobRecord
from flancollect.dataset.job_file import RunSections, run_sections
from flancollect.dataset.row_codec import Block, row_layout
from flancollect.dataset.schemas import MIXTURE
from flancollect.errors import FlancollectError

Jobs = Sequence[tuple[Path, JobRecord]]
Slices = npt.NDArray[np.void]
SLICE = np.dtype(
    [(name, np.int64) for name in ("file", "rows", "payload", "payload_bytes", "entries", "order")]
)
"""Rows of one run: the number of their file, how many they are, and where in it their sections begin."""


def slices_of(jobs: Jobs, count: int, schema: pa.Schema = MIXTURE) -> list[Slices]:
    """For each of `count` shards its slices, in the order of jobs and of the runs in their files.

    Shards are equal parts of the 64-bit range of `order`; `schema` is the build's.
    """
    # Shard n begins at ceil(n * 2**64 / count): of three shards, the second one at 6148914691236517206. Python's
    # integers are exact where 64-bit ones would overflow.
    firsts = np.array([-(-(number << 64) // count) for number in range(1, count)], dtype=np.uint64)
    entry_bytes = row_layout(schema).entry.itemsize
    runs = [
        _cut(path, number, run, firsts, entry_bytes)
        for number, (path, record) in enumerate(jobs)
        for run in run_sections(record.runs, schema)
    ]
    shards = np.stack(runs, axis=1) if runs else np.zeros((count, 0), dtype=SLICE)
    return [shard[shard["rows"] > 0] for shard in shards]


class ReusableBuffer:
    """Memory of one shard's rows, used again for the next: to fill touched pages is cheaper than to get new ones."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, dtype=np.uint8)

    def view(self, size: int) -> npt.NDArray[np.uint8]:
        """So many bytes, with anything in them; what an earlier view showed is overwritten."""
        if len(self._bytes) < size:
            # Shards differ by a few percent: with a sixteenth to spare, the first one mostly fits the others.
            self._bytes = np.empty(size + size // 16, dtype=np.uint8)
        return self._bytes[:size]


def read_slices(
    paths: Sequence[Path], slices: Slices, buffer: ReusableBuffer, schema: pa.Schema = MIXTURE
) -> Block:
    """The rows of some slices, one slice after the other; their cells are in `buffer`.

    Raises FlancollectError for a file that was cut short.
    """
    layout = row_layout(schema)
    rows, width = int(slices["rows"].sum()), layout.entry.itemsize
    block = Block(
        layout=layout,
        order=np.empty(rows, dtype=np.uint64),
        entries=np.empty(rows, dtype=layout.entry),
        payload=buffer.view(int(slices["payload_bytes"].sum())),
    )
    order, entries, payload = map(_bytes_of, (block.order, block.entries, block.payload))
    row = byte = 0
    for file, count, payload_start, size, entries_start, order_start in slices.tolist():
        stop, end = row + count, byte + size
        _read(
            paths[file],
            (payload[byte:end], payload_start),
            (entries[row * width : stop * width], entries_start),
            (order[row * 8 : stop * 8], order_start),
        )
        row, byte = stop, end
    return block


def _cut(path: Path, file: int, run: RunSections, firsts: npt.NDArray[np.uint64], entry_bytes: int) -> Slices:
    """The slices of one run: one for each shard, of no rows where the shard takes none.

    A run of four rows has the orders [5, 9, 20, 30] and its cells end at bytes [3, 7, 8, 12]. Shards that begin
    at 0, 10 and 25, so with `firsts` [10, 25], take the rows between the bounds [0, 2, 3, 4]: two, one and one.
    The bytes before these bounds are [0, 7, 8, 12]: so they take 7, 1 and 4 bytes, from bytes 0, 7 and 8 on.
    """
    # A row's end and its order are two of its numbers, in sections side by side: one read brings both, and of
    # the texts nothing is read.
    ends_and_orders = np.empty((2, run.rows), dtype=np.uint64)
    _read(path, (_bytes_of(ends_and_orders), run.ends))
    ends, orders = ends_and_orders
    bounds = np.concatenate([[0], orders.searchsorted(firsts), [run.rows]])
    byte_bounds = np.concatenate([[0], ends]).astype(np.int64)[bounds]
    slices = np.empty(len(firsts) + 1, dtype=SLICE)
    slices["file"] = file
    slices["rows"] = np.diff(bounds)
    slices["payload"] = run.payload + byte_bounds[:-1]
    slices["payload_bytes"] = np.diff(byte_bounds)
    slices["entries"] = run.entries + bounds[:-1] * entry_bytes
    slices["order"] = run.order + bounds[:-1] * 8
    return slices


def _read(path: Path, *sections: tuple[memoryview, int]) -> None:
    """Fill each piece of memory from its offset in the file."""
    # Read, not mapped: a shard takes a little of thousands of files, and to map and unmap each costs more.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for memory, offset in sections:
            if os.preadv(descriptor, [memory], offset) != len(memory):
                raise FlancollectError(
                    f"{path}: ends before its rows do; delete it and run the same command again"
                )
    finally:
        os.close(descriptor)


def _bytes_of(column: npt.NDArray[np.generic]) -> memoryview:
    return column.reshape(-1).view(np.uint8).data
