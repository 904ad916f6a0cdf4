"""File sources: the files of a card to one table per split.

Parquet is read by row group; every other format is decoded whole, and what is too much for memory lies in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from flancollect.artifacts import SourceLock, canonical_json
from flancollect.cards.source_card import FileSource
from flancollect.draw import Ints
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.decode import LocalFile
from flancollect.sources.delimited import read_delimited, read_text
from flancollect.sources.documents import read_json, read_jsonl
from flancollect.sources.likeness import FileColumns, unlike_columns
from flancollect.sources.locations import locate, location_waits
from flancollect.sources.parquet import ParquetSource, open_parquet
from flancollect.sources.parts import Spool, table_of, without_columns
from flancollect.sources.table import SourceAccess, SourceTable, refuse_unknown_columns
from flancollect.sources.urls import redact

Decoded = tuple[Iterable[pa.Table], Mapping[str, Any]]  # rows, and the document around them

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
    splits = {split: _table(of_split, source, access).lock() for split, of_split in files.items()}
    # One split may be empty, as those of the Hub may.
    if not any(split.rows for split in splits.values()):
        raise _no_rows(files)
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
        SourceError: no such split, a file that is missing or not what the card says, or no rows in the only split.
    """
    splits = source.files_of()
    if split not in splits:
        place = redact(next(iter(splits.values()))[0])
        raise SourceError(f'{place}: no split "{split}".{did_you_mean(split, splits, "Splits")}')
    files = _locate_all(source, root, access, fresh=False)
    table = _table(files[split], source, access)
    if not table.rows and len(files) == 1:
        raise _no_rows(files)
    return table, _revision(files)


def _no_rows(files: Mapping[str, _SplitFiles]) -> SourceError:
    return SourceError(
        f"{', '.join(file.name for of_split in files.values() for file in of_split.rows)}: has no rows"
    )


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


def _table(files: _SplitFiles, source: FileSource, access: SourceAccess) -> SourceTable:
    if source.format == "parquet":
        packed = [file.name for file in files.rows if file.packing]
        if packed:
            raise SourceError(f"{packed[0]}: packed Parquet cannot be read in parts; unpack it")
        table = open_parquet(
            [ParquetSource(name=file.name, open=partial(file.path.open, "rb")) for file in files.rows]
        )
    else:
        table = _decoded(files.rows, source, access)
    return _with_line_columns(table, files.columns, source.encoding, access) if files.columns else table


def _decoded(files: Sequence[LocalFile], source: FileSource, access: SourceAccess) -> SourceTable:
    """Decode files and put their rows one after the other; `doc` keeps what all documents share."""
    docs: list[Mapping[str, Any]] = []
    columns: dict[str, FileColumns] = {}
    # An object may lack any key, and so may all of a file. Of files that name their columns each must have them all.
    sparse = source.format in ("json", "jsonl")

    def tables() -> Iterator[pa.Table]:
        for file in files:
            of_file, doc = _READERS[source.format](file, source)
            docs.append(doc)
            for table in of_file:
                if table.num_rows and not sparse:
                    columns[file.name] = FileColumns(name=file.name, schema=table.schema)
                yield table

    table = table_of(tables(), sparse=sparse, spool=Spool(access))
    shared = {name: value for name, value in docs[0].items() if all(doc.get(name) == value for doc in docs)}
    return without_columns(replace(table, doc=shared), unlike_columns(list(columns.values())))


def _with_line_columns(
    table: SourceTable, files: Mapping[str, LocalFile], encoding: str, access: SourceAccess
) -> SourceTable:
    """Add line files as columns: line n belongs to row n."""
    columns: dict[str, SourceTable] = {}
    for name, file in files.items():
        if name in table.schema.names:
            raise SourceError(f'{file.name}: beside: the rows already have a column "{name}"')
        of_lines = FileSource(files=file.name, format="text", columns=[name], encoding=encoding)
        columns[name] = table_of(read_text(file, of_lines), spool=Spool(access))
        if columns[name].rows != table.rows:
            raise SourceError(
                f"{file.name}: {columns[name].rows} lines beside {table.rows} rows: they are joined by line"
            )
    schema = pa.schema([*table.schema, *(lines.schema.field(name) for name, lines in columns.items())])

    def scan(ids: Ints, names: Sequence[str]) -> Iterator[pa.Table]:
        refuse_unknown_columns(names, schema)
        own_names = [name for name in names if name not in columns]
        start = 0
        # Without a column of the rows' own, their number is that of the ids.
        for own in table.scan(ids, own_names) if own_names else [pa.table({})]:
            # Both sides are numbered alike, so the same ids serve both: of rows [1, 2] and names [label, text],
            # `text` is rows 1 and 2 of the table, `label` lines 1 and 2 of the file; then the order is as named.
            stop = start + own.num_rows if own_names else len(ids)
            by_name = dict(zip(own_names, own.columns, strict=True))
            for name in names:
                if name in columns:
                    lines = list(columns[name].scan(ids[start:stop], [name]))
                    by_name[name] = (
                        pa.concat_tables(lines)[name] if lines else pa.chunked_array([], pa.string())
                    )
            yield pa.table([by_name[name] for name in names], names=list(names))
            start = stop

    return replace(table, schema=schema, scan=scan)
