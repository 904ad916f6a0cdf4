"""Jobs' tables become the shards of one shuffled mixture, in memory bounded by the shard size.

A row's `order`, a keyed 64-bit number, says its shard (equal slices of the range) and its place there; so
shuffling is sorting, and each shard is made alone from slices of the jobs' sorted files. Shards are staged
in the work folder: an earlier build stays whole until `seal` puts the new one in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import ShardInfo
from flancollect.errors import FlancollectError
from flancollect.pool import run_over
from flancollect.schemas import MIXTURE, check_schema
from flancollect.writing.hashing import rows_sha256
from flancollect.writing.layout import payload_bytes, tidy_batch
from flancollect.writing.reading import WORK_FOLDER, open_shard
from flancollect.writing.rendered import open_rendered, sort_keys

SHARD_BYTES = 256 * 1024 * 1024
BATCH_ROWS = 1_000  # what `datasets` writes by default, so reading by row costs what its users expect


def write_shards(
    jobs: Sequence[tuple[str, Path]],
    out: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    workers: int = 1,
) -> list[ShardInfo]:
    """Stage the shards of all jobs' rows under `out`, for `seal` to put in place.

    Jobs are (name, file of `write_rendered`) in canonical order, which breaks ties between equal `order`
    numbers. There is at least one shard; `shard_bytes` (at most 1 GiB, for 32-bit text offsets) is a mean
    and counts values. Each worker needs up to four times that. Workers change nothing in the files.
    """
    if not 0 < shard_bytes <= 1 << 30:
        raise ValueError(f"shard_bytes is {shard_bytes}; it must be in 1..{1 << 30}")
    folder = staging(out)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    paths = [path for _, path in jobs]
    count = max(1, -(-sum(map(_file_payload, paths)) // shard_bytes))
    write = partial(_write_shard, paths, folder, count)
    return sorted(run_over(range(count), write, _died, workers), key=lambda shard: shard.file)


def _died(number: int) -> ShardInfo:
    raise FlancollectError(
        f"the worker that wrote shard {number} died twice, probably for lack of memory; run the same command "
        "again with fewer workers: rendered tasks are kept"
    )


def write_shard(path: Path, batches: Iterable[pa.RecordBatch]) -> ShardInfo:
    """Write one shard of tidy batches, whole or not at all, and describe it."""
    temporary = path.with_suffix(".tmp")
    with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_stream(sink, MIXTURE) as writer:
        for batch in batches:
            writer.write_batch(batch)
    temporary.replace(path)
    return shard_info(path)


def staging(out: Path) -> Path:
    """Where the shards of an unfinished build lie."""
    return out / WORK_FOLDER / "shards"


def shard_info(path: Path) -> ShardInfo:
    """Describe a shard. Raises as `open_shard`, and FlancollectError for another schema."""
    rows, logical = shard_rows(path)
    return ShardInfo(
        file=path.name,
        rows=rows,
        bytes=path.stat().st_size,
        sha256=file_sha256(path),
        rows_sha256=logical,
    )


def shard_rows(path: Path) -> tuple[int, str]:
    """Row count and hash of a shard's rows. Raises as `open_shard`, FlancollectError for another schema."""
    counts: list[int] = []

    def counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            counts.append(batch.num_rows)
            yield batch

    with open_shard(path) as reader:
        check_schema(reader, MIXTURE)
        logical = rows_sha256(counted(reader), MIXTURE)
    return sum(counts), logical


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_payload(path: Path) -> int:
    with open_rendered(path) as batches:
        return sum(map(payload_bytes, batches))


def _write_shard(paths: Sequence[Path], folder: Path, count: int, number: int) -> ShardInfo:
    path = folder / f"data-{number:05d}-of-{count:05d}.arrow"
    return write_shard(path, _sorted_rows(paths, _range_of(number, count)))


def _range_of(number: int, count: int) -> tuple[int, int]:
    """The first and last 64-bit number of one of `count` equal slices."""
    return -(-(number << 64) // count), -(-((number + 1) << 64) // count) - 1


def _sorted_rows(paths: Sequence[Path], bounds: tuple[int, int]) -> Iterator[pa.RecordBatch]:
    """The rows of all jobs within the bounds, sorted by (order, job, source_row, repeat), laid out anew."""
    parts = [(job, part) for job, path in enumerate(paths) for part in _slices(path, bounds)]
    if not parts:
        return
    index = _sorted_index(parts)
    rows = pa.concat_batches([part.select(MIXTURE.names) for _, part in parts])
    parts.clear()
    for at in range(0, len(index), BATCH_ROWS):
        yield tidy_batch(rows.take(pa.array(index[at : at + BATCH_ROWS])))


def _slices(path: Path, bounds: tuple[int, int]) -> Iterator[pa.RecordBatch]:
    """A job's rows within the bounds, copied, so that the file can be closed again."""
    first, last = map(np.uint64, bounds)
    with open_rendered(path) as batches:
        for batch in batches:
            order = batch.column("order").to_numpy()
            begin, end = order.searchsorted(first, "left"), order.searchsorted(last, "right")
            if begin < end:
                yield batch.take(pa.array(np.arange(begin, end)))


def _sorted_index(parts: Sequence[tuple[int, pa.RecordBatch]]) -> npt.NDArray[np.int64]:
    keys = [sort_keys(part) for _, part in parts]
    order, source_row, repeat = (np.concatenate(column) for column in zip(*keys, strict=True))
    job = np.repeat([job for job, _ in parts], [part.num_rows for _, part in parts])
    return np.lexsort((repeat, source_row, job, order))
