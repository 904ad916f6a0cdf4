"""Source rows to what a family needs: fields, answer and options; every row that falls away is counted.

Every expression of a card is evaluated over whole columns; a bare column name is that column. A row falls
away for the first of its values that does not do, in the order of the card.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, TypeAlias

from flancollect.cards.columns import DOC, ROW
from flancollect.cards.cross_check import expressions
from flancollect.cards.entries import Task
from flancollect.cards.task_card import ChoicesAnswer, OptionsAnswer, RenderedAnswer, TaskCard, TextAnswer
from flancollect.jinja.expression import ExpressionError, compile_expression

Content: TypeAlias = Hashable

MOST_REASONS = 20
OTHER_REASONS = "other reasons"

Evaluate: TypeAlias = Callable[[str, Mapping[str, Sequence[Any]], int], list[Any]]
"""An expression's values over columns of so many rows, with an ExpressionError where a row fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One usable row. `options` is empty and `index` None for free-text answers.

    `answer` is empty where the target that a template renders is the answer.
    `content` is the values of the fields alone: rows that ask the same thing share it.
    """

    id: int
    fields: Mapping[str, Any]
    answer: str
    options: tuple[str, ...]
    index: int | None
    content: Content


def normalise(
    task: Task,
    ids: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
    doc: Mapping[str, Any],
    dropped: Counter[str],
    banned: Collection[Content] = (),
) -> list[Row]:
    """`normalise_columns` for rows that are mappings, each with columns of its own."""
    usable: list[Row] = []
    for names, group in groupby(zip(ids, rows, strict=True), key=lambda pair: tuple(pair[1])):
        alike = list(group)
        columns = {name: [row[name] for _, row in alike] for name in names}
        usable += normalise_columns(task, [id_ for id_, _ in alike], columns, doc, dropped, banned)
    return usable


def normalise_columns(
    task: Task,
    ids: Sequence[int],
    columns: Mapping[str, Sequence[Any]],
    doc: Mapping[str, Any],
    dropped: Counter[str],
    banned: Collection[Content] = (),
    *,
    evaluate: Evaluate | None = None,
) -> list[Row]:
    """The usable rows, in the order given; the others are counted in `dropped` by reason.

    `banned` holds the contents of rows that a benchmark keeps to itself. Without `evaluate`, expressions are
    evaluated by reference Jinja, row by row.
    """
    given = _Given(columns=_scope(task.card, columns, doc, len(ids)), rows=len(ids), run=evaluate or _each)
    reasons = _where(task.card, given)
    kept = [place for place in range(len(ids)) if place not in reasons]
    usable, unusable = _usable(task, [ids[place] for place in kept], given.only(kept), banned)
    reasons |= {kept[i]: reason for i, reason in unusable.items()}
    for place in sorted(reasons):
        count_dropped(dropped, reasons[place])
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


# --- columns -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """Columns as a card's expressions see them, and how to evaluate."""

    columns: Mapping[str, Sequence[Any]]
    rows: int
    run: Evaluate

    def only(self, kept: Sequence[int]) -> _Given:
        """The same with these rows alone."""
        if len(kept) == self.rows:
            return self
        columns = {name: [column[i] for i in kept] for name, column in self.columns.items()}
        return _Given(columns=columns, rows=len(kept), run=self.run)

    def values(self, text: str) -> Sequence[Any]:
        """An expression's values, with an ExpressionError where there is none."""
        column = compile_expression(text).column
        if column is None:
            return self.run(text, self.columns, self.rows)
        if column not in self.columns:
            return [ExpressionError(f"no column {column} in this row")] * self.rows
        return self.columns[column]


