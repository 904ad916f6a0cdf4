"""What every kind of source opens to: a row count, a schema, and rows by number.

Rows are asked for by number and column, so that a source reads only the parts it needs; nothing above
this module knows where rows come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.reach import Reach

Take = Callable[[npt.NDArray[np.int64], Sequence[str]], pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """One split of a source. `doc` is the rest of a JSON document around its rows, else empty.

    `take(ids, columns)` returns those rows (ids ascending, 0-based, no repeats) in the order of `ids`, with
    just those columns; it may read lazily and raises SourceError.
    """

    rows: int
    schema: pa.Schema
    take: Take
    doc: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A parsed mirror.yaml: folders in Hub layout, and (URL glob prefix, folder) in file order."""

    path: Path
    hub: tuple[Path, ...]
    urls: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccess:
    """How sources may be reached. `offline` forbids the network; `cache` keeps what was downloaded.

    `max_file_bytes` bounds one file, as downloaded and as unpacked. `reach` remembers what was learnt on the
    way (dead hosts), shared by all who hold this value.
    """

    mirror: Mirror | None = None
    offline: bool = False
    cache: Path = Path("~/.cache/flancollect")
    timeout_s: float = 15.0
    retries: int = 3
    max_file_bytes: int = 20_000_000_000
    reach: Reach = field(default_factory=Reach, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Consecutive rows that are read at once, such as a row group. `read` gives just the asked columns."""

    rows: int
    read: Callable[[Sequence[str]], pa.Table]


def table_of_parts(parts: Sequence[Part], schema: pa.Schema) -> SourceTable:
    """A SourceTable over parts in order, of which only those that hold asked rows are read."""
    ends = np.cumsum([part.rows for part in parts], dtype=np.int64)

    def take(ids: npt.NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        refuse_unknown(columns, schema)
        names = list(columns)
        wanted = pa.schema([schema.field(name) for name in names])
        if not len(ids):
            return wanted.empty_table()
        if ids[-1] >= ends[-1]:
            raise SourceError(
                f"row {ids[-1]} was asked for, but only {ends[-1]} exist: has the file changed?"
            )
        bounds = np.searchsorted(ids, ends)
        pieces, start = [], 0
        for part, end, stop in zip(parts, ends, bounds, strict=True):
            if stop > start:
                local = pa.array(ids[start:stop] - (end - part.rows))
                pieces.append(part.read(names).take(local).cast(wanted))
            start = stop
        return pa.concat_tables(pieces)

    return SourceTable(rows=int(ends[-1]) if len(ends) else 0, schema=schema, take=take)


def table_of_rows(table: pa.Table, doc: Mapping[str, Any]) -> SourceTable:
    """A SourceTable over decoded rows, piece by piece: a column may be larger than one Arrow array."""
    pieces = [pa.Table.from_batches([batch]) for batch in table.to_batches()]
    parts = [Part(rows=piece.num_rows, read=piece.select) for piece in pieces]
    return replace(table_of_parts(parts, table.schema), doc=doc)


def refuse_unknown(columns: Sequence[str], schema: pa.Schema) -> None:
    """Raise SourceError for the first column that the schema lacks."""
    for name in columns:
        if name not in schema.names:
            raise SourceError(f'no column "{name}".{did_you_mean(name, schema.names, "Columns")}')


def table_of(table: pa.Table, doc: Mapping[str, Any] | None = None) -> SourceTable:
    """A SourceTable over rows that are already in memory."""
    return SourceTable(
        rows=table.num_rows,
        schema=table.schema,
        take=lambda ids, columns: table.select(list(columns)).take(pa.array(ids)),
        doc=doc or {},
    )
