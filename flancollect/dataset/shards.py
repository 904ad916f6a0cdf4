"""One shard of a build: written from sorted rows, staged in the work folder, read back and hashed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from flancollect.artifacts import ShardInfo
from flancollect.dataset.arrow_layout import tidy_batch
from flancollect.dataset.hashing import HashedFile, RowsDigest
from flancollect.dataset.reader import WORK_FOLDER, open_shard
from flancollect.dataset.row_codec import Block, Decoder
from flancollect.dataset.schemas import check_schema

SHARD_BYTES = 256 * 1024 * 1024
BATCH_ROWS = 1_000  # what `datasets` writes by default, so reading by row costs what its users expect


def shard_count(values_bytes: int, shard_bytes: int) -> int:
    """How many shards rows make. Raises ValueError for shards too large for text offsets."""
    if not 0 < shard_bytes <= 1 << 30:
        raise ValueError(f"shard_bytes is {shard_bytes}; it must be in 1..{1 << 30}")
    return max(1, -(-values_bytes // shard_bytes))


def write_shard(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> ShardInfo:
    """Write one shard of tidy batches of `BATCH_ROWS`, whole or not at all, and describe it."""
    temporary = path.with_suffix(".tmp")
    digest = RowsDigest(schema)
    # A stream, as `datasets` writes and reads shards: the file format would begin and end otherwise.
    with HashedFile(temporary) as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            digest.add(batch)
            writer.write_batch(batch)
            del (
                batch
            )  # of rows of 200 KB a batch is 200 MB, and the next one is made before the name is used again
    temporary.replace(path)
    return ShardInfo(
        file=path.name, rows=digest.rows, bytes=sink.bytes, sha256=sink.sha256(), rows_sha256=digest.hex()
    )


def staging(out: Path) -> Path:
    """Where the shards of an unfinished build lie."""
    return out / WORK_FOLDER / "shards"


def shard_rows(path: Path, schema: pa.Schema) -> tuple[int, str]:
    """Row count and hash of a shard's rows. Raises as `open_shard`, FlancollectError for another schema."""
    digest = RowsDigest(schema)
    with open_shard(path) as reader:
        check_schema(reader, schema)
        for batch in reader:
            digest.add(tidy_batch(batch))
    return digest.rows, digest.hex()


def sorted_rows(block: Block) -> Iterator[pa.RecordBatch]:
    """The rows by (order, job, place in its file): rows with equal `order` stay as they came."""
    # Stable: rows came in the canonical order of jobs, which decides between equal numbers.
    index = np.argsort(block.order, kind="stable")
    decoder = Decoder(block)
    for start in range(0, len(index), BATCH_ROWS):
        yield decoder.rows(index[start : start + BATCH_ROWS])
