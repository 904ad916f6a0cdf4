"""Sources as cards see them: described and opened, and reshaped where the card says so.

Row n of a reshaped split is always the same: source rows in order, and within one source row the rows that
its shape makes of it, in their order. So a row number of a build leads back to its source.

A shape that makes several rows of one is run once over all rows of a split to count them, in every process
that opens the split; what stays in memory is one number per source row. Such splits should not have many
millions of rows. A split that is reshaped whole is held in memory, and may have no more than
`MOST_WHOLE_ROWS` rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from flancollect.artifacts import SourceLock
from flancollect.cards.entries import CardSource, Catalog
from flancollect.draw import Ints
from flancollect.errors import Problem, SourceError, did_you_mean
from flancollect.sources import as_source_errors, describe, open_table, source_key
from flancollect.sources.parts import table_of, take_rows
from flancollect.sources.shapes import SHAPES
from flancollect.sources.shapes.shape import RowShape
from flancollect.sources.table import SourceAccess, SourceTable, refuse_unknown_columns
from flancollect.sources.values import values_of

MOST_WHOLE_ROWS = 100_000


def describe_shaped(source: CardSource, access: SourceAccess, lock: SourceLock | None = None) -> SourceLock:
    """Like `sources.describe`, of the rows that the shape makes.

    A `lock` entry that still holds is given back without counting. Raises SourceError.
    """
    unshaped = describe(source.source, source.root, access, lock)
    if source.shape is None or unshaped is lock:
        return unshaped
    splits = {split: open_shaped(source, split, access, None).lock() for split in unshaped.splits}
    return SourceLock(revision=unshaped.revision, splits=splits)


def open_shaped(source: CardSource, split: str, access: SourceAccess, lock: SourceLock | None) -> SourceTable:
    """Like `sources.open_table`, of the rows that the shape makes. Raises SourceError."""
    table = open_table(source.source, split, source.root, access, lock)
    if source.shape is None:
        return _failing_as_source(table, source)
    name = f"{source_key(source.source)} ({split})"
    with as_source_errors(source.source):
        shaped = reshaped(table, source.shape, name)
    locked_rows = lock.splits[split].rows if lock is not None and split in lock.splits else shaped.rows
    if shaped.rows != locked_rows:
        raise SourceError(
            f"{name}: reshaped by {source.shape} it has {shaped.rows} rows, but {locked_rows} when it was locked: "
            f"run `flancollect lock`"
        )
    return _failing_as_source(shaped, source)


def _failing_as_source(table: SourceTable, source: CardSource) -> SourceTable:
    def scan(ids: Ints, columns: Sequence[str]) -> Iterator[pa.Table]:
        with as_source_errors(source.source):
            yield from table.scan(ids, columns)

    return replace(table, scan=scan)


def shape_problems(catalog: Catalog) -> Iterator[Problem]:
    """Cards that name a shape that there is none of."""
    for task in catalog.tasks.values():
        for used in (task, task.exemplar_task):
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
    definition = SHAPES[shape]
    if isinstance(definition, RowShape):
        return _reshaped_by_row(table, definition, name)
    if table.rows > MOST_WHOLE_ROWS:
        raise SourceError(f"{name}: {table.rows} rows; at most {MOST_WHOLE_ROWS} can be reshaped at once")
    pieces = table.scan(np.arange(table.rows, dtype=np.int64), table.schema.names)
    whole = pa.concat_tables([table.schema.empty_table(), *pieces])
    try:
        rows = definition.table(whole)
    except ValueError as error:
        raise SourceError(f"{name}: {error}") from error
    return replace(table_of(rows, table.doc), schema=definition.adds)


def _reshaped_by_row(table: SourceTable, shape: RowShape, name: str) -> SourceTable:
    """The rows that a shape makes of each source row, read and reshaped only where they are requested."""
    refuse_unknown_columns(shape.reads, table.schema)
    unchanged = [field for field in table.schema if field.name not in shape.adds.names]
    schema = pa.schema([*unchanged, *shape.adds])
    starts = _starts(table, shape, name) if shape.many else None

    def scan(ids: Ints, columns: Sequence[str]) -> Iterator[pa.Table]:
        refuse_unknown_columns(columns, schema)
        # Source rows that become 2, 0 and 3 rows have starts [0, 2, 2, 5]. Of ids [0, 1, 4] each belongs to
        # the last start that is not above it: origin [0, 0, 2]. (Source row 1 begins at 2 as well, but becomes
        # no row; side="right" passes over it.) Within their source rows they are number [0, 1, 4 - 2].
        origin = ids if starts is None else np.searchsorted(starts, ids, side="right") - 1
        within = np.zeros_like(ids) if starts is None else ids - starts[origin]
        # Each source row is read once: unique [0, 2]; place [0, 0, 1] says which of those an id belongs to.
        unique, place = np.unique(origin, return_inverse=True)
        new_names = [name for name in columns if name in shape.adds.names]
        own_names = [name for name in columns if name not in shape.adds.names]
        first = 0
        for piece in table.scan(
            unique, list(dict.fromkeys([*own_names, *(shape.reads if new_names else ())]))
        ):
            # A piece of the first source row alone serves the ids whose place is 0: the first two.
            low, high = np.searchsorted(place, [first, first + piece.num_rows])
            places = place[low:high] - first
            repeated = take_rows(piece.select(own_names), places) if own_names else None
            by_name = dict(zip(own_names, repeated.columns, strict=True)) if repeated is not None else {}
            if new_names:
                shaped = _shaped(piece, shape, unique[first : first + piece.num_rows], name)
                numbers = within[low:high].tolist()
                rows = [shaped[at][number] for at, number in zip(places.tolist(), numbers, strict=True)]
                for new in new_names:
                    by_name[new] = pa.array([row[new] for row in rows], shape.adds.field(new).type)
            yield pa.table([by_name[column] for column in columns], names=list(columns))
            first += piece.num_rows

    rows = table.rows if starts is None else int(starts[-1])
    return replace(table, rows=rows, schema=schema, scan=scan)


def _shaped(piece: pa.Table, shape: RowShape, ids: Ints, name: str) -> list[list[dict[str, Any]]]:
    """What the shape makes of each row of a piece of the source; `ids` are the rows' numbers, for messages."""
    values = values_of([piece], shape.reads, piece.num_rows)
    for position, reason in values.unreadable.items():
        raise SourceError(f"{name}: row {ids[position]}: {reason}")
    shaped = []
    for row, number in zip(values.rows(), ids.tolist(), strict=True):
        try:
            shaped.append(shape.rows(row))
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise SourceError(
                f"{name}: row {number} is not what the shape is made for: {type(error).__name__}: {error}"
            ) from error
    return shaped


def _starts(table: SourceTable, shape: RowShape, name: str) -> Ints:
    """Where each source row's rows begin; one more number, the count of all rows, ends it."""
    # counts[i + 1] is how many rows source row i becomes, so that after adding up entry i is where they begin:
    # 2, 0 and 3 rows are counts [0, 2, 0, 3] and starts [0, 2, 2, 5].
    counts = np.zeros(table.rows + 1, dtype=np.int64)
    ids = np.arange(table.rows, dtype=np.int64)
    first = 0
    for piece in table.scan(ids, shape.reads):
        of_piece = ids[first : first + piece.num_rows]
        counts[of_piece + 1] = [len(rows) for rows in _shaped(piece, shape, of_piece, name)]
        first += piece.num_rows
    return np.cumsum(counts)
