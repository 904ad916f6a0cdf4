"""Hashes of rows: of what they say, not of how they are chunked or written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import pyarrow as pa

from flancollect.artifacts import ShardInfo, fingerprint
from flancollect.schemas import Rows, check_schema, columns_of
from flancollect.writing.layout import streams, tidy_batch


def rows_sha256(chunks: Iterable[Rows], schema: pa.Schema) -> str:
    """SHA-256 (hex) over rows in their order, whatever the chunks they come in.

    Every leaf buffer (values, lengths, null flags) is hashed as one stream, then the digests together with
    schema and row count. Raises FlancollectError when a chunk has another schema.
    """
    empty = pa.RecordBatch.from_pylist([], schema=schema)
    hashes = [hashlib.sha256() for column in tidy_batch(empty).columns for _ in streams(column)]
    rows = 0
    for chunk in chunks:
        check_schema(chunk, schema)
        rows += chunk.num_rows
        for batch in batches_of(chunk):
            found = (stream for column in tidy_batch(batch).columns for stream in streams(column))
            for digest, stream in zip(hashes, found, strict=True):
                digest.update(stream.data)
    return fingerprint([list(columns_of(schema).items()), rows, [digest.hexdigest() for digest in hashes]])


def content_hash(schema: pa.Schema, shards: Sequence[ShardInfo]) -> str:
    """The hash that names a build's rows: over schema and the rows of all shards in order."""
    return fingerprint([list(columns_of(schema).items()), [shard.rows_sha256 for shard in shards]])


def batches_of(rows: Rows) -> list[pa.RecordBatch]:
    """The record batches of a table or of a single batch."""
    return [rows] if isinstance(rows, pa.RecordBatch) else rows.to_batches()
