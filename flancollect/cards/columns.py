"""Which source columns a card's expressions read, and whether the source has them."""

from __future__ import annotations

from collections.abc import Collection

from flancollect.cards.cross_check import expressions
from flancollect.cards.entries import Task
from flancollect.cards.task_card import TaskCard
from flancollect.errors import Problem, did_you_mean
from flancollect.jinja.expression import compile_expression

# The JSON document around the rows, and the row as a whole; a column of the same name goes before them.
DOC = "doc"
ROW = "row"
PUBLISHED = "published"
"""The texts that a card reads from where a prompt is published; they go before a column of the same name."""


def columns_read(card: TaskCard, available: Collection[str]) -> list[str]:
    """The columns that a card's expressions read, in source order; all of them when one says `row`.

    `exemplars` does not count, which sees the document alone, nor what is said of its rows.
    """
    used = {
        name
        for place, text in expressions(card)
        if not place.startswith("exemplar")
        for name in compile_expression(text).variables
    }
    if ROW in used and ROW not in available:
        return list(available)
    return [name for name in available if name in used]


def column_problems(task: Task, source_key: str, columns: Collection[str]) -> list[Problem]:
    """Every variable of a card's expressions that is no column of its source, with the columns there are.

    And every word of the expression language that is a column, too, such as `none`: nobody could say which is meant.
    """
    names = {*columns, DOC, ROW} | ({PUBLISHED} if task.card.published is not None else set())
    ambiguous = [
        task.problem(place, f'{word} is a value here, not the column of {source_key}; that is row["{word}"]')
        for place, text in expressions(task.card)
        for lower in sorted(compile_expression(text).words)
        for word in (lower, lower.capitalize())
        if word in columns
    ]
    return ambiguous + [
        task.problem(
            place, f'no column "{name}" in {source_key}.' + did_you_mean(name, list(columns), "Columns", 30)
        )
        for place, text in expressions(task.card)
        if place != "exemplar_explanation"
        for name in sorted(compile_expression(text).variables - names)
    ]
