"""How many rows of a split pass a card's `where`: counted once for each state of a source.

Counts are kept in the lock, in the source's entry, by slice and expression; and by all that they depend on in the
cache (`cache/counts/<hash>`), so that no plan reads rows for them a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from flancollect.artifacts import Artifact, SourceLock, fingerprint, read_artifact, write_artifact
from flancollect.cards.columns import DOC, PUBLISHED, ROW
from flancollect.cards.entries import Task
from flancollect.cards.splits import SplitSlice
from flancollect.errors import SourceError
from flancollect.jinja.evaluate import RENDER_VERSION, evaluate_columns
from flancollect.jinja.expression import ExpressionError, compile_expression
from flancollect.sources.hub import is_commit
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess

READ_ROWS = 2048
FOLDER = "counts"
MOST_REASONS = 5
OTHER_REASONS = "other reasons"


class CountNote(Artifact):
    """One count in the cache."""

    rows: int


def count_key(task: Task, split: SplitSlice) -> str:
    """What a count is of, in the lock's words: `train[:-200] where label == 1`."""
    return f"{split} where {task.card.where}"


def counted(task: Task, split: SplitSlice, entry: SourceLock, lock: SourceLock | None) -> int | None:
    """The count that the lock has of the source as it is now, if it has one."""
    if lock is None or lock.revision != entry.revision:
        return None
    return lock.counts.get(count_key(task, split))


def is_countable(task: Task, split: SplitSlice, entry: SourceLock) -> bool:
    """Whether a card has a `where` that can be counted in a slice of its source."""
    where = task.card.where
    return (
        where is not None
        and split.name in entry.splits
        and PUBLISHED not in compile_expression(where).variables
    )


def lies_on_the_hub(entry: SourceLock) -> bool:
    """Whether reading rows of a source would fetch them from the Hub; files and mirrors are on this machine by now."""
    return is_commit(entry.revision)


def count_passing(
    task: Task, split: SplitSlice, key: str, access: SourceAccess, entry: SourceLock
) -> int | SourceError:
    """How many rows of a slice pass `where`, from the cache or counted now; where none does, why.

    `key` is the source's. Rows for which the expression fails do not pass. Raises SourceError.
    """
    name = fingerprint([key, entry.revision, count_key(task, split), RENDER_VERSION])
    note = Path(access.cache).expanduser() / FOLDER / f"{name}.json"
    with suppress(SourceError):
        return read_artifact(note, CountNote, SourceError).rows
    passing, dropped = _count(task, split, access, entry)
    if not passing:
        reasons = "; ".join(f"{count} rows: {reason}" for reason, count in dropped.most_common())
        return SourceError(f"{key}: no row of {split} passes `where: {task.card.where}` ({reasons})")
    # Where the cache cannot be written, rows are counted again the next time.
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        write_artifact(note, CountNote(rows=passing), durable=False)
    return passing


def with_count(entry: SourceLock, counts: Mapping[str, int]) -> SourceLock:
    """A lock entry with further counts, sorted."""
    return entry.model_copy(update={"counts": dict(sorted({**entry.counts, **counts}.items()))})


def _count(
    task: Task, split: SplitSlice, access: SourceAccess, entry: SourceLock
) -> tuple[int, Counter[str]]:
    """How many rows pass, and why the others do not."""
    where = compile_expression(task.card.where or "true")
    table = open_shaped(task.source, split.name, access, entry)
    names = [name for name in table.schema.names if name in where.variables or ROW in where.variables]
    low, high = split.bounds(table.rows)
    passing, dropped = 0, Counter[str]()
    for start in range(low, high, READ_ROWS):
        ids = np.arange(start, min(start + READ_ROWS, high), dtype=np.int64)
        numbers, values = table.take_usable(ids, names, dropped)
        scope = {DOC: [table.doc] * len(numbers), **values.columns}
        if ROW in where.variables and ROW not in values.columns:
            scope[ROW] = values.rows()
        for outcome in evaluate_columns(where.text, scope, len(numbers)):
            if isinstance(outcome, ExpressionError):
                reason = f"where: {outcome}"[:200]
                # Reasons quote values, so that data could make a message of any length.
                dropped[reason if reason in dropped or len(dropped) < MOST_REASONS else OTHER_REASONS] += 1
            elif outcome:
                passing += 1
            else:
                dropped["where"] += 1
    return passing, dropped
