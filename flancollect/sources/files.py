"""File sources: the files of a card to one table per split.

Parquet is read by row group; every other format is decoded whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import SourceLock, canonical_json
from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.decode import LocalFile
from flancollect.sources.delimited import read_delimited, read_line_column, read_text
from flancollect.sources.documents import read_json, read_jsonl
from flancollect.sources.locations import locate, location_waits
from flancollect.sources.parquet import ParquetSource, open_parquet, refuse_other_schema
from flancollect.sources.table import SourceAccess, SourceTable, refuse_unknown_columns, table_of_rows
from flancollect.sources.urls import redact

Decoded = tuple[pa.Table, Mapping[str, Any]]  # rows, and the document around them

_READERS: dict[str, Callable[[LocalFile, FileSource], Decoded]] = {
    "json": read_json,
    "jsonl": lambda file, source: (read_jsonl(file, source), {}),
    "csv": lambda file, source: (read_delimited(file, source), {}),
    "tsv": lambda file, source: (read_delimited(file, source), {}),
    "text": lambda file, source: (read_text(file, source), {}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _SplitFiles:
    """The files of one split on this machine: those of its rows, and by column name the joined line files."""

    rows: Sequence[LocalFile]
    columns: Mapping[str, LocalFile]


def source_key(source: FileSource) -> str:
    """Format and location, and as JSON whatever else the card says of the files."""
    settings = source.model_dump(exclude_defaults=True)
    others = {name: value for name, value in settings.items() if name not in ("files", "format")}
    location = source.files if isinstance(source.files, str) else canonical_json(source.files)
    return f"files:{source.format}:{location}" + (f" {canonical_json(others)}" if others else "")


def describe(source: FileSource, root: Path, access: SourceAccess, lock: SourceLock | None) -> SourceLock:
    """Revision, rows and columns of all splits. A `lock` entry that still holds saves the reading."""
    files = _locate_all(source, root, access, fresh=True)
    revision = _revision(files)
    if lock is not None and lock.revision == revision:
        return lock
    splits = {split: _table(of_split, source).lock() for split, of_split in files.items()}
    return SourceLock(revision=revision, splits=splits)


def waits(source: FileSource, root: Path, access: SourceAccess, _lock: SourceLock | None) -> bool:
    """Whether describing the source would ask a server, or read large files to hash them."""
    return any(
        location_waits(location, root, access)
        for split, locations in source.files_of().items()
        for location in (*locations, *source.beside_of(split).values())
    )


def open_split(
    source: FileSource, split: str, root: Path, access: SourceAccess, _lock: SourceLock | None
) -> tuple[SourceTable, str]:
    """One split as a table, and the revision of all files.

    Raises:
        SourceError: no such split, a file that is missing or not what the card says, or no rows.
    """
    splits = source.files_of()
    if split not in splits:
        place = redact(next(iter(splits.values()))[0])
        raise SourceError(f'{place}: no split "{split}".{did_you_mean(split, splits, "Splits")}')
    files = _locate_all(source, root, access, fresh=False)
    return _table(files[split], source), _revision(files)


def _locate_all(
    source: FileSource, root: Path, access: SourceAccess, *, fresh: bool
) -> dict[str, _SplitFiles]:
    """All files of a source by split. Raises SourceError for the first that is not to be had."""
    locate_here = partial(locate, root=root, access=access, fresh=fresh)
    return {
        split: _SplitFiles(
            rows=[locate_here(location) for location in locations],
            columns={name: locate_here(location) for name, location in source.beside_of(split).items()},
        )
        for split, locations in source.files_of().items()
    }


def _revision(files: Mapping[str, _SplitFiles]) -> str:
    """`sha256:` over the contents of all files in order, the joined line files of a split after its rows."""
    digest = sha256()
    for of_split in files.values():
        for file in (*of_split.rows, *of_split.columns.values()):
            digest.update(bytes.fromhex(file.sha256))
    return f"sha256:{digest.hexdigest()}"


def _table(files: _SplitFiles, source: FileSource) -> SourceTable:
    if source.format == "parquet":
        packed = [file.name for file in files.rows if file.packing]
        if packed:
            raise SourceError(f"{packed[0]}: packed Parquet cannot be read in parts; unpack it")
        table = open_parquet(
            [ParquetSource(name=file.name, open=partial(file.path.open, "rb")) for file in files.rows]
        )
    else:
        table = _decoded(files.rows, source)
    if not table.rows:
        raise SourceError(f"{', '.join(file.name for file in files.rows)}: has no rows")
    return _with_line_columns(table, files.columns, source.encoding) if files.columns else table


def _decoded(files: Sequence[LocalFile], source: FileSource) -> SourceTable:
    """Decode files and put their rows one after the other; `doc` keeps what all documents share."""
    decoded = [_READERS[source.format](file, source) for file in files]
    with_rows = [(file, table) for file, (table, _) in zip(files, decoded, strict=True) if table.num_rows]
    for file, table in with_rows[1:]:
        first_file, first = with_rows[0]
        # Columns have the same names; types may differ only where one was inferred from less: a column of
        # nulls in one file may hold text in another.
        same_columns = sorted(first.column_names) == sorted(table.column_names)
        try:
            pa.unify_schemas([first.schema, table.schema], promote_options="permissive")
        except pa.ArrowException:
            same_columns = False
        if not same_columns:
            refuse_other_schema(first_file.name, first.schema, file.name, table.schema)
    docs = [doc for _, doc in decoded]
    shared = {name: value for name, value in docs[0].items() if all(doc.get(name) == value for doc in docs)}
    tables = [table for _, table in with_rows]
    rows = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    return table_of_rows(rows, shared)


def _with_line_columns(table: SourceTable, files: Mapping[str, LocalFile], encoding: str) -> SourceTable:
    """Add line files as columns: line n belongs to row n."""
    columns = {}
    for name, file in files.items():
        if name in table.schema.names:
            raise SourceError(f'{file.name}: beside: the rows already have a column "{name}"')
        lines = read_line_column(file, encoding)
        if len(lines) != table.rows:
            raise SourceError(
                f"{file.name}: {len(lines)} lines beside {table.rows} rows: they are joined by line"
            )
        columns[name] = lines
    lines_table = pa.table(columns)
    schema = pa.schema([*table.schema, *lines_table.schema])

    def take(ids: npt.NDArray[np.int64], names: Sequence[str]) -> pa.Table:
        refuse_unknown_columns(names, schema)
        # Both sides are numbered alike, so the same ids serve both: of rows [1, 2] and names [label, text],
        # `text` is rows 1 and 2 of the table, `label` lines 1 and 2 of the file; then the order is as named.
        own = table.take(ids, [name for name in names if name not in columns])
        joined = lines_table.select([name for name in names if name in columns]).take(pa.array(ids))
        by_name = {name: part[name] for part in (own, joined) for name in part.column_names}
        return pa.table([by_name[name] for name in names], names=list(names))

    return SourceTable(rows=table.rows, schema=schema, take=take, doc=table.doc)
