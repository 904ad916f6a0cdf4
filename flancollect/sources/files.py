"""File sources: locations to files on this machine, files to one table per split.

A location is a URL (mirrored or downloaded) or a path inside the catalogue folder that holds the card.
Parquet is read by row group; every other format is decoded whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import SourceLock, SplitLock
from flancollect.cards.models import FileSource
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.decode import CHUNK_BYTES, Opened, packing_of
from flancollect.sources.delimited import read_delimited, read_line_column, read_text
from flancollect.sources.documents import read_json, read_jsonl
from flancollect.sources.download import downloaded
from flancollect.sources.mirror import mirrored_url
from flancollect.sources.parquet import ParquetSource, open_parquet, refuse_other_schema
from flancollect.sources.reach import shown
from flancollect.sources.table import Access, SourceTable, refuse_unknown, table_of_rows

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://|^file:", re.IGNORECASE)
_INSIDE = "put the data inside it, or map a prefix to its folder in mirror.yaml"

Decoded = tuple[pa.Table, Mapping[str, Any]]


def describe_files(
    source: FileSource, root: Path, access: Access, known: SourceLock | None = None
) -> SourceLock:
    """Revision, rows and columns of all splits. A `known` entry that still holds saves the reading."""
    revision = files_revision(source, root, access, fresh=True)
    if known is not None and known.revision == revision:
        return known
    splits = {}
    for split in source.files_of():
        table, _ = open_files(source, split, root, access)
        columns = {field.name: str(field.type) for field in table.schema}
        splits[split] = SplitLock(rows=table.rows, columns=columns)
    return SourceLock(revision=revision, splits=splits)


def files_revision(source: FileSource, root: Path, access: Access, *, fresh: bool) -> str:
    """`sha256:` over the contents of all files in order, the joined line files of a split after its rows."""
    digest = sha256()
    for split, locations in source.files_of().items():
        for location in (*locations, *source.beside_of(split).values()):
            digest.update(bytes.fromhex(locate(location, root, access, fresh=fresh).sha256))
    return f"sha256:{digest.hexdigest()}"


def open_files(source: FileSource, split: str, root: Path, access: Access) -> tuple[SourceTable, str]:
    """One split as a table, and the revision of all files.

    Raises:
        SourceError: no such split, a file that is missing or not what the card says, or no rows.
    """
    splits = source.files_of()
    if split not in splits:
        where = shown(next(iter(splits.values()))[0])
        raise SourceError(f'{where}: no split "{split}".{did_you_mean(split, splits, "Splits")}')
    files = [locate(location, root, access) for location in splits[split]]
    table = _parquet(files) if source.format == "parquet" else _decoded(files, source)
    if not table.rows:
        raise SourceError(f"{', '.join(file.name for file in files)}: has no rows")
    beside = {name: locate(where, root, access) for name, where in source.beside_of(split).items()}
    joined = _joined(table, beside, source.encoding) if beside else table
    return joined, files_revision(source, root, access, fresh=False)


# --- locations ---------------------------------------------------------------------------------------------


def locate(location: str, root: Path, access: Access, *, fresh: bool = False) -> Opened:
    """The file that a location names, on this machine. `fresh` asks a server whether its file changed.

    Raises:
        SourceError: not there, not to be had, or outside the catalogue.
    """
    path = mirrored_url(access.mirror, location) if access.mirror else None
    digest = ""
    if path is None and _SCHEME.match(location) and not location.lower().startswith("file:"):
        path, digest = downloaded(location, access, fresh=fresh)
    elif path is None:
        path = _local(location, root)
    return Opened(
        name=shown(location),
        path=path,
        sha256=digest or digest_of(path, access),
        packing=packing_of(location),
        max_bytes=access.max_file_bytes,
    )


def _local(location: str, root: Path) -> Path:
    """A path inside the catalogue folder, also when followed through links."""
    outside = location.lower().startswith("file:") or "\0" in location
    path = root / location
    if outside or PurePosixPath(location).is_absolute() or not path.resolve().is_relative_to(root.resolve()):
        raise SourceError(f"path leaves the catalogue: {location}: {_INSIDE}")
    if not path.is_file():
        near = sorted(other.name for other in path.parent.iterdir()) if path.parent.is_dir() else []
        raise SourceError(
            f"{location}: no such file in {root}.{did_you_mean(path.name, near, 'Files there')}"
        )
    return path


def digest_of(path: Path, access: Access) -> str:
    """The SHA-256 of a file, computed once while its size and time stay the same."""
    try:
        stat = path.stat()
        identity = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return access.reach.digest(identity, partial(_hash, path))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


def _hash(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


# --- tables ------------------------------------------------------------------------------------------------


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
