"""Jobs' rows become the shards of one shuffled mixture, in memory bounded by the shard size.

A row's `order`, a keyed 64-bit number, says its shard (equal slices of the range) and its place there; so
shuffling is sorting, and each shard is made alone from slices of the jobs' sorted files. Shards are staged
in the work folder: an earlier build stays whole until `seal` puts the new one in its place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from flancollect.artifacts import ShardInfo
from flancollect.errors import FlancollectError
from flancollect.pool import Peaks, run_over
from flancollect.schemas import MIXTURE, check_schema
from flancollect.writing.cells import Block, Decoder
from flancollect.writing.hashing import HashedFile, RowsDigest
from flancollect.writing.layout import tidy_batch
from flancollect.writing.reading import SHARD_FILES, WORK_FOLDER, open_shard
from flancollect.writing.slices import Jobs, Memory, Slices, read_slices, slices_of

SHARD_BYTES = 256 * 1024 * 1024
BATCH_ROWS = 1_000  # what `datasets` writes by default, so reading by row costs what its users expect


def write_shards(
    jobs: Jobs, out: Path, *, shard_bytes: int = SHARD_BYTES, workers: int = 1, peaks: Peaks | None = None
) -> list[ShardInfo]:
    """Stage the shards of all jobs' rows under `out`, for `seal` to put in place.

    Jobs (file and record of `write_rendered`) are in canonical order, which breaks ties between equal `order`
    numbers. There is at least one shard; `shard_bytes` (at most 1 GiB, for 32-bit text offsets) is a mean and
    counts values. Each worker holds one shard. Workers change nothing in the files. `peaks` is that of `run_over`.
    """
    count = shard_count(sum(record.bytes for _, record in jobs), shard_bytes)
    folder = staging(out)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    write = partial(_write_shard, [path for path, _ in jobs], folder, Memory())
    names = (f"data-{number:05d}-of-{count:05d}.arrow" for number in range(count))
    shards = list(zip(names, slices_of(jobs, count), strict=True))
    with ThreadPoolExecutor(1) as thread:
        for old in sorted(out.glob(SHARD_FILES)):
            thread.submit(_uncache, old)
        return sorted(run_over(shards, write, _died, workers, peaks), key=lambda shard: shard.file)


def _uncache(old: Path) -> None:
    """Give back the memory that caches a file which is soon deleted: else room for the new ones must be searched."""
    if hasattr(os, "posix_fadvise"):
        with old.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def shard_count(values_bytes: int, shard_bytes: int) -> int:
    """How many shards rows make. Raises ValueError for shards too large for text offsets."""
    if not 0 < shard_bytes <= 1 << 30:
        raise ValueError(f"shard_bytes is {shard_bytes}; it must be in 1..{1 << 30}")
    return max(1, -(-values_bytes // shard_bytes))


def _died(shard: tuple[str, Slices]) -> ShardInfo:
    name, _ = shard
    raise FlancollectError(
        f"the worker that wrote {name} died twice, probably for lack of memory; run the same command "
        "again with fewer workers: rendered tasks are kept"
    )


def write_shard(path: Path, batches: Iterable[pa.RecordBatch]) -> ShardInfo:
    """Write one shard of tidy batches of `BATCH_ROWS`, whole or not at all, and describe it."""
    temporary = path.with_suffix(".tmp")
    digest = RowsDigest(MIXTURE)
    with HashedFile(temporary) as sink, pa.ipc.new_stream(sink, MIXTURE) as writer:
        for batch in batches:
            digest.add(batch)
            writer.write_batch(batch)
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


def _write_shard(paths: Sequence[Path], folder: Path, memory: Memory, shard: tuple[str, Slices]) -> ShardInfo:
    name, slices = shard
    return write_shard(folder / name, _sorted_rows(read_slices(paths, slices, memory)))


def _sorted_rows(block: Block) -> Iterator[pa.RecordBatch]:
    """The rows by (order, job, place in its file): rows with equal `order` stay as they came."""
    index = np.argsort(block.order, kind="stable")
    decoder = Decoder(block)
    for at in range(0, len(index), BATCH_ROWS):
        yield decoder.rows(index[at : at + BATCH_ROWS])