def _scope(
    card: TaskCard, columns: Mapping[str, Sequence[Any]], doc: Mapping[str, Any], rows: int
) -> dict[str, Sequence[Any]]:
    """The columns, the document, and, where an expression says so, whole rows."""
    scope = {**columns, DOC: [doc] * rows}
    if any(ROW in compile_expression(text).variables for place, text in expressions(card)):
        names = tuple(columns)
        scope[ROW] = (
            [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            if names
            else [{}] * rows
        )
    return scope


def _each(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> list[Any]:
    """Reference Jinja, row by row."""
    expression = compile_expression(text)
    found: list[Any] = []
    for i in range(rows):
        try:
            found.append(expression.evaluate({name: column[i] for name, column in columns.items()}))
        except ExpressionError as error:
            found.append(error)
    return found


def _where(card: TaskCard, given: _Given) -> dict[int, str]:
    """Why rows are not of the task, by place."""
    if card.where is None:
        return {}
    return {
        i: _failure("where", value) if isinstance(value, ExpressionError) else "where"
        for i, value in enumerate(given.values(card.where))
        if not value or isinstance(value, ExpressionError)
    }


def _usable(
    task: Task, ids: Sequence[int], given: _Given, banned: Collection[Content]
) -> tuple[list[Row], dict[int, str]]:
    """The usable rows, and why others are not, by place."""
    reasons: dict[int, str] = {}
    fields = {}
    for name, kind in task.family.needs.items():
        fields[name] = given.values(task.card.fields[name])
        _note(reasons, _field_reasons(f"fields.{name}", kind, fields[name]))
    answers, wrong = _answers(task.card.answer, given)
    _note(reasons, wrong)
    fitting = [i for i in range(given.rows) if i not in reasons]
    asked = [{name: column[i] for name, column in fields.items()} for i in fitting]
    rows = []
    for i, values, content in zip(fitting, asked, contents_of(asked), strict=True):
        if content in banned:
            reasons[i] = "held out for a benchmark"
            continue
        answer, options, index = answers[i]
        rows.append(
            Row(id=ids[i], fields=values, answer=answer, options=options, index=index, content=content)
        )
    return rows, reasons


def _note(reasons: dict[int, str], more: Mapping[int, str]) -> None:
    """Add reasons of rows that have none yet."""
    for i, reason in more.items():
        reasons.setdefault(i, reason)


def contents_of(rows: Sequence[Mapping[str, Any]]) -> list[Content]:
    """What each row asks, whatever its task, answer or template; rows have the same fields."""
    return [tuple(map(_hashable, row.values())) for row in rows]


def _hashable(value: Any) -> Content:
    return value if isinstance(value, str | int | float) else _canonical(value)


_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str).encode


def _failure(place: str, error: ExpressionError) -> str:
    return f"{place}: {error}"[:200]


def _field_reasons(place: str, kind: str, values: Sequence[Any]) -> dict[int, str]:
    if _all_fit(values, kind):
        return {}
    found = ((i, _field_reason(place, kind, value)) for i, value in enumerate(values))
    return {i: reason for i, reason in found if reason is not None}


def _all_fit(values: Sequence[Any], kind: str) -> bool:
    """Whether all values are plainly of a kind; False only says that it takes a closer look."""
    types = set(map(type, values))
    if kind == "text":
        return types <= {str}
    if kind == "number":
        return types <= {int, float}
    return (
        kind in ("list", "turns") and types <= {list} and set(map(type, chain.from_iterable(values))) <= {str}
    )


def _field_reason(place: str, kind: str, value: Any) -> str | None:
    if isinstance(value, ExpressionError):
        return _failure(place, value)
    if value is None and kind != "any":
        return f"null in {place}"
    wrong = _mismatch(value, kind)
    return f"{place}: {wrong}" if wrong else None


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


# --- answers -----------------------------------------------------------------------------------------------

_Answer: TypeAlias = tuple[str, tuple[str, ...], int | None]


def _answers(
    answer: ChoicesAnswer | OptionsAnswer | TextAnswer | RenderedAnswer, given: _Given
) -> tuple[list[_Answer], dict[int, str]]:
    """Each row's answer, options and index, and why rows have none, by place."""
    found: list[_Answer] = []
    reasons = {}
    for i, (options, value) in enumerate(_answer_values(answer, given)):
        made = _text_answer(value) if options is None else _option_answer(options, value)
        if isinstance(made, str):
            reasons[i] = made
        found.append(("", (), None) if isinstance(made, str) else made)
    return found, reasons


def _answer_values(
    answer: ChoicesAnswer | OptionsAnswer | TextAnswer | RenderedAnswer, given: _Given
) -> Iterator[tuple[Any, Any]]:
    """For each row its options (None where it has none) and what says which, or what, the answer is."""
    if isinstance(answer, RenderedAnswer):
        return zip([None] * given.rows, [_RENDERED] * given.rows, strict=True)
    if isinstance(answer, TextAnswer):
        return zip([None] * given.rows, given.values(answer.text), strict=True)
    if isinstance(answer, ChoicesAnswer):
        return zip([tuple(answer.choices)] * given.rows, given.values(answer.index), strict=True)
    return zip(map(_options, given.values(answer.options)), given.values(answer.index), strict=True)


_RENDERED = object()


def _text_answer(text: Any) -> _Answer | str:
    if text is _RENDERED:
        return "", (), None
    if isinstance(text, ExpressionError):
        return _failure("answer.text", text)
    if text is None:
        return "null answer"
    if not isinstance(text, str):
        return f"answer.text: {type(text).__name__} where text is needed; write `| string`"
    return (text, (), None) if text.strip() else "empty answer"


def _option_answer(options: tuple[str, ...] | str, index: Any) -> _Answer | str:
    """The answer among options; a text in place of options says what is wrong with them."""
    if isinstance(options, str):
        return options
    if not isinstance(index, int):
        return _index_reason(index)
    if index < 0:
        return "unlabelled"
    if index >= len(options):
        return f"answer.index: {int(index)} where there are {len(options)} options"
    return options[index], options, int(index)


def _index_reason(index: Any) -> str:
    if isinstance(index, ExpressionError):
        return _failure("answer.index", index)
    if index is None:
        return "null answer"
    return f"answer.index: {type(index).__name__} where a position is needed; write `| int`"


def _options(options: Any) -> tuple[str, ...] | str:
    if isinstance(options, ExpressionError):
        return _failure("answer.options", options)
    wrong = _mismatch(options, "list")
    if wrong:
        return f"answer.options: {wrong}"
    if not all(option.strip() for option in options):
        return "empty option"
    return tuple(options) if len(options) > 1 else "fewer than two options"
