"""What every kind of source opens to: a row count, a schema, and rows by number; and how sources are reached.

Rows are requested by number and column, so that a source reads only the parts it needs; nothing above
this module knows where rows come from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import PathLike, SplitLock
from flancollect.errors import SourceError, UsageError, did_you_mean
from flancollect.sources.digests import DigestCache
from flancollect.sources.retry import CircuitBreaker, Failure, RetryPolicy, with_retries

T = TypeVar("T")
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

    def lock(self) -> SplitLock:
        """What the lock says of this split. Reads no rows."""
        columns = {column.name: str(column.type) for column in self.schema}
        return SplitLock(rows=self.rows, columns=columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A parsed mirror.yaml: folders in Hub layout, and (URL glob prefix, folder) in file order."""

    path: Path
    hub: tuple[Path, ...]
    urls: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccess:
    """How sources may be reached. `offline` forbids the network; `cache` keeps what was downloaded.

    `max_file_bytes` bounds one file, as downloaded and as unpacked. `breaker` and `digests` hold what was
    learned on the way (dead hosts, hashes of files), shared by all who hold this value; they are no part of
    what it equals.
    """

    mirror: Mirror | None = None
    offline: bool = False
    cache: PathLike = "~/.cache/flancollect"
    timeout_s: float = 15.0
    retries: int = 3
    max_file_bytes: int = 20_000_000_000
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker, compare=False, repr=False)
    digests: DigestCache = field(default_factory=DigestCache, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse the path of a mirror: it would be looked into only when the first source is."""
        if isinstance(self.mirror, str | os.PathLike):
            raise UsageError(f"mirror={str(self.mirror)!r}: give load_mirror({str(self.mirror)!r})")

    def with_retries(
        self, call: Callable[[], T], classify: Callable[[Exception], Failure], *, label: str, host: str
    ) -> T:
        """Call a host with these retries and this breaker; see `sources.retry`. Raises SourceError."""
        policy = RetryPolicy(attempts=self.retries + 1)
        return with_retries(call, classify, policy, label=label, breaker=self.breaker, host=host)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePart:
    """Consecutive rows that are read at once, such as a row group. `read` gives just the columns named."""

    rows: int
    read: Callable[[Sequence[str]], pa.Table]


def table_of_parts(parts: Sequence[TablePart], schema: pa.Schema) -> SourceTable:
    """A SourceTable over parts in order, of which only those are read that hold requested rows."""
    ends = np.cumsum([part.rows for part in parts], dtype=np.int64)

    def take(ids: npt.NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        refuse_unknown_columns(columns, schema)
        names = list(columns)
        result_schema = pa.schema([schema.field(name) for name in names])
        if not len(ids):
            return result_schema.empty_table()
        if ids[-1] >= ends[-1]:
            raise SourceError(
                f"row {ids[-1]} was asked for, but only {ends[-1]} exist: has the file changed?"
            )
        # Parts of 3, 2 and 4 rows have ends [3, 5, 9]. Of ids [1, 4, 5, 8] those below the ends are the first
        # 1, 2 and 4: so [1] lies in part 0, [4] in part 1 (as its row 4 - 3 = 1), [5, 8] in part 2 (0 and 3).
        stops = np.searchsorted(ids, ends)
        pieces, start = [], 0
        for part, end, stop in zip(parts, ends, stops, strict=True):
            if stop > start:
                rows_in_part = pa.array(ids[start:stop] - (end - part.rows))
                pieces.append(part.read(names).take(rows_in_part).cast(result_schema))
            start = stop
        return pa.concat_tables(pieces)

    return SourceTable(rows=int(ends[-1]) if len(ends) else 0, schema=schema, take=take)


def table_of_rows(table: pa.Table, doc: Mapping[str, Any]) -> SourceTable:
    """A SourceTable over decoded rows, piece by piece: a column may be larger than one Arrow array."""
    # pyarrow's `take` over a chunked column may join its chunks, and one array of text holds 2 GiB at most.
    pieces = [pa.Table.from_batches([batch]) for batch in table.to_batches()]
    parts = [TablePart(rows=piece.num_rows, read=piece.select) for piece in pieces]
    return replace(table_of_parts(parts, table.schema), doc=doc)


def refuse_unknown_columns(columns: Sequence[str], schema: pa.Schema) -> None:
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
