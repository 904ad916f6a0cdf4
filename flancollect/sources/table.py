"""What every kind of source opens to: a row count, a schema, and rows by number; and how sources are reached.

Rows are requested by number and column, so that a source reads only the parts it needs; nothing above
this module knows where rows come from. They come in pieces, so that memory never holds more than a few
megabytes of what is not asked for, however large the cells are.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from flancollect.artifacts import PathLike, SplitLock
from flancollect.draw import Ints
from flancollect.errors import SourceError, UsageError, did_you_mean
from flancollect.sources.digests import DigestCache
from flancollect.sources.retry import CircuitBreaker, Failure, RetryPolicy, with_retries
from flancollect.sources.values import JSON, Values, values_of

T = TypeVar("T")
Scan = Callable[[Ints, Sequence[str]], Iterator[pa.Table]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """One split of a source. `doc` is the rest of a JSON document around its rows, else empty.

    `scan(ids, columns)` gives those rows (ids ascending, 0-based, no repeats) in the order of `ids`, with just
    those columns, in pieces of any size; it reads lazily and raises SourceError. Pieces may differ in the types of
    a column, of which `schema` has the first. With `sparse` a null is a key that the row does not have.
    """

    rows: int
    schema: pa.Schema
    scan: Scan
    doc: Mapping[str, Any] = field(default_factory=dict)
    sparse: bool = False

    def lock(self) -> SplitLock:
        """What the lock says of this split. Reads no rows."""
        columns = {column.name: "json" if column.type == JSON else str(column.type) for column in self.schema}
        return SplitLock(rows=self.rows, columns=columns)

    def take(self, ids: Ints, columns: Sequence[str]) -> Values:
        """The values of those rows and columns, as `scan` takes them. Raises SourceError."""
        return values_of(self.scan(ids, columns), columns, len(ids), sparse=self.sparse)

    def take_usable(
        self, ids: Ints, columns: Sequence[str], dropped: Counter[str]
    ) -> tuple[list[int], Values]:
        """The values of those of the rows (any order, no repeats) that can be read, and their numbers.

        The others are counted in `dropped` by reason.
        """
        # Sources read ascending rows, jobs ask in keyed order. For ids [7, 2, 5]: ascending is [1, 2, 0], so rows
        # 2, 5, 7 are read, and its inverse [2, 0, 1] puts them back as 7, 2, 5.
        ascending = np.argsort(ids, kind="stable")
        values = self.take(ids[ascending], columns)
        inverse = np.argsort(ascending, kind="stable").tolist()
        positions = values.readable(inverse, dropped)
        return ids[ascending][positions].tolist(), values.select(positions)


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


def refuse_unknown_columns(columns: Sequence[str], schema: pa.Schema) -> None:
    """Raise SourceError for the first column that the schema lacks."""
    for name in columns:
        if name not in schema.names:
            raise SourceError(f'no column "{name}".{did_you_mean(name, schema.names, "Columns")}')
