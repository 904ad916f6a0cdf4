"""Jobs' tables become the shards of one shuffled mixture, in memory bounded by the shard size.

A row's `order`, a keyed 64-bit number, says its shard (equal slices of the range) and its place there; so
shuffling is sorting, and each shard is made alone from slices of the jobs' sorted files. Shards are staged
in the work folder: an earlier build stays whole until `seal` puts the new one in its place.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import ShardInfo
from flancollect.errors import FlancollectError
from flancollect.pool import run_over
from flancollect.schemas import MIXTURE, RENDERED, check_schema
from flancollect.writing.hashing import HashedFile, RowsDigest
from flancollect.writing.layout import tidy_batch
from flancollect.writing.reading import WORK_FOLDER, open_shard
from flancollect.writing.rendered import gathered, open_rendered, sort_keys

SHARD_BYTES = 256 * 1024 * 1024
FILES_AT_ONCE = 256  # open at once, well below what systems allow
COPIED_BYTES = 16 * 1024 * 1024
GATHERED_BATCHES = 16  # taken from all parts at once: few takes, little memory
BATCH_ROWS = 1_000  # what `datasets` writes by default, so reading by row costs what its users expect


def write_shards(
    jobs: Sequence[tuple[Path, int]],
    out: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    workers: int = 1,
) -> list[ShardInfo]:
    """Stage the shards of all jobs' rows under `out`, for `seal` to put in place.

    Jobs are (file of `write_rendered`, bytes that it said) in canonical order, which breaks ties between equal
    `order` numbers. There is at least one shard; `shard_bytes` (at most 1 GiB, for 32-bit text offsets) is a
    mean and counts values. Each worker needs up to twice that. Workers change nothing in the files.
    """
    count = shard_count(sum(size for _, size in jobs), shard_bytes)
    folder = staging(out)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    write = partial(_write_shard, [path for path, _ in jobs], folder, count)
    return sorted(run_over(range(count), write, _died, workers), key=lambda shard: shard.file)


def shard_count(values_bytes: int, shard_bytes: int) -> int:
    """How many shards rows make. Raises ValueError for shards too large for text offsets."""
    if not 0 < shard_bytes <= 1 << 30:
        raise ValueError(f"shard_bytes is {shard_bytes}; it must be in 1..{1 << 30}")
    return max(1, -(-values_bytes // shard_bytes))


def _died(number: int) -> ShardInfo:
    raise FlancollectError(
        f"the worker that wrote shard {number} died twice, probably for lack of memory; run the same command "
        "again with fewer workers: rendered tasks are kept"
    )


def write_shard(path: Path, batches: Iterable[pa.RecordBatch]) -> ShardInfo:
    """Write one shard of tidy batches, whole or not at all, and describe it.

    Larger batches are written as several of `BATCH_ROWS`, laid out anew: Arrow writes slices in another way.
    """
    temporary = path.with_suffix(".tmp")
    digest = RowsDigest(MIXTURE)
    with HashedFile(temporary) as sink, pa.ipc.new_stream(sink, MIXTURE) as writer:
        for batch in batches:
            digest.add(batch)
            for at in range(0, batch.num_rows, BATCH_ROWS):
                writer.write_batch(tidy_batch(batch.slice(at, BATCH_ROWS)))
    temporary.replace(path)
    return ShardInfo(
        file=path.name, rows=digest.rows, bytes=sink.bytes, sha256=sink.sha256(), rows_sha256=digest.hex()
    )


def staging(out: Path) -> Path:
    """Where the shards of an unfinished build lie."""
    return out / WORK_FOLDER / "shards"


def shard_rows(path: Path) -> tuple[int, str]:
    """Row count and hash of a shard's rows. Raises as `open_shard`, FlancollectError for another schema."""
    digest = RowsDigest(MIXTURE)
    with open_shard(path) as reader:
        check_schema(reader, MIXTURE)
        for batch in reader:
            digest.add(tidy_batch(batch))
    return digest.rows, digest.hex()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_shard(paths: Sequence[Path], folder: Path, count: int, number: int) -> ShardInfo:
    path = folder / f"data-{number:05d}-of-{count:05d}.arrow"
    return write_shard(path, _sorted_rows(paths, _range_of(number, count)))


def _range_of(number: int, count: int) -> tuple[int, int]:
    """The first and last 64-bit number of one of `count` equal slices."""
    return -(-(number << 64) // count), -(-((number + 1) << 64) // count) - 1


def _sorted_rows(paths: Sequence[Path], bounds: tuple[int, int]) -> Iterator[pa.RecordBatch]:
    """The rows of all jobs within the bounds, sorted by (order, job, source_row, repeat), laid out anew.

    What was read is never joined: memory holds the rows once, and a few batches more.
    """
    parts: list[pa.RecordBatch] = []
    jobs: list[npt.NDArray[np.int64]] = []
    left = deque(enumerate(paths))
    while left:
        part, job = _rows_within(left, bounds)
        parts.append(part)
        jobs.append(job)
    index = _sorted_index(parts, jobs)
    parts = [part.select(MIXTURE.names) for part in parts]
    yield from map(tidy_batch, gathered(parts, index, GATHERED_BATCHES * BATCH_ROWS))


def _rows_within(
    left: deque[tuple[int, Path]], bounds: tuple[int, int]
) -> tuple[pa.RecordBatch, npt.NDArray[np.int64]]:
    """The rows within the bounds of the first files left, copied out of them, and the number of each one's job.

    Files stay open, and their pages in memory, until their rows are copied: so never many at a time.
    """
    first, last = map(np.uint64, bounds)
    found: list[pa.RecordBatch] = [pa.RecordBatch.from_pylist([], schema=RENDERED)]
    jobs: list[npt.NDArray[np.int64]] = []
    size = 0
    with ExitStack() as files:
        for _ in range(FILES_AT_ONCE):
            if not left or size > COPIED_BYTES:
                break
            number, path = left.popleft()
            for batch in files.enter_context(open_rendered(path)):
                order = batch.column("order").to_numpy()
                begin, end = order.searchsorted(first, "left"), order.searchsorted(last, "right")
                found.append(batch.slice(begin, end - begin))
                size += found[-1].nbytes
                jobs.append(np.full(end - begin, number))
        return pa.concat_batches(found), np.concatenate([np.zeros(0, dtype=np.int64), *jobs])


def _sorted_index(
    parts: Sequence[pa.RecordBatch], jobs: Sequence[npt.NDArray[np.int64]]
) -> npt.NDArray[np.int64]:
    if not parts:
        return np.zeros(0, dtype=np.int64)
    order, source_row, repeat = (
        np.concatenate(column) for column in zip(*map(sort_keys, parts), strict=True)
    )
    return np.lexsort((repeat, source_row, np.concatenate(jobs), order))
