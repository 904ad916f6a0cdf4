"""Sources as cards see them: described and opened, and reshaped where the card says so.

Row n of a reshaped split is always the same: source rows in order, and within one source row the rows that
its shape makes of it, in their order. So a row number of a build leads back to its source.

A shape that makes several rows of one is run once over all rows of a split to count them, in every process
that opens the split; what is kept is one number per source row. Such splits should not have many millions of
rows. A split that is reshaped whole is held in memory, and may have no more than `MOST_WHOLE_ROWS` rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import SourceLock, SplitLock
from flancollect.cards.entries import Catalog, exemplar_task
from flancollect.cards.source_card import Source
from flancollect.errors import Problem, SourceError, did_you_mean
from flancollect.sources import describe, open_table, source_key
from flancollect.sources.shapes import SHAPES
from flancollect.sources.shapes.shape import RowShape, TableShape
from flancollect.sources.table import SourceAccess, SourceTable, refuse_unknown, table_of_rows

COUNTED_ROWS = 4096
MOST_WHOLE_ROWS = 100_000

Ids = npt.NDArray[np.int64]


def describe_shaped(
    source: Source, root: Path, access: SourceAccess, shape: str | None, known: SourceLock | None = None
) -> SourceLock:
    """Like `sources.describe`, of the rows that the shape makes.

    A `known` entry that still holds is given back without counting. Raises SourceError.
    """
    found = describe(source, root, access, known)
    if shape is None or found is known:
        return found
    splits = {}
    for split in found.splits:
        table = open_shaped(source, split, root, access, None, shape)
        columns = {field.name: str(field.type) for field in table.schema}
        splits[split] = SplitLock(rows=table.rows, columns=columns)
    return SourceLock(revision=found.revision, splits=splits)


def open_shaped(
    source: Source, split: str, root: Path, access: SourceAccess, lock: SourceLock | None, shape: str | None
) -> SourceTable:
    """Like `sources.open_table`, of the rows that the shape makes. Raises SourceError."""
    table = open_table(source, split, root, access, lock)
    if shape is None:
        return table
    made = reshaped(table, shape, f"{source_key(source)} ({split})")
    locked = lock.splits[split].rows if lock is not None and split in lock.splits else made.rows
    if made.rows != locked:
        raise SourceError(
            f"{source_key(source)} ({split}): reshaped by {shape} it has {made.rows} rows, but {locked} when "
            f"it was locked: run `flancollect lock`"
        )
    return made


def shape_problems(catalog: Catalog) -> Iterator[Problem]:
    """Cards that name a shape that there is none of."""
    for task in catalog.tasks.values():
        for used in (task, exemplar_task(task)):
            shape = used.card.reshape if used is not None else None
            if shape is not None and shape not in SHAPES:
                yield task.problem("reshape" if used is task else "exemplars_from.reshape", _no_shape(shape))


def _no_shape(shape: str) -> str:
    return f'no shape "{shape}".{did_you_mean(shape, SHAPES, "Shapes")}'


def reshaped(table: SourceTable, shape: str, name: str) -> SourceTable:
    """A table of the rows that a shape makes of another. `name` is the source's, for messages.

    Raises SourceError: no such shape, columns that it reads are missing, or too many rows to hold.
    """
    if shape not in SHAPES:
        raise SourceError(f"reshape: {_no_shape(shape)}")
    found = SHAPES[shape]
    return _whole(table, found, name) if isinstance(found, TableShape) else _by_row(table, found)


def _whole(table: SourceTable, shape: TableShape, name: str) -> SourceTable:
    if table.rows > MOST_WHOLE_ROWS:
        raise SourceError(f"{name}: {table.rows} rows; at most {MOST_WHOLE_ROWS} can be reshaped at once")
    whole = table.take(np.arange(table.rows, dtype=np.int64), table.schema.names)
    try:
        made = shape.table(whole)
    except ValueError as error:
        raise SourceError(f"{name}: {error}") from error
    return replace(table_of_rows(made, table.doc), schema=shape.adds)


def _by_row(table: SourceTable, shape: RowShape) -> SourceTable:
    refuse_unknown(shape.reads, table.schema)
    kept = [field for field in table.schema if field.name not in shape.adds.names]
    schema = pa.schema([*kept, *shape.adds])
    starts = _starts(table, shape) if shape.many else None
    rows = table.rows if starts is None else int(starts[-1])

    def take(ids: Ids, columns: Sequence[str]) -> pa.Table:
        refuse_unknown(columns, schema)
        origin = ids if starts is None else np.searchsorted(starts, ids, side="right") - 1
        within = np.zeros_like(ids) if starts is None else ids - starts[origin]
        return _take(table, shape, columns, origin, within)

    return replace(table, rows=rows, schema=schema, take=take)


def _take(table: SourceTable, shape: RowShape, columns: Sequence[str], origin: Ids, within: Ids) -> pa.Table:
    """Of the source rows `origin` (ascending, repeats allowed), the rows that are the `within`-th each."""
    unique, place = np.unique(origin, return_inverse=True)
    made = [name for name in columns if name in shape.adds.names]
    beside = [name for name in columns if name not in shape.adds.names]
    wanted = list(dict.fromkeys([*beside, *(shape.reads if made else ())]))
    source = table.take(unique, wanted)
    taken = dict(zip(beside, source.select(beside).take(pa.array(place)).columns, strict=True))
    if made:
        lists = [shape.rows(row) for row in source.select(list(shape.reads)).to_pylist()]
        new = [lists[at][number] for at, number in zip(place.tolist(), within.tolist(), strict=True)]
        taken |= {name: pa.array([row[name] for row in new], shape.adds.field(name).type) for name in made}
    return pa.table([taken[name] for name in columns], names=list(columns))


def _starts(table: SourceTable, shape: RowShape) -> Ids:
    """Where each source row's rows begin; one more number, the count of all rows, ends it."""
    counts = np.zeros(table.rows + 1, dtype=np.int64)
    for low in range(0, table.rows, COUNTED_ROWS):
        ids = np.arange(low, min(low + COUNTED_ROWS, table.rows), dtype=np.int64)
        rows = table.take(ids, list(shape.reads)).to_pylist()
        counts[ids + 1] = [len(shape.rows(row)) for row in rows]
    return np.cumsum(counts)
