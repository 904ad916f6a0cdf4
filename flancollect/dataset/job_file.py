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

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import JobRecord, RunInfo, fingerprint
from flancollect.dataset.row_codec import CUT_BYTES, REPEAT, SOURCE_ROW, Block, concat, part, row_layout, take
from flancollect.dataset.schemas import MIXTURE, columns_of
from flancollect.errors import FlancollectError

RUN_BYTES = 32 * 1024 * 1024
MAGIC = b"flanrows"
TAIL_BYTES = 8 + len(MAGIC)
PROBE_BYTES = 4096  # most records fit into what is read first

SortKey = tuple[npt.NDArray[np.generic], ...]


def write_rendered(
    path: Path,
    blocks: Iterable[Block],
    dropped: Mapping[str, int],
    templates: Mapping[str, str],
    schema: pa.Schema = MIXTURE,
) -> JobRecord:
    """Write a job's rows in runs sorted by (order, source_row, repeat), and say what was written.

    `schema` is the build's. `dropped` is looked at when the rows have run out. The file appears whole or not at
    all; a killed run leaves at most a hidden `.tmp` file. Raises FlancollectError when a row comes twice, and
    for rows of another schema.
    """
    layout = row_layout(schema)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    entries_digest, payload_digest = hashlib.sha256(), hashlib.sha256()
    runs, keys, shortened = list[RunInfo](), list[SortKey](), 0
    try:
        with temporary.open("wb") as file:
            for unsorted_run in _runs(blocks):
                if unsorted_run.layout is not layout:
                    raise FlancollectError(f"{path}: its rows are not of the schema that it is written for")
                run = take(unsorted_run, np.lexsort(_sort_key(unsorted_run)))
                # The file's bytes depend on where runs are cut, the two streams of values do not.
                entries_digest.update(run.entries.data)
                payload_digest.update(run.payload.data)
                keys.append(_sort_key(run))
                shortened += int(np.count_nonzero(run.entries[CUT_BYTES]))
                for section in (run.payload, run.entries, run.offsets()[1:], run.order):
                    file.write(np.ascontiguousarray(section).data)
                runs.append(RunInfo(rows=run.rows, bytes=run.payload.nbytes))
            _refuse_duplicates(keys, path)
            rows, columns = sum(run.rows for run in runs), list(columns_of(schema).items())
            record = JobRecord(
                rows=rows,
                bytes=sum(run.bytes for run in runs) + rows * layout.entry.itemsize,
                rows_sha256=fingerprint(
                    [columns, rows, entries_digest.hexdigest(), payload_digest.hexdigest()]
                ),
                shortened=shortened,
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


def read_record(path: Path, schema: pa.Schema = MIXTURE) -> JobRecord | None:
    """The record of a finished job for a build of this schema.

    None where there is no file, one that is cut short or damaged, or one of another schema's rows.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - PROBE_BYTES, 0))
            end = file.read()
            length = int.from_bytes(end[-TAIL_BYTES : -len(MAGIC)], "little")
            # A file of noise may name any length: nothing is read that does not end with MAGIC and fit.
            if not end.endswith(MAGIC) or length + TAIL_BYTES > size:
                return None
            if length + TAIL_BYTES > len(end):
                file.seek(size - TAIL_BYTES - length)
                end = file.read()
        text = end[-TAIL_BYTES - length : -TAIL_BYTES]
        record = JobRecord.model_validate_json(text)
    except (OSError, ValueError):
        return None
    rows_end = max((run.stop for run in run_sections(record.runs, schema)), default=0)
    return record if size == rows_end + len(text) + TAIL_BYTES else None


def runs_of(path: Path, record: JobRecord, schema: pa.Schema = MIXTURE) -> list[Block]:
    """The runs of a job's file, memory-mapped: pages are read when rows are."""
    layout = row_layout(schema)
    # An empty file cannot be mapped, and a job without rows has no runs to look for.
    data = np.memmap(path, dtype=np.uint8, mode="r") if record.runs else np.zeros(0, np.uint8)
    return [
        Block(
            layout=layout,
            order=data[run.order : run.stop].view(np.uint64),
            entries=data[run.entries : run.ends].view(layout.entry),
            payload=data[run.payload : run.entries],
        )
        for run in run_sections(record.runs, schema)
    ]


def entries_of(path: Path, record: JobRecord, schema: pa.Schema = MIXTURE) -> npt.NDArray[np.void]:
    """The entries of all rows of a job's file, in its order, and nothing else of it."""
    kind = row_layout(schema).entry
    sections = run_sections(record.runs, schema)
    runs = [np.fromfile(path, dtype=kind, count=run.rows, offset=run.entries) for run in sections]
    return np.concatenate(runs) if runs else np.zeros(0, dtype=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSections:
    """Where the sections of a run begin in its file, in bytes, and its number of rows."""

    rows: int
    payload: int
    entries: int
    ends: int
    order: int
    stop: int


def run_sections(runs: Iterable[RunInfo], schema: pa.Schema = MIXTURE) -> Iterator[RunSections]:
    """The sections of a file's runs, one run after the other.

    With entries of 80 bytes, runs of 2 rows with 14 bytes of cells and of 1 row with 9 bytes lie so:

        run 0: payload 0, entries 14, ends 174, order 190, stop 206
        run 1: payload 206, entries 215, ends 295, order 303, stop 311; here the record begins
    """
    entry_bytes = row_layout(schema).entry.itemsize
    start = 0
    for run in runs:
        entries = start + run.bytes
        ends = entries + run.rows * entry_bytes
        order = ends + run.rows * 8
        stop = order + run.rows * 8
        yield RunSections(rows=run.rows, payload=start, entries=entries, ends=ends, order=order, stop=stop)
        start = stop


def _runs(blocks: Iterable[Block]) -> Iterator[Block]:
    """The rows in the order they come, cut at the row that brings their cells to `RUN_BYTES`."""
    parts: list[Block] = []
    size = 0
    for block in blocks:
        rest = block
        while size + rest.payload.nbytes >= RUN_BYTES:
            # With 10 bytes to go and rows that end at [0, 4, 9, 15], the first 3 rows end the run.
            rows = int(np.searchsorted(rest.offsets(), RUN_BYTES - size))
            yield concat([*parts, part(rest, 0, rows)])
            rest, parts, size = part(rest, rows, rest.rows), [], 0
        if rest.rows:
            parts.append(rest)
            size += rest.payload.nbytes
    if parts:
        yield concat(parts)


def _sort_key(run: Block) -> SortKey:
    """What rows are sorted by, the last first, as `np.lexsort` takes it."""
    # Copied: a view of two columns would keep all entries of the run in memory until the job is done.
    return run.entries[REPEAT].copy(), run.entries[SOURCE_ROW].copy(), run.order


def _refuse_duplicates(keys: Sequence[SortKey], path: Path) -> None:
    """Raise FlancollectError for two rows of equal order, source_row and repeat, in whatever runs."""
    if not keys:
        return
    repeat, source_row, order = (np.concatenate(column) for column in zip(*keys, strict=True))
    index = np.lexsort((repeat, source_row, order))
    same = np.ones(len(index) - 1, dtype=bool)
    for column in (order, source_row, repeat):
        same &= column[index[1:]] == column[index[:-1]]
    if same.any():
        row = index[int(np.argmax(same))]
        raise FlancollectError(
            f"{path}: source row {source_row[row]}, repeat {repeat[row]} came twice with one order number"
        )
