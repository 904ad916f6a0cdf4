"""Hashes of rows: of what they say, not of how they are chunked or written."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from flancollect.artifacts import ShardInfo, fingerprint
from flancollect.dataset.arrow_layout import stream_count, streams, tidy_batch
from flancollect.dataset.schemas import Rows, check_schema, columns_of

if TYPE_CHECKING:
    from typing_extensions import Buffer


class RowsDigest:
    """SHA-256 over rows as they pass, in their order and whatever the batches they come in.

    Every leaf buffer (values, lengths, null flags) is hashed as one stream, then the digests together with
    schema and row count. `rows` and `bytes` count what has passed; `bytes` is that of the values alone, a
    measure that no file format enters.
    """

    __slots__ = ("_columns", "_leaves", "bytes", "rows")

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = list(columns_of(schema).items())
        self._leaves = [hashlib.sha256() for _ in range(sum(stream_count(field.type) for field in schema))]
        self.rows = 0
        self.bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in a tidy batch of the schema."""
        leaves = (stream for column in batch.columns for stream in streams(column))
        for leaf, stream in zip(self._leaves, leaves, strict=True):
            leaf.update(stream.data)
            self.bytes += stream.nbytes
        self.rows += batch.num_rows

    def hex(self) -> str:
        """The digest of all that has passed."""
        return fingerprint([self._columns, self.rows, [leaf.hexdigest() for leaf in self._leaves]])


def rows_sha256(chunks: Iterable[Rows], schema: pa.Schema) -> str:
    """The RowsDigest of chunks of rows. Raises FlancollectError when a chunk has another schema."""
    digest = RowsDigest(schema)
    for chunk in chunks:
        check_schema(chunk, schema)
        for batch in batches_of(chunk):
            digest.add(tidy_batch(batch))
    return digest.hex()


class HashedFile(io.RawIOBase):
    """A new file, and the SHA-256 and number of the bytes that were written to it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.bytes = 0

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, data: Buffer) -> int:
        """Write all of some bytes."""
        self._digest.update(data)
        self.bytes += self._file.write(data)
        return memoryview(data).nbytes

    def close(self) -> None:
        """Close the file; what was hashed can still be asked for.

        The system is told to write it out now: left alone, it waits until memory is full of such files, and
        then holds up whoever writes the next one.
        """
        if not self._file.closed and hasattr(os, "posix_fadvise"):
            self._file.flush()
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self._file.close()
        super().close()

    def sha256(self) -> str:
        """SHA-256 (hex) of the bytes written so far."""
        return self._digest.hexdigest()


def content_hash(schema: pa.Schema, shards: Sequence[ShardInfo]) -> str:
    """The hash that names a build's rows: over schema and the rows of all shards in order."""
    return fingerprint([list(columns_of(schema).items()), [shard.rows_sha256 for shard in shards]])


def batches_of(rows: Rows) -> list[pa.RecordBatch]:
    """The record batches of a table or of a single batch."""
    return [rows] if isinstance(rows, pa.RecordBatch) else rows.to_batches()
