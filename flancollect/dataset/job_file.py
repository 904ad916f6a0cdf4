"""A job's rendered rows: one file of sorted runs, ended by its record, so that it is whole or no job at all.

    run, run, ..., record (JSON), length of the record (u64), MAGIC
    run: the cells of its rows, their entries, where the cells of each row end (i64), each row's `order` (u64)

Within a run rows stand by their place in the mixture, so what a shard takes of it is one range of bytes. A run
holds `RUN_BYTES`, so memory never holds all rows of a large job. Equal rows in equal order give equal bytes,
in whatever blocks they come.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from flancollect.artifacts import JobRecord, RunInfo, fingerprint
from flancollect.dataset.row_codec import ENTRY, REPEAT, SOURCE_ROW, Block, concat, part, take
from flancollect.dataset.schemas import MIXTURE, columns_of
from flancollect.errors import FlancollectError

RUN_BYTES = 32 * 1024 * 1024
MAGIC = b"flanrows"
TAIL_BYTES = 8 + len(MAGIC)
PROBE_BYTES = 4096  # most records fit into what is read first


def write_rendered(
    path: Path, blocks: Iterable[Block], dropped: Mapping[str, int], templates: Mapping[str, str]
) -> JobRecord:
    """Write a job's rows in runs sorted by (order, source_row, repeat), and say what was written.

    `dropped` is looked at when the rows have run out. The file appears whole or not at all; a killed run
    leaves at most a hidden `.tmp` file. Raises FlancollectError for one row given twice.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digest, runs, keys = _Digest(), [], []
    try:
        with temporary.open("wb") as file:
            for run in map(_sorted, _runs(blocks)):
                digest.add(run)
                keys.append(_keys(run))
                for section in (run.payload, run.entries, run.offsets()[1:], run.order):
                    file.write(np.ascontiguousarray(section).data)
                runs.append(RunInfo(rows=run.rows, bytes=run.payload.nbytes))
            _refuse_twins(keys, path)
            record = JobRecord(
                rows=sum(run.rows for run in runs),
                bytes=sum(run.bytes + run.rows * ENTRY.itemsize for run in runs),
                rows_sha256=digest.hex(),
                dropped=dict(sorted(dropped.items())),
                templates=dict(templates),
                runs=runs,
            )
            text = record.model_dump_json().encode()
            file.write(text + len(text).to_bytes(8, "little") + MAGIC)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return record


def read_record(path: Path) -> JobRecord | None:
    """The record of a finished job; None where there is no file, or one that is cut short or damaged."""
    try:
        with path.open("rb") as file:
            text, size = _record_text(file)
        record = JobRecord.model_validate_json(text)
    except (OSError, ValueError):
        return None
    end = max((place.stop for place in places(record.runs)), default=0)
    return record if size == end + len(text) + TAIL_BYTES else None


def runs_of(path: Path, record: JobRecord) -> list[Block]:
    """The runs of a job's file, memory-mapped: pages are read when rows are."""
    held = np.memmap(path, dtype=np.uint8, mode="r") if record.runs else np.zeros(0, np.uint8)
    return [_block(held, place) for place in places(record.runs)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the sections of a run begin in its file, in bytes, and its number of rows."""

    rows: int
    payload: int
    entries: int
    ends: int
    order: int
    stop: int


def places(runs: Iterable[RunInfo]) -> Iterator[Place]:
    """The places of a file's runs, one after the other."""
    at = 0
    for run in runs:
        entries = at + run.bytes
        ends = entries + run.rows * ENTRY.itemsize
        order = ends + run.rows * 8
        stop = order + run.rows * 8
        yield Place(rows=run.rows, payload=at, entries=entries, ends=ends, order=order, stop=stop)
        at = stop


class _Digest:
    """SHA-256 over rows in their order: over entries and cells as two streams, whatever the blocks."""

    def __init__(self) -> None:
        self._entries, self._payload, self._rows = hashlib.sha256(), hashlib.sha256(), 0

    def add(self, block: Block) -> None:
        self._entries.update(block.entries.data)
        self._payload.update(block.payload.data)
        self._rows += block.rows

    def hex(self) -> str:
        columns = list(columns_of(MIXTURE).items())
        return fingerprint([columns, self._rows, self._entries.hexdigest(), self._payload.hexdigest()])


def _runs(blocks: Iterable[Block]) -> Iterator[Block]:
    """The rows in the order they come, cut at the row that brings their cells to `RUN_BYTES`."""
    held: list[Block] = []
    size = 0
    for block in blocks:
        left = block
        while size + left.payload.nbytes >= RUN_BYTES:
            rows = int(np.searchsorted(left.offsets(), RUN_BYTES - size))
            yield concat([*held, part(left, 0, rows)])
            left, held, size = part(left, rows, left.rows), [], 0
        if left.rows:
            held.append(left)
            size += left.payload.nbytes
    if held:
        yield concat(held)


def _keys(run: Block) -> tuple[npt.NDArray[np.generic], ...]:
    """What rows are sorted by, the last first, as `np.lexsort` wants it; copied, so that no run is held by it."""
    return run.entries[REPEAT].copy(), run.entries[SOURCE_ROW].copy(), run.order


def _sorted(run: Block) -> Block:
    return take(run, np.lexsort(_keys(run)))


def _refuse_twins(keys: Sequence[tuple[npt.NDArray[np.generic], ...]], path: Path) -> None:
    """Raise FlancollectError for two rows alike in order, source_row and repeat, in whatever runs."""
    if not keys:
        return
    repeat, source_row, order = (np.concatenate(column) for column in zip(*keys, strict=True))
    index = np.lexsort((repeat, source_row, order))
    same = np.ones(len(index) - 1, dtype=bool)
    for column in (order, source_row, repeat):
        same &= column[index[1:]] == column[index[:-1]]
    if same.any():
        at = index[int(np.argmax(same))]
        raise FlancollectError(
            f"{path}: source row {source_row[at]}, repeat {repeat[at]} came twice with one order number"
        )


def _record_text(file: BinaryIO) -> tuple[bytes, int]:
    """The JSON at the end of a job's file, and the file's size. Raises ValueError where there is none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - PROBE_BYTES, 0))
    end = file.read()
    length = int.from_bytes(end[-TAIL_BYTES : -len(MAGIC)], "little")
    if not end.endswith(MAGIC) or length + TAIL_BYTES > size:
        raise ValueError("no record")
    if length + TAIL_BYTES > len(end):
        file.seek(size - TAIL_BYTES - length)
        end = file.read()
    return end[-TAIL_BYTES - length : -TAIL_BYTES], size


def _block(held: npt.NDArray[np.uint8], place: Place) -> Block:
    return Block(
        order=held[place.order : place.stop].view(np.uint64),
        entries=held[place.entries : place.ends].view(ENTRY),
        payload=held[place.payload : place.entries],
    )
