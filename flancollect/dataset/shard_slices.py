"""What each shard takes of the jobs' files: found for all shards at once, read by whoever writes a shard."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flancollect.artifacts import JobRecord
from flancollect.dataset.job_file import Place, places
from flancollect.dataset.row_codec import ENTRY, Block
from flancollect.errors import FlancollectError

Jobs = Sequence[tuple[Path, JobRecord]]
Slices = npt.NDArray[np.void]
SLICE = np.dtype(
    [(name, np.int64) for name in ("file", "rows", "payload", "payload_bytes", "entries", "order")]
)
"""Rows of one run: the number of their file, how many they are, and where in it their sections begin."""


def slices_of(jobs: Jobs, count: int) -> list[Slices]:
    """For each of `count` shards its slices, in the order of jobs and of the runs in their files.

    Shards are equal parts of the 64-bit range of `order`.
    """
    firsts = np.array([-(-(number << 64) // count) for number in range(1, count)], dtype=np.uint64)
    runs = [
        _cut(path, number, place, firsts)
        for number, (path, record) in enumerate(jobs)
        for place in places(record.runs)
    ]
    shards = np.stack(runs, axis=1) if runs else np.zeros((count, 0), dtype=SLICE)
    return [shard[shard["rows"] > 0] for shard in shards]


class Memory:
    """Room for one shard's rows, used again for the next: to fill touched pages is cheaper than to get new ones."""

    def __init__(self) -> None:
        self._held = np.empty(0, dtype=np.uint8)

    def room(self, size: int) -> npt.NDArray[np.uint8]:
        """So many bytes, with anything in them; what was given out before is overwritten."""
        if len(self._held) < size:
            self._held = np.empty(size + size // 16, dtype=np.uint8)
        return self._held[:size]


def read_slices(paths: Sequence[Path], slices: Slices, memory: Memory) -> Block:
    """The rows of some slices, one slice after the other; their cells are in `memory`.

    Raises FlancollectError for a file that was cut short.
    """
    rows = int(slices["rows"].sum())
    block = Block(
        order=np.empty(rows, dtype=np.uint64),
        entries=np.empty(rows, dtype=ENTRY),
        payload=memory.room(int(slices["payload_bytes"].sum())),
    )
    order, entries, payload = (_bytes_of(column) for column in (block.order, block.entries, block.payload))
    row = byte = 0
    for file, count, payload_at, size, entries_at, order_at in slices.tolist():
        stop, end = row + count, byte + size
        _read(
            paths[file],
            (payload[byte:end], payload_at),
            (entries[row * ENTRY.itemsize : stop * ENTRY.itemsize], entries_at),
            (order[row * 8 : stop * 8], order_at),
        )
        row, byte = stop, end
    return block


def _cut(path: Path, file: int, place: Place, firsts: npt.NDArray[np.uint64]) -> Slices:
    """The slices of one run. Its rows' ends and orders, which stand side by side, are all that is read."""
    held = np.empty((2, place.rows), dtype=np.uint64)
    _read(path, (_bytes_of(held), place.ends))
    rows = np.concatenate([[0], held[1].searchsorted(firsts), [place.rows]])
    bytes_ = np.concatenate([[0], held[0]]).astype(np.int64)[rows]
    slices = np.empty(len(firsts) + 1, dtype=SLICE)
    slices["file"] = file
    slices["rows"] = np.diff(rows)
    slices["payload"] = place.payload + bytes_[:-1]
    slices["payload_bytes"] = np.diff(bytes_)
    slices["entries"] = place.entries + rows[:-1] * ENTRY.itemsize
    slices["order"] = place.order + rows[:-1] * 8
    return slices


def _read(path: Path, *sections: tuple[memoryview, int]) -> None:
    """Fill each piece of memory from its place in the file."""
    with _opened(path) as descriptor:
        for memory, at in sections:
            if os.preadv(descriptor, [memory], at) != len(memory):
                raise FlancollectError(
                    f"{path}: ends before its rows do; delete it and run the same command again"
                )


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _bytes_of(column: npt.NDArray[np.generic]) -> memoryview:
    return column.reshape(-1).view(np.uint8).data
