"""Shards again from the rows that were published: the same boundaries and batches, so the same bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import ShardInfo
from flancollect.dataset.arrow_layout import tidy_batch
from flancollect.dataset.schemas import MIXTURE, columns_of
from flancollect.dataset.shards import BATCH_ROWS, staging, write_shard
from flancollect.errors import CheckError


def restore_shards(
    batches: Iterable[pa.RecordBatch], shards: Sequence[ShardInfo], out: Path
) -> list[ShardInfo]:
    """Stage shards of a build's rows, given in their order, under `out`, for `seal` to put in place.

    The shards are described as they came out. Raises CheckError when there are fewer or more rows than the
    shards hold, or other columns.
    """
    folder = staging(out)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    counts = [_batch_sizes(shard.rows) for shard in shards]
    pieces = cut(batches, chain.from_iterable(counts))
    made = [
        write_shard(folder / shard.file, islice(pieces, len(sizes)))
        for shard, sizes in zip(shards, counts, strict=True)
    ]
    deque(pieces, maxlen=0)  # so that a row too many is seen
    return made


def cut(batches: Iterable[pa.RecordBatch], sizes: Iterable[int]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly these sizes, laid out as shards have them.

    Raises CheckError when the rows run out, and at the end when some are left.
    """
    stream = map(as_mixture, batches)
    waiting = pa.RecordBatch.from_pylist([], schema=MIXTURE)
    for size in sizes:
        parts = [waiting]
        while sum(part.num_rows for part in parts) < size:
            parts.append(_next(stream))
        waiting = parts[0] if len(parts) == 1 else pa.concat_batches(parts)
        yield tidy_batch(waiting.slice(0, size))
        waiting = waiting.slice(size)
    if waiting.num_rows or any(batch.num_rows for batch in stream):
        raise CheckError("there are more rows than the manifest says")


def _next(stream: Iterator[pa.RecordBatch]) -> pa.RecordBatch:
    for batch in stream:
        return batch
    raise CheckError("there are fewer rows than the manifest says")


def as_mixture(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows read from Parquet, which names the elements of lists in its own way, in the mixture's schema."""
    if batch.schema.names != MIXTURE.names:
        raise CheckError(f"columns are {batch.schema.names}, not {list(columns_of(MIXTURE))}")
    try:
        return batch.cast(MIXTURE)
    except pa.ArrowException as problem:
        raise CheckError(f"the rows are not those of a mixture: {problem}") from problem


def _batch_sizes(rows: int) -> list[int]:
    """How many rows the batches of a shard have."""
    whole, rest = divmod(rows, BATCH_ROWS)
    return [BATCH_ROWS] * whole + ([rest] if rest else [])
