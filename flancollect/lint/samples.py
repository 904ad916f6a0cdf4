"""Some rows of tasks, rendered in every template that is open to them: what row lints look at.

Nothing is downloaded: sources are read from the mirror, the cache, the catalogue itself and the generators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from flancollect.artifacts import Progress
from flancollect.cards.columns import column_problems, columns_read
from flancollect.cards.entries import Task
from flancollect.cards.family import Template
from flancollect.cards.splits import parse_split
from flancollect.draw import key, permutation
from flancollect.errors import CardError, Problem, SourceError
from flancollect.lint.finding import templates_of
from flancollect.render.examples import PLAIN_DIALOG, PLAIN_OPTIONS
from flancollect.render.normalise import Row, normalise_columns
from flancollect.render.options import options_text
from flancollect.render.zero_shot import join_zero_shot, render_examples
from flancollect.sources.published import with_published
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess

ROWS = 32
"""Rows of a task that are linted: enough to tell a rate of one half from chance, few enough for 2,000 tasks."""
BATCHES = (2 * ROWS, 64 * ROWS)
"""Source rows that are read for them, and how many more where filters or gaps in the data left too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRow:
    """One row in one template. `options` is the option list as the prompt shows it, or empty."""

    row: Row
    template: Template
    prompt: str
    target: str
    options: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows of one task and what its templates make of them. `rows_read` counts the source rows behind them.

    `dropped` counts the source rows that are of no use by reason, `failures` holds the templates that fail.
    """

    task: Task
    rows: tuple[Row, ...]
    rendered: tuple[RenderedRow, ...]
    rows_read: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Problem, ...] = ()


def read_samples(
    tasks: Sequence[Task], access: SourceAccess, progress: Progress | None = None
) -> tuple[list[Sample], dict[str, str]]:
    """Samples of the tasks whose sources can be read, and why the others cannot, by task."""
    samples: list[Sample] = []
    unread: dict[str, str] = {}
    for done, task in enumerate(tasks, start=1):
        try:
            samples.append(_read_sample(task, access))
        except CardError as error:
            samples.append(Sample(task=task, rows=(), rendered=(), rows_read=0, failures=error.problems))
        except SourceError as error:
            unread[task.card.task] = task.card.reason or str(error)
        if progress is not None:
            progress("rows", done, len(tasks))
    return samples, unread


def _read_sample(task: Task, access: SourceAccess) -> Sample:
    card = task.card
    if card.reason is not None:
        raise SourceError(card.reason)
    task = with_published(task, access, None)
    slice_ = parse_split(card.splits.get("train") or next(iter(card.splits.values())))
    table = open_shaped(task.source, slice_.name, access, None)
    problems = column_problems(task, card.task, table.schema.names)
    if problems:
        raise CardError(problems)
    low, high = slice_.bounds(table.rows)
    # A keyed order, not the first rows: files are often sorted by label, and remarks must not change by the run.
    order = permutation(key("lint", card.task), high - low) + low
    columns = columns_read(card, table.schema.names)
    dropped = Counter[str]()
    rows: list[Row] = []
    read = 0
    for size in BATCHES:
        if len(rows) < ROWS:
            ids = np.sort(order[read : read + size])
            read += len(ids)
            numbers, values = table.take_usable(ids, columns, dropped)
            rows += normalise_columns(
                task, numbers, values.columns, table.doc, dropped, whole_rows=values.rows
            )
    del rows[ROWS:]
    rendered: list[RenderedRow] = []
    failures: list[Problem] = []
    for template in templates_of(task):
        try:
            rendered += _render(task, rows, template)
        except CardError as error:
            failures += error.problems
    return Sample(
        task=task,
        rows=tuple(rows),
        rendered=tuple(rendered),
        rows_read=read,
        dropped=dropped,
        failures=tuple(failures),
    )


def _render(task: Task, rows: Sequence[Row], template: Template) -> Iterator[RenderedRow]:
    style = PLAIN_OPTIONS if template.shows_options and any(row.options for row in rows) else None
    examples = render_examples(rows, template, task.family, style, PLAIN_DIALOG)
    for row, example in zip(rows, examples, strict=True):
        yield RenderedRow(
            row=row,
            template=template,
            prompt=join_zero_shot(example),
            target=example.target,
            options="" if style is None else options_text(style, row.options),
        )
