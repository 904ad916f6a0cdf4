"""Parquet files, here or far, as tables of which only the requested row groups and columns are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flancollect.errors import SourceError
from flancollect.sources.table import SourceTable, TablePart, table_of_parts


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

    Raises:
        SourceError: a file is damaged, or its columns differ from those of the first; so may `take`.
    """
    schema: pa.Schema | None = None
    parts: list[TablePart] = []
    for file in files:
        with _opened(file) as handle:
            metadata = pq.read_metadata(handle)
            # A schema's metadata is what pandas or `datasets` wrote beside it; files are alike without it.
            file_schema = metadata.schema.to_arrow_schema().remove_metadata()
        if len(set(file_schema.names)) < len(file_schema.names):
            raise SourceError(f"{file.name}: two columns have the same name ({', '.join(file_schema.names)})")
        schema = file_schema if schema is None else schema
        refuse_other_schema(files[0].name, schema, file.name, file_schema)
        for group in range(metadata.num_row_groups):
            read = partial(_read_group, file, metadata, group)
            parts.append(TablePart(rows=metadata.row_group(group).num_rows, read=read))
    return table_of_parts(parts, schema)


def refuse_other_schema(first: str, schema: pa.Schema, name: str, own: pa.Schema) -> None:
    """Raise SourceError, naming both files, when the columns of the second are not those of the first."""
    if own.equals(schema):
        return
    texts = [", ".join(f"{field.name}: {field.type}" for field in each) for each in (schema, own)]
    raise SourceError(f"{name}: its columns ({texts[1]}) differ from those of {first} ({texts[0]})")


def _read_group(
    file: ParquetSource, metadata: pq.FileMetaData, group: int, columns: Sequence[str]
) -> pa.Table:
    names = list(columns)
    with _opened(file) as handle:
        # A buffer read ahead lives in an Arrow thread that may drop the Python file after the interpreter has
        # begun to end, which aborts the process. Whole column chunks are read in one go without it, too.
        reader = pq.ParquetFile(handle, metadata=metadata, pre_buffer=False)
        return reader.read_row_group(group, columns=names, use_threads=False).select(names)


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
