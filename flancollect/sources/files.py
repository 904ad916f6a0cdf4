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

from flancollect.artifacts import SourceLock, SplitLock
from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.decode import Opened
from flancollect.sources.delimited import read_delimited, read_line_column, read_text
from flancollect.sources.documents import read_json, read_jsonl
from flancollect.sources.locations import locate, location_waits
from flancollect.sources.parquet import ParquetSource, open_parquet, refuse_other_schema
from flancollect.sources.reach import shown
from flancollect.sources.table import SourceAccess, SourceTable, refuse_unknown, table_of_rows

Decoded = tuple[pa.Table, Mapping[str, Any]]


def describe_files(
    source: FileSource, root: Path, access: SourceAccess, known: SourceLock | None = None
) -> SourceLock:
    """Revision, rows and columns of all splits. A `known` entry that still holds saves the reading."""
    located = _located(source, root, access, fresh=True)
    revision = _revision(located)
    if known is not None and known.revision == revision:
        return known
    splits = {}
    for split, files in located.items():
        table = _table(files, source)
        columns = {field.name: str(field.type) for field in table.schema}
        splits[split] = SplitLock(rows=table.rows, columns=columns)
    return SourceLock(revision=revision, splits=splits)


def _revision(located: Mapping[str, _Files]) -> str:
    """`sha256:` over the contents of all files in order, the joined line files of a split after its rows."""
    digest = sha256()
    for files in located.values():
        for file in (*files.rows, *files.beside.values()):
            digest.update(bytes.fromhex(file.sha256))
    return f"sha256:{digest.hexdigest()}"


def open_files(source: FileSource, split: str, root: Path, access: SourceAccess) -> tuple[SourceTable, str]:
    """One split as a table, and the revision of all files.

    Raises:
        SourceError: no such split, a file that is missing or not what the card says, or no rows.
    """
    splits = source.files_of()
    if split not in splits:
        where = shown(next(iter(splits.values()))[0])
        raise SourceError(f'{where}: no split "{split}".{did_you_mean(split, splits, "Splits")}')
    located = _located(source, root, access, fresh=False)
    return _table(located[split], source), _revision(located)


def files_wait(source: FileSource, root: Path, access: SourceAccess) -> bool:
    """Whether describing the source would ask a server, or read large files to hash them."""
    return any(
        location_waits(location, root, access)
        for split, locations in source.files_of().items()
        for location in (*locations, *source.beside_of(split).values())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The files of one split on this machine: those of its rows, and by column name the joined line files."""

    rows: Sequence[Opened]
    beside: Mapping[str, Opened]


def _located(source: FileSource, root: Path, access: SourceAccess, *, fresh: bool) -> dict[str, _Files]:
    """All files of a source by split. Raises SourceError for the first that is not to be had."""
    found = partial(locate, root=root, access=access, fresh=fresh)
    return {
        split: _Files(
            rows=[found(location) for location in locations],
            beside={name: found(where) for name, where in source.beside_of(split).items()},
        )
        for split, locations in source.files_of().items()
    }


# --- tables ------------------------------------------------------------------------------------------------


def _table(files: _Files, source: FileSource) -> SourceTable:
    table = _parquet(files.rows) if source.format == "parquet" else _decoded(files.rows, source)
    if not table.rows:
        raise SourceError(f"{', '.join(file.name for file in files.rows)}: has no rows")
    return _joined(table, files.beside, source.encoding) if files.beside else table


def _parquet(files: Sequence[Opened]) -> SourceTable:
    packed = [file.name for file in files if file.packing]
    if packed:
        raise SourceError(f"{packed[0]}: packed Parquet cannot be read in parts; unpack it")
    return open_parquet([ParquetSource(name=file.name, open=partial(file.path.open, "rb")) for file in files])


_READERS: dict[str, Callable[[Opened, FileSource], Decoded]] = {
    "json": read_json,
    "jsonl": lambda file, source: (read_jsonl(file, source), {}),
    "csv": lambda file, source: (read_delimited(file, source), {}),
    "tsv": lambda file, source: (read_delimited(file, source), {}),
    "text": lambda file, source: (read_text(file, source), {}),
}


def _decoded(files: Sequence[Opened], source: FileSource) -> SourceTable:
    """Decode files and put their rows one after the other; `doc` keeps what all documents share."""
    decoded = [_READERS[source.format](file, source) for file in files]
    filled = [(file, table) for file, (table, _) in zip(files, decoded, strict=True) if table.num_rows]
    for file, table in filled[1:]:
        _refuse_other_columns(filled[0], (file, table))
    doc = {
        name: value for name, value in decoded[0][1].items() if all(d.get(name) == value for _, d in decoded)
    }
    tables = [table for _, table in filled]
    return table_of_rows(
        pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({}), doc
    )


def _refuse_other_columns(first: tuple[Opened, pa.Table], other: tuple[Opened, pa.Table]) -> None:
    """Files of one split have the same columns; types may differ only where one was inferred from less."""
    (file, table), (own_file, own) = first, other
    same_names = sorted(table.column_names) == sorted(own.column_names)
    try:
        pa.unify_schemas([table.schema, own.schema], promote_options="permissive")
    except pa.ArrowException:
        same_names = False
    if not same_names:
        refuse_other_schema(file.name, table.schema, own_file.name, own.schema)


def _joined(table: SourceTable, beside: Mapping[str, Opened], encoding: str) -> SourceTable:
    """Add line files as columns: line n belongs to row n."""
    columns = {}
    for name, file in beside.items():
        if name in table.schema.names:
            raise SourceError(f'{file.name}: beside: the rows already have a column "{name}"')
        lines = read_line_column(file, encoding)
        if len(lines) != table.rows:
            raise SourceError(
                f"{file.name}: {len(lines)} lines beside {table.rows} rows: they are joined by line"
            )
        columns[name] = lines
    extra = pa.table(columns)
    schema = pa.schema([*table.schema, *extra.schema])

    def take(ids: npt.NDArray[np.int64], names: Sequence[str]) -> pa.Table:
        refuse_unknown(names, schema)
        taken = table.take(ids, [name for name in names if name not in columns])
        added = extra.select([name for name in names if name in columns]).take(pa.array(ids))
        both = {
            **dict(zip(taken.column_names, taken.columns, strict=True)),
            **dict(zip(added.column_names, added.columns, strict=True)),
        }
        return pa.table([both[name] for name in names], names=list(names))

    return SourceTable(rows=table.rows, schema=schema, take=take, doc=table.doc)
