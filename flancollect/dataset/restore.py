"""Shards again from the rows that were published: the same boundaries and batches, so the same bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import ShardInfo
from flancollect.dataset.arrow_layout import tidy_batch
from flancollect.dataset.schemas import columns_of
from flancollect.dataset.shards import BATCH_ROWS, staging, write_shard
from flancollect.errors import CheckError


def restore_shards(
    batches: Iterable[pa.RecordBatch],
    shards: Sequence[ShardInfo],
    out: Path,
    schema: pa.Schema,
) -> list[ShardInfo]:
    """Stage shards of a build's rows, given in their order, under `out`, for `seal` to put in place.

    `schema` is the build's. The shards are described as they came out. Raises CheckError when there are fewer or
    more rows than the shards hold, or other columns.
    """
    folder = staging(out)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    # A shard of 2,300 rows has batches of 1000, 1000 and 300 rows: a batch never spans two shards.
    counts = [
        [min(BATCH_ROWS, shard.rows - start) for start in range(0, shard.rows, BATCH_ROWS)]
        for shard in shards
    ]
    pieces = cut(batches, chain.from_iterable(counts), schema)
    restored = [
        write_shard(folder / shard.file, islice(pieces, len(sizes)), schema)
        for shard, sizes in zip(shards, counts, strict=True)
    ]
    deque(pieces, maxlen=0)  # so that a row too many is seen
    return restored


def cut(
    batches: Iterable[pa.RecordBatch], sizes: Iterable[int], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly these sizes, laid out as shards have them.

    Raises CheckError when the rows run out, and at the end when some are left.
    """
    # Batches of 4, 4 and 2 rows become batches of 3, 3, 3 and 1. The first is cut off the first batch, which leaves
    # a rest of 1 row; for the second, that and the next batch are joined, 1 + 4, and 2 rows remain; and so on.
    stream = (conform(batch, schema) for batch in batches)
    rest = pa.RecordBatch.from_pylist([], schema=schema)
    for size in sizes:
        parts = [rest]
        while sum(part.num_rows for part in parts) < size:
            batch = next(stream, None)
            if batch is None:
                raise CheckError("there are fewer rows than the manifest says")
            parts.append(batch)
        rest = parts[0] if len(parts) == 1 else pa.concat_batches(parts)
        yield tidy_batch(rest.slice(0, size))
        rest = rest.slice(size)
    if rest.num_rows or any(batch.num_rows for batch in stream):
        raise CheckError("there are more rows than the manifest says")


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows read from Parquet, which names the elements of lists in its own way, in a build's schema."""
    if batch.schema.names != schema.names:
        raise CheckError(f"columns are {batch.schema.names}, not {list(columns_of(schema))}")
    try:
        return batch.cast(schema)
    except pa.ArrowException as problem:
        raise CheckError(f"the rows are not those of a mixture or benchmark: {problem}") from problem
