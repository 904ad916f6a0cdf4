"""Texts of published prompts, read from where they are published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from flancollect.artifacts import SourceLock
from flancollect.cards.columns import columns_read
from flancollect.cards.entries import Task
from flancollect.cards.splits import parse_split
from flancollect.errors import SourceError
from flancollect.jinja.evaluate import evaluate_columns
from flancollect.jinja.expression import ExpressionError
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess

ROWS_LOOKED_AT = 10_000
"""Rows among which the one must be that a card's `published.where` means: such files are prompts, not corpora."""


def with_published(task: Task, access: SourceAccess, lock: SourceLock | None) -> Task:
    """The task with the texts that its card's `published` names; `lock` is what that source was when looked at.

    Raises SourceError where they cannot be read.
    """
    reader = task.published_task
    if reader is None:
        return task
    return replace(task, published=_texts(reader, access, lock))


def without_published(task: Task) -> Task:
    """The task with empty texts in their place: what its questions ask does not hang on them."""
    published = task.card.published
    return task if published is None else replace(task, published=dict.fromkeys(published.texts, ""))


def _texts(reader: Task, access: SourceAccess, lock: SourceLock | None) -> Mapping[str, str]:
    card = reader.card
    split = parse_split(card.splits["train"])
    table = open_shaped(reader.source, split.name, access, lock)
    low, high = split.bounds(table.rows)
    ids = np.arange(low, min(high, low + ROWS_LOOKED_AT), dtype=np.int64)
    numbers, values = table.take_usable(ids, columns_read(card, table.schema.names), Counter())
    count = len(numbers)
    accepted = [True] * count if card.where is None else evaluate_columns(card.where, values.columns, count)
    rows = (i for i, value in enumerate(accepted) if value and not isinstance(value, ExpressionError))
    row = next(rows, None)
    if row is None:
        raise SourceError(f"published: no row of {len(ids):,} passes `where: {card.where}`")
    columns = {name: [column[row]] for name, column in values.columns.items()}
    texts = {name: evaluate_columns(text, columns, 1)[0] for name, text in card.fields.items()}
    for name, text in texts.items():
        if not isinstance(text, str):
            what = str(text) if isinstance(text, ExpressionError) else f"{type(text).__name__}, not a text"
            raise SourceError(f"published.texts.{name}: {what}")
    return texts
