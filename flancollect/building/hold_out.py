"""The questions that a mixture must not ask: read from the benchmarks' own sources, once in every process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from flancollect.artifacts import SourceLock
from flancollect.cards.columns import PUBLISHED, column_problems, columns_read
from flancollect.errors import FlancollectError, HoldOutError, SourceError
from flancollect.jinja.expression import compile_expression
from flancollect.planning.task_plan import HeldOutTask
from flancollect.render.held_out import HeldOutQuestions
from flancollect.render.normalise import questions_in_columns
from flancollect.sources.published import without_published
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess

READ_ROWS = 1_024


class HoldOut:
    """What benchmarks keep out of a mixture.

    Raises HoldOutError for a benchmark whose questions cannot be read, or whose cards do not fit its source: then
    nobody could say that they are not asked.
    """

    def __init__(self, tasks: Sequence[HeldOutTask], access: SourceAccess) -> None:
        self._tasks = tuple(tasks)
        self._access = access
        for task in self._tasks:
            name, lock = task.task.card.task, task.lock
            if isinstance(lock, FlancollectError):
                raise _refusal(name, f"cannot be read: {lock}")
            for split in task.splits:
                if split.name not in lock.splits:
                    splits = ", ".join(lock.splits)
                    raise _refusal(name, f'{task.source_key} has no split "{split.name}". Splits: {splits}.')

    @cached_property
    def questions(self) -> HeldOutQuestions:
        """All questions. Raises HoldOutError, also for a task that turns out to have none."""
        return HeldOutQuestions(fields for task in self._tasks for fields in self._questions_of(task))

    def dependencies(self) -> list[Any]:
        """All that the questions depend on, JSON-able."""
        return [
            [
                task.source_key,
                task.lock.revision,
                [[split.name, split.start, split.stop] for split in task.splits],
                task.task.card.model_dump(mode="json", include={"fields", "where", "reshape"}),
                dict(task.task.family.needs),
            ]
            for task in self._tasks
            if isinstance(task.lock, SourceLock)
        ]

    def _questions_of(self, held_out: HeldOutTask) -> Iterator[Mapping[str, Any]]:
        task, lock = without_published(held_out.task), held_out.lock
        name = task.card.task
        assert isinstance(lock, SourceLock)  # noqa: S101  # __init__ refused everything else
        count, dropped = 0, Counter[str]()
        # What stands in every prompt of the benchmark is no part of a question.
        content = [
            name
            for name, text in task.card.fields.items()
            if compile_expression(text).variables - {PUBLISHED}
        ]
        for split in held_out.splits:
            try:
                table = open_shaped(task.source, split.name, self._access, lock)
            except SourceError as error:
                raise _refusal(name, f"cannot be read: {error}") from error
            problems = column_problems(task, held_out.source_key, table.schema.names)
            if problems:
                raise _refusal(name, f"its card does not fit: {'; '.join(map(str, problems))}")
            names = columns_read(task.card, table.schema.names)
            low, high = split.bounds(table.rows)
            for start in range(low, high, READ_ROWS):
                ids = np.arange(start, min(start + READ_ROWS, high), dtype=np.int64)
                _, values = table.take_usable(ids, names, dropped)
                for fields in questions_in_columns(
                    task, values.columns, values.count, table.doc, dropped, whole_rows=values.rows
                ):
                    count += 1
                    yield {field: fields[field] for field in content}
        if not count:
            reasons = "; ".join(f"{reason}: {rows}" for reason, rows in dropped.most_common(3)) or "no rows"
            raise _refusal(name, f"none can be read ({reasons})")


def _refusal(task: str, why: str) -> HoldOutError:
    return HoldOutError(f"the questions of {task} are held out, and {why}")
