"""Source rows to what a family needs: fields, answer and options; every row that falls away is counted.

Expressions are evaluated row by row in the card's sandboxed Jinja; a bare column name is read directly.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flancollect.cards.entries import Task
from flancollect.cards.expression import ExpressionError, compile_expression
from flancollect.cards.models import (
    Answer,
    ChoicesAnswer,
    OptionsAnswer,
    RenderedAnswer,
    TaskCard,
    TextAnswer,
)
from flancollect.columns import DOC, ROW
from flancollect.draw import key

MOST_REASONS = 20
OTHER_REASONS = "other reasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One usable row. `options` is empty and `index` None for free-text answers.

    `answer` is empty where the target that a wording renders is the answer.
    `content` is a 64-bit key of the fields alone: rows that ask the same thing share it.
    """

    id: int
    fields: Mapping[str, Any]
    answer: str
    options: tuple[str, ...]
    index: int | None
    content: int


class Unusable(Exception):  # noqa: N818
    """A row that cannot be used; the text is the reason that the manifest counts."""


def normalise(
    task: Task,
    ids: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
    doc: Mapping[str, Any],
    dropped: Counter[str],
    banned: Collection[int] = (),
) -> list[Row]:
    """The usable rows, in the order given; the others are counted in `dropped` by reason.

    `banned` holds content keys of rows that a benchmark keeps to itself.
    """
    usable = []
    for id_, source in zip(ids, rows, strict=True):
        try:
            row = _row(task, id_, source, doc)
            if row.content in banned:
                raise Unusable("held out for a benchmark")
            usable.append(row)
        except Unusable as reason:
            count_dropped(dropped, str(reason))
    return usable


def count_dropped(dropped: Counter[str], reason: str) -> None:
    """Count one row that falls away; past so many different reasons the others are one."""
    dropped[reason if reason in dropped or len(dropped) < MOST_REASONS else OTHER_REASONS] += 1


def document_exemplars(task: Task, doc: Mapping[str, Any], dropped: Counter[str]) -> list[Row]:
    """The rows that the card's `exemplars` expression finds in the document, numbered from 0."""
    if task.card.exemplars is None:
        return []
    try:
        found = compile_expression(task.card.exemplars).evaluate({DOC: doc})
    except ExpressionError as error:
        dropped[f"exemplars: {error}"[:200]] += 1
        return []
    rows = [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
    return normalise(task, range(len(rows)), rows, doc, dropped)


def _row(task: Task, id_: int, source: Mapping[str, Any], doc: Mapping[str, Any]) -> Row:
    card = task.card
    scope = {**source, DOC: doc, ROW: source}
    if card.where is not None and not _value("where", card.where, scope):
        raise Unusable("where")
    fields = dict(_fields(task, card, scope))
    answer, options, index = _answer(card.answer, scope)
    return Row(
        id=id_, fields=fields, answer=answer, options=options, index=index, content=content_key(fields)
    )


def content_key(fields: Mapping[str, Any]) -> int:
    """A 64-bit key of what a row asks, whatever its task, answer or wording."""
    return key("content", json.dumps(fields, sort_keys=True, ensure_ascii=False, default=str))


def _fields(task: Task, card: TaskCard, scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, kind in task.family.needs.items():
        value = _value(f"fields.{name}", card.fields[name], scope)
        if value is None and kind != "any":
            raise Unusable(f"null in fields.{name}")
        wrong = _mismatch(value, kind)
        if wrong:
            raise Unusable(f"fields.{name}: {wrong}")
        yield name, value


def _mismatch(value: Any, kind: str) -> str | None:
    """What is wrong with a value for a need of this kind, with the filter that would mend it."""
    if kind == "text" and not isinstance(value, str):
        return f"{type(value).__name__} where the family needs text; write `| string`"
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        return f"{type(value).__name__} where the family needs a number; write `| int` or `| float`"
    if kind in ("list", "turns") and not (
        isinstance(value, list) and all(isinstance(part, str) for part in value)
    ):
        return f"{type(value).__name__} where the family needs a list of texts"
    return None


def _answer(answer: Answer, scope: Mapping[str, Any]) -> tuple[str, tuple[str, ...], int | None]:
    if isinstance(answer, TextAnswer):
        text = _value("answer.text", answer.text, scope)
        if text is None:
            raise Unusable("null answer")
        if not isinstance(text, str):
            raise Unusable(f"answer.text: {type(text).__name__} where text is needed; write `| string`")
        if not text.strip():
            raise Unusable("empty answer")
        return text, (), None
    if isinstance(answer, RenderedAnswer):
        return "", (), None
    options = _options(answer, scope)
    index = _value("answer.index", answer.index, scope)
    if index is None:
        raise Unusable("null answer")
    if isinstance(index, bool):
        index = int(index)
    if not isinstance(index, int):
        raise Unusable(f"answer.index: {type(index).__name__} where a position is needed; write `| int`")
    if index < 0:
        raise Unusable("unlabelled")
    if index >= len(options):
        raise Unusable(f"answer.index: {index} where there are {len(options)} options")
    return options[index], options, index


def _options(answer: ChoicesAnswer | OptionsAnswer, scope: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(answer, ChoicesAnswer):
        return tuple(answer.choices)
    options = _value("answer.options", answer.options, scope)
    wrong = _mismatch(options, "list")
    if wrong:
        raise Unusable(f"answer.options: {wrong}")
    if not all(option.strip() for option in options):
        raise Unusable("empty option")
    if len(options) < 2:
        raise Unusable("fewer than two options")
    return tuple(options)


def _value(place: str, text: str, scope: Mapping[str, Any]) -> Any:
    expression = compile_expression(text)
    try:
        return scope[expression.column] if expression.column is not None else expression.evaluate(scope)
    except KeyError:
        raise Unusable(f"{place}: no column {expression.column} in this row") from None
    except ExpressionError as error:
        raise Unusable(f"{place}: {error}"[:200]) from error

