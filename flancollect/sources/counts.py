"""How many rows of a split pass a card's `where`: counted once for each state of a source, and kept in the lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from flancollect.artifacts import SourceLock
from flancollect.cards.columns import DOC, PUBLISHED, ROW
from flancollect.cards.entries import Task
from flancollect.cards.splits import SplitSlice
from flancollect.jinja.evaluate import evaluate_columns
from flancollect.jinja.expression import ExpressionError, compile_expression
from flancollect.sources import waits
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess

READ_ROWS = 16_384


def count_key(task: Task, split: SplitSlice) -> str:
    """What a count is of, in the lock's words: `train[:-200] where label == 1`."""
    bounds = "" if split.start is split.stop is None else f"[{split.start or ''}:{split.stop or ''}]"
    return f"{split.name}{bounds} where {task.card.where}"


def counted(task: Task, split: SplitSlice, entry: SourceLock, lock: SourceLock | None) -> int | None:
    """The count that the lock has of the source as it is now, if it has one."""
    if lock is None or lock.revision != entry.revision:
        return None
    return lock.counts.get(count_key(task, split))


def count_passing(task: Task, split: SplitSlice, access: SourceAccess, entry: SourceLock) -> int | None:
    """Count the rows of a slice that pass `where`; None where that would have to wait for a server.

    Rows for which the expression fails do not pass. Raises SourceError.
    """
    where = compile_expression(task.card.where or "true")
    if PUBLISHED in where.variables or waits(task.card.source, task.root, access, entry):
        return None
    table = open_shaped(task.source, split.name, access, entry)
    names = [name for name in table.schema.names if name in where.variables or ROW in where.variables]
    low, high = split.bounds(table.rows)
    passing = 0
    for start in range(low, high, READ_ROWS):
        ids = np.arange(start, min(start + READ_ROWS, high), dtype=np.int64)
        numbers, values = table.take_usable(ids, names, Counter())
        scope = {DOC: [table.doc] * len(numbers), **values.columns}
        if ROW in where.variables and ROW not in values.columns:
            scope[ROW] = values.rows()
        outcomes = evaluate_columns(where.text, scope, len(numbers))
        passing += sum(bool(outcome) and not isinstance(outcome, ExpressionError) for outcome in outcomes)
    return passing


def with_count(entry: SourceLock, counts: Mapping[str, int]) -> SourceLock:
    """A lock entry with further counts, sorted."""
    return entry.model_copy(update={"counts": dict(sorted({**entry.counts, **counts}.items()))})
