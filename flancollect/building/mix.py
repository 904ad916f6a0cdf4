"""Jobs' rows become the shards of one shuffled mixture, in memory bounded by the shard size.

A row's `order`, a keyed 64-bit number, says its shard (equal slices of the range) and its place there; so
shuffling is sorting, and each shard is made alone from slices of the jobs' sorted files. Shards are staged
in the work folder: an earlier build stays whole until `seal` puts the new one in its place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import ShardInfo
from flancollect.building.workers import PeakMemory, map_unordered
from flancollect.dataset.reader import SHARD_FILES
from flancollect.dataset.schemas import MIXTURE
from flancollect.dataset.shard_slices import Jobs, ReusableBuffer, Slices, read_slices, slices_of
from flancollect.dataset.shards import SHARD_BYTES, shard_count, sorted_rows, staging, write_shard
from flancollect.errors import FlancollectError


def write_shards(
    jobs: Jobs,
    out: Path,
    *,
    schema: pa.Schema = MIXTURE,
    shard_bytes: int = SHARD_BYTES,
    workers: int = 1,
    peak_memory: PeakMemory | None = None,
) -> list[ShardInfo]:
    """Stage the shards of all jobs' rows under `out`, for `seal` to put in place.

    Jobs (file and record of `write_rendered`, of rows of `schema`) are in canonical order, which breaks ties between
    equal `order` numbers. There is at least one shard; `shard_bytes` (at most 1 GiB, for 32-bit text offsets) is a
    mean and counts values. Each worker holds one shard. Workers change nothing in the files. `peak_memory` is that
    of `map_unordered`.
    """
    count = shard_count(sum(record.bytes for _, record in jobs), shard_bytes)
    folder = staging(out)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    write = partial(_write_shard, [path for path, _ in jobs], folder, ReusableBuffer(), schema)
    names = (f"data-{number:05d}-of-{count:05d}.arrow" for number in range(count))
    shards = list(zip(names, slices_of(jobs, count, schema), strict=True))
    # One thread beside the workers: to give back a file's pages takes long, and nothing waits for it.
    with ThreadPoolExecutor(1) as thread:
        for old in sorted(out.glob(SHARD_FILES)):
            thread.submit(_uncache, old)
        # Names sort by number, so shards stand in mixture order whichever worker was first.
        return sorted(map_unordered(shards, write, _died, workers, peak_memory), key=lambda shard: shard.file)


def _uncache(old: Path) -> None:
    """Give back the memory that caches a file which is soon deleted: else room for the new ones must be searched."""
    if hasattr(os, "posix_fadvise"):
        with old.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _died(shard: tuple[str, Slices]) -> ShardInfo:
    name, _ = shard
    raise FlancollectError(
        f"the worker that wrote {name} died twice, probably for lack of memory; run the same command "
        "again with fewer workers: rendered tasks are kept"
    )


def _write_shard(
    paths: Sequence[Path],
    folder: Path,
    buffer: ReusableBuffer,
    schema: pa.Schema,
    shard: tuple[str, Slices],
) -> ShardInfo:
    name, slices = shard
    # `partial` is pickled once per worker, so the buffer lives as long as the worker and serves all its shards.
    return write_shard(folder / name, sorted_rows(read_slices(paths, slices, buffer, schema)), schema)
