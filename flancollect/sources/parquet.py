"""Parquet files, here or far, as tables of which only the requested row groups and columns are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flancollect.errors import SourceError
from flancollect.sources.likeness import FileColumns, joint_schema, unlike_columns
from flancollect.sources.parts import TablePart, table_of_parts, without_columns
from flancollect.sources.table import SourceTable
from flancollect.sources.values import JSON

BATCH_ROWS = 1_024
DICTIONARY_BATCH_ROWS = 256
"""Rows that are decoded at a time where a column chunk is a small dictionary: that may stand for cells of any size,
which the footer does not tell. 256 cells of 140 KB are 36 MB."""
DICTIONARY_BYTES = 4 * 1024 * 1024
BATCH_BYTES = 16 * 1024 * 1024
WHOLE_CHUNK_BYTES = 32 * 1024 * 1024
"""Column chunks up to this size are read in one request, which far files are best read in; larger ones bit by bit."""


def unreadable(name: str, error: Exception) -> SourceError:
    """The SourceError for a file that pyarrow or the operating system cannot read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return SourceError(f"{name}: not a readable Parquet file: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetSource:
    """A Parquet file: its `name` for messages, how to open it, and what to say when reading it fails.

    `open` gives a seekable binary file that is a context manager.
    """

    name: str
    open: Callable[[], Any]
    failed: Callable[[str, Exception], SourceError] = unreadable


def open_parquet(files: Sequence[ParquetSource]) -> SourceTable:
    """One table over Parquet files in order. Reads their footers only.

    Files may store a column differently (`likeness`); one on which they disagree is an error when it is asked for.

    Raises:
        SourceError: a file is damaged; so may `scan`.
    """
    footers: list[tuple[str, pq.FileMetaData, pa.Schema]] = []
    parts: list[TablePart] = []
    for file in files:
        with _opened(file) as handle:
            metadata = pq.read_metadata(handle)
            # A schema's metadata is what pandas or `datasets` wrote beside it; files are alike without it.
            schema = metadata.schema.to_arrow_schema().remove_metadata()
        if len(set(schema.names)) < len(schema.names):
            raise SourceError(f"{file.name}: two columns have the same name ({', '.join(schema.names)})")
        footers.append((file.name, metadata, schema))
        for group in range(metadata.num_row_groups):
            read = partial(_read_group, file, metadata, group)
            parts.append(TablePart(rows=metadata.row_group(group).num_rows, read=read))
    # A file without rows disagrees with nobody.
    footers = [footer for footer in footers if footer[1].num_rows] or footers
    if all(schema.equals(footers[0][2]) for _, _, schema in footers):
        return table_of_parts(parts, footers[0][2])
    columns = [
        FileColumns(name=name, schema=schema, without_values=_without_values(metadata))
        for name, metadata, schema in footers
    ]
    return without_columns(table_of_parts(parts, joint_schema(columns)), unlike_columns(columns))


def _without_values(metadata: pq.FileMetaData) -> frozenset[str]:
    """The columns of which the footer says that they hold nulls alone: pandas calls those numbers."""
    nulls, values = Counter[str](), Counter[str]()
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(metadata.num_columns)):
            values[chunk.path_in_schema] += chunk.num_values
            if chunk.is_stats_set and chunk.statistics.has_null_count:
                nulls[chunk.path_in_schema] += chunk.statistics.null_count
    return frozenset(name for name, count in values.items() if nulls[name] == count)


def _read_group(
    file: ParquetSource, metadata: pq.FileMetaData, group: int, columns: Sequence[str]
) -> Iterator[pa.Table]:
    names = list(columns)
    row_group = metadata.row_group(group)
    chunks = [
        chunk
        for chunk in map(row_group.column, range(metadata.num_columns))
        # "a.list.element" is of the column "a"; so seems "a.b", which may be a name, and then counts too much.
        if any(chunk.path_in_schema == name or chunk.path_in_schema.startswith(f"{name}.") for name in names)
    ]
    row_bytes = sum(chunk.total_uncompressed_size for chunk in chunks) // row_group.num_rows + 1
    large_cells = any(
        # A cell of 64 KB and less makes 1,024 rows no danger.
        chunk.has_dictionary_page and 64 * 1024 < chunk.total_uncompressed_size < DICTIONARY_BYTES
        for chunk in chunks
    )
    most_rows = DICTIONARY_BATCH_ROWS if large_cells else BATCH_ROWS
    whole = all(chunk.total_compressed_size <= WHOLE_CHUNK_BYTES for chunk in chunks)
    with _opened(file) as handle:
        # A buffer read ahead lives in an Arrow thread that may drop the Python file after the interpreter has
        # begun to end, which aborts the process. Whole column chunks are read in one go without it, too.
        reader = pq.ParquetFile(
            handle,
            metadata=metadata,
            pre_buffer=False,
            buffer_size=0 if whole else BATCH_BYTES,
        )
        batches = reader.iter_batches(
            min(most_rows, BATCH_BYTES // row_bytes + 1),
            row_groups=[group],
            columns=names,
            use_threads=False,
        )
        for batch in batches:
            yield pa.table([_as_text(batch[name]) for name in names], names=names)


def _as_text(column: pa.Array) -> pa.Array:
    """The column; of one that the file calls JSON its texts, which the type `JSON` of ours would read as values."""
    return column.storage if column.type == JSON else column


@contextmanager
def _opened(file: ParquetSource) -> Iterator[Any]:
    """An open file; what its client and pyarrow raise meanwhile becomes a SourceError that names the file."""
    try:
        with file.open() as handle:
            yield handle
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001, RUF100 (file systems raise what they like)
        raise file.failed(file.name, error) from error
