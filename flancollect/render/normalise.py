"""Source rows to what a family needs: fields, answer and options; every row that falls away is counted.

Every expression of a card is evaluated over whole columns; a bare column name is that column. A row falls
away for the first of its values that does not do, in the order of the card.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, NamedTuple, TypeAlias

from flancollect.cards.columns import DOC, PUBLISHED, ROW
from flancollect.cards.cross_check import expressions
from flancollect.cards.entries import Task
from flancollect.cards.task_card import (
    Answer,
    ChoicesAnswer,
    RenderedAnswer,
    TaskCard,
    TextAnswer,
)
from flancollect.jinja.evaluate import evaluate_columns
from flancollect.jinja.expression import ExpressionError, NullValueError, compile_expression, is_null
from flancollect.render.held_out import HeldOutQuestions

Content: TypeAlias = Hashable

MOST_REASONS = 20
OTHER_REASONS = "other reasons"
HELD_OUT = "held out for a benchmark"
NULL_ANSWER = "null answer"
EMPTY_FIELDS = "empty fields"
WHERE = "where"
NOTHING_HELD_OUT = HeldOutQuestions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What scoring needs of a row beyond its answer, as its card says it.

    `choices` are the answers that a free-text question lists itself, `labels` what the target would be for each;
    `also` are further right answers.
    """

    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class Row(NamedTuple):
    """One usable row. `options` is empty and `answer_index` None for free-text answers.

    `answer` is empty where the target that a template renders is the answer. `content` is the values of the
    fields alone: rows that ask the same thing share it. `scoring` is None in rows that are not asked for it.
    """

    id: int
    fields: Mapping[str, Any]
    answer: str
    options: tuple[str, ...]
    answer_index: int | None
    content: Content
    scoring: Scoring | None = None
    explanation: str = ""


def normalise(
    task: Task,
    ids: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
    doc: Mapping[str, Any],
    dropped: Counter[str],
    held_out: HeldOutQuestions = NOTHING_HELD_OUT,
) -> list[Row]:
    """`normalise_columns` for rows that are mappings, each with columns of its own."""
    usable: list[Row] = []
    for names, group in groupby(zip(ids, rows, strict=True), key=lambda pair: tuple(pair[1])):
        pairs = list(group)
        columns = {name: [row[name] for _, row in pairs] for name in names}
        usable += normalise_columns(task, [id_ for id_, _ in pairs], columns, doc, dropped, held_out)
    return usable


def normalise_columns(
    task: Task,
    ids: Sequence[int],
    columns: Mapping[str, Sequence[Any]],
    doc: Mapping[str, Any],
    dropped: Counter[str],
    held_out: HeldOutQuestions = NOTHING_HELD_OUT,
    *,
    scoring: bool = False,
    whole_rows: Callable[[], Sequence[Mapping[str, Any]]] | None = None,
) -> list[Row]:
    """The usable rows, in the order given; the others are counted in `dropped` by reason.

    Rows that ask a question `held_out` fall away. With `scoring`, rows carry what the
    card says for it, and one whose further answers or choices cannot be worked out falls away too. `whole_rows` gives
    what `row` is in expressions, where that is not every column: rows of JSON have keys of their own.
    """
    scope, positions, reasons = _of_the_task(task, columns, len(ids), doc, whole_rows)
    # Of ids 7, 3, 9 with row 3 left out, `positions` is [0, 2]; a failure at 1 among these is that of position 2,
    # row 9.
    usable, unusable = _usable(
        task, [ids[position] for position in positions], scope, held_out, scoring=scoring
    )
    reasons |= {positions[i]: reason for i, reason in unusable.items()}
    for position in sorted(reasons):
        count_dropped(dropped, reasons[position])
    return usable


def questions_in_columns(
    task: Task,
    columns: Mapping[str, Sequence[Any]],
    rows: int,
    doc: Mapping[str, Any],
    dropped: Counter[str],
    *,
    whole_rows: Callable[[], Sequence[Mapping[str, Any]]] | None = None,
) -> list[dict[str, Any]]:
    """The fields of rows of the task, in order, whether or not they have an answer; others are counted in `dropped`."""
    scope, _, left_out = _of_the_task(task, columns, rows, doc, whole_rows)
    fields, reasons = _fields(task, scope)
    for reason in (*left_out.values(), *reasons.values()):
        count_dropped(dropped, reason)
    return [
        {name: column[i] for name, column in fields.items()} for i in range(scope.rows) if i not in reasons
    ]


def _of_the_task(
    task: Task,
    columns: Mapping[str, Sequence[Any]],
    rows: int,
    doc: Mapping[str, Any],
    whole_rows: Callable[[], Sequence[Mapping[str, Any]]] | None,
) -> tuple[_Scope, list[int], dict[int, str]]:
    """What expressions see of the rows that pass `where`, their positions, and by position why others do not.

    They are gone before any field is evaluated, as fields may fail on them.
    """
    scope = _Scope(
        columns=_scope_columns(task.card, columns, doc, task.published, rows, whole_rows), rows=rows
    )
    reasons = _where_reasons(task.card, scope)
    positions = [position for position in range(rows) if position not in reasons]
    return scope.select(positions), positions, reasons


def count_dropped(dropped: Counter[str], reason: str) -> None:
    """Count one row that falls away; past so many different reasons the others are one."""
    # Reasons quote values, so data could make a manifest of any length.
    dropped[reason if reason in dropped or len(dropped) < MOST_REASONS else OTHER_REASONS] += 1


def document_exemplars(task: Task, doc: Mapping[str, Any], dropped: Counter[str]) -> list[Row]:
    """The rows that the card's `exemplars` expression gives of the document, numbered from 0, with explanations."""
    if task.card.exemplars is None:
        return []
    try:
        value = compile_expression(task.card.exemplars).evaluate({DOC: doc})
    except ExpressionError as error:
        count_dropped(dropped, f"exemplars: {error}"[:200])
        return []
    values = value if isinstance(value, list) else [value]
    rows = [row for row in values if isinstance(row, Mapping)]
    for other in values:
        if not isinstance(other, Mapping):
            count_dropped(dropped, f"exemplars: {type(other).__name__} where an object is needed")
    usable = normalise(task, range(len(rows)), rows, doc, dropped)
    return [row._replace(explanation=_explanation(task, rows[row.id], doc)) for row in usable]


def _explanation(task: Task, row: Mapping[str, Any], doc: Mapping[str, Any]) -> str:
    """Why an exemplar has its answer; empty where that is not said."""
    if task.card.exemplar_explanation is None:
        return ""
    try:
        text = compile_expression(task.card.exemplar_explanation).evaluate({DOC: doc, **row})
    except ExpressionError:
        return ""
    return text.strip() if isinstance(text, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """The columns that a card's expressions see."""

    columns: Mapping[str, Sequence[Any]]
    rows: int

    def select(self, positions: Sequence[int]) -> _Scope:
        """The same with these rows alone."""
        if len(positions) == self.rows:
            return self
        columns = {name: [column[i] for i in positions] for name, column in self.columns.items()}
        return _Scope(columns=columns, rows=len(positions))

    def values(self, text: str) -> Sequence[Any]:
        """An expression's values, with an ExpressionError where there is none."""
        column = compile_expression(text).column
        if column is None:
            return evaluate_columns(text, self.columns, self.rows)
        if column not in self.columns:
            return [ExpressionError(f"no column {column} in this row")] * self.rows
        return self.columns[column]


def _scope_columns(
    card: TaskCard,
    columns: Mapping[str, Sequence[Any]],
    doc: Mapping[str, Any],
    published: Mapping[str, str],
    rows: int,
    whole_rows: Callable[[], Sequence[Mapping[str, Any]]] | None,
) -> dict[str, Sequence[Any]]:
    """The columns, the document, published texts, and, where an expression says so, whole rows."""
    scope = {DOC: [doc] * rows, **columns}
    if card.published is not None:
        scope[PUBLISHED] = [published] * rows  # a column of this name is row["published"] then
    if ROW not in columns and any(ROW in compile_expression(text).variables for _, text in expressions(card)):
        if whole_rows is not None:
            return scope | {ROW: whole_rows()}
        # Without columns there is nothing to zip, and yet there are rows.
        values = zip(*columns.values(), strict=True) if columns else [()] * rows
        scope[ROW] = [dict(zip(columns, row, strict=True)) for row in values]
    return scope


def _where_reasons(card: TaskCard, scope: _Scope) -> dict[int, str]:
    """Why rows are not of the task, by position."""
    if card.where is None:
        return {}
    return {
        i: _where_reason(value)
        for i, value in enumerate(scope.values(card.where))
        if not value or isinstance(value, ExpressionError)
    }


def _where_reason(value: Any) -> str:
    if isinstance(value, ExpressionError):
        return _failure(WHERE, value)
    return f"null in {WHERE}" if is_null(value) else WHERE


def _usable(
    task: Task, ids: Sequence[int], scope: _Scope, held_out: HeldOutQuestions, *, scoring: bool
) -> tuple[list[Row], dict[int, str]]:
    """The usable rows, and why others are not, by position."""
    fields, reasons = _fields(task, scope)
    answers, wrong = _answers(task.card.answer, scope)
    reasons = wrong | reasons
    extras: Sequence[Scoring | str | None] = [None] * scope.rows
    if scoring:
        extras = _scoring(task.card.answer, scope)
        reasons = {i: extra for i, extra in enumerate(extras) if isinstance(extra, str)} | reasons
    usable = [i for i in range(scope.rows) if i not in reasons]
    values = [{name: column[i] for name, column in fields.items()} for i in usable]
    rows = []
    some_held_out = bool(held_out)
    for i, row_fields, content in zip(usable, values, contents_of(values), strict=True):
        answer, options, index = answers[i]
        if some_held_out and held_out.asked_by(row_fields, (*options, answer)):
            reasons[i] = HELD_OUT
            continue
        extra = extras[i]
        rows.append(
            Row(
                id=ids[i],
                fields=row_fields,
                answer=answer,
                options=options,
                answer_index=index,
                content=content,
                scoring=extra if isinstance(extra, Scoring) else None,
            )
        )
    return rows, reasons


def _fields(task: Task, scope: _Scope) -> tuple[dict[str, Sequence[Any]], dict[int, str]]:
    """The columns of the family's needs, and why rows have no such field, by position."""
    fields: dict[str, Sequence[Any]] = {}
    reasons: dict[int, str] = {}
    for name, kind in task.family.needs.items():
        fields[name] = scope.values(task.card.fields[name])
        # The first reason of a row stays: `|` prefers its right side.
        reasons = _field_reasons(f"fields.{name}", kind, fields[name]) | reasons
    return fields, dict.fromkeys(_empty(task, fields), EMPTY_FIELDS) | reasons


def _empty(task: Task, fields: Mapping[str, Sequence[Any]]) -> Sequence[int]:
    """The positions of rows that ask nothing: whatever their fields take from the source is blank."""
    own = [fields[name] for name in fields if compile_expression(task.card.fields[name]).variables]
    if not own:
        return []
    first, *others = own
    blank = [i for i, value in enumerate(first) if _is_blank(value)]
    return [i for i in blank if all(_is_blank(column[i]) for column in others)]


def _is_blank(value: Any) -> bool:
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | tuple) and all(map(_is_blank, value))


def contents_of(rows: Sequence[Mapping[str, Any]]) -> list[Content]:
    """What each row asks, whatever its task, answer or template; rows have the same fields."""
    return [
        # A list in between is faster than a generator, of which every row would start one.
        tuple([value if isinstance(value, _HASHABLE) else _canonical(value) for value in row.values()])
        for row in rows
    ]


_HASHABLE = (str, int, float)
_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str).encode


def _failure(place: str, error: ExpressionError) -> str:
    if isinstance(error, NullValueError):
        # Whatever is null in an answer, the row has none.
        return NULL_ANSWER if place.startswith("answer.") else f"{place}: {error}"[:200]
    return f"{place}: {error}"[:200]


def _field_reasons(place: str, kind: str, values: Sequence[Any]) -> dict[int, str]:
    """Why values do not do for a need of this kind, by position."""
    if _all_fit(values, kind):
        return {}
    reasons = {}
    for i, value in enumerate(values):
        if isinstance(value, ExpressionError):
            reasons[i] = _failure(place, value)
        elif is_null(value):
            reasons[i] = f"null in {place}"
        elif mismatch := _mismatch(value, kind):
            reasons[i] = f"{place}: {mismatch}"
    return reasons


def _all_fit(values: Sequence[Any], kind: str) -> bool:
    """Whether all values are plainly of a kind; False only says that it takes a closer look."""
    # A set of types over a whole column is some ten times faster than a look at every value, and in clean data
    # it settles the matter.
    types = set(map(type, values))
    if kind == "text":
        return types <= {str}
    if kind == "number":
        return types <= {int, float} and not any(map(is_null, values))
    return (
        kind in ("list", "turns") and types <= {list} and set(map(type, chain.from_iterable(values))) <= {str}
    )


def _mismatch(value: Any, kind: str) -> str | None:
    """What is wrong with a value for a need of this kind, with the filter that would mend it."""
    if kind == "text" and not isinstance(value, str):
        return f"{type(value).__name__} where the family needs text{_as_text_advice(value)}"
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        return f"{type(value).__name__} where the family needs a number; write `| int` or `| float`"
    if kind in ("list", "turns") and isinstance(value, list) and any(map(is_null, value)):
        return "null in the list"
    if kind in ("list", "turns") and not (
        isinstance(value, list) and all(isinstance(part, str) for part in value)
    ):
        return f"{type(value).__name__} where the family needs a list of texts"
    return None


def _as_text_advice(value: Any) -> str:
    """What to write to make text of a value that is none; only what gives the text that anybody would."""
    if isinstance(value, list):
        return '; write `| join(", ")` or take one of its items'
    if isinstance(value, Mapping):
        return "; name one of its keys"
    return "; write `| string`"


_AnswerParts: TypeAlias = tuple[str, tuple[str, ...], int | None]
_NO_ANSWER: _AnswerParts = ("", (), None)


def _answers(answer: Answer, scope: _Scope) -> tuple[list[_AnswerParts], dict[int, str]]:
    """Each row's answer, options and index, and why rows have none, by position."""
    outcomes: Iterator[_AnswerParts | str]
    if isinstance(answer, RenderedAnswer):
        outcomes = iter([_NO_ANSWER] * scope.rows)
    elif isinstance(answer, TextAnswer):
        outcomes = map(_text_answer, scope.values(answer.text))
    elif isinstance(answer, ChoicesAnswer):
        choices = _distinct(tuple(answer.choices))
        outcomes = (_option_answer(choices, index) for index in scope.values(answer.index))
    else:
        outcomes = map(
            _option_answer, map(_options, scope.values(answer.options)), scope.values(answer.index)
        )
    answers: list[_AnswerParts] = []
    reasons: dict[int, str] = {}
    for i, outcome in enumerate(outcomes):
        if isinstance(outcome, str):
            reasons[i] = outcome
        answers.append(_NO_ANSWER if isinstance(outcome, str) else outcome)
    return answers, reasons


def _text_answer(text: Any) -> _AnswerParts | str:
    """A free-text answer; a text in its place says what is wrong with it."""
    if isinstance(text, str):
        return "empty answer" if says_nothing(text) else (text, (), None)
    if isinstance(text, ExpressionError):
        return _failure("answer.text", text)
    if is_null(text):
        return NULL_ANSWER
    return f"answer.text: {type(text).__name__} where text is needed{_as_text_advice(text)}"


def says_nothing(text: str) -> bool:
    """Whether a text has nothing that anybody sees: blanks, control characters, joiners."""
    seen = text.lstrip()
    return not seen or not (seen[0].isprintable() or any(map(str.isprintable, "".join(seen.split()))))


def _option_answer(options: tuple[str, ...] | str, index: Any) -> _AnswerParts | str:
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
    if is_null(index):
        return NULL_ANSWER
    if isinstance(index, float) and not index.is_integer():
        return "answer.index: a number that is not whole where a position is needed"
    return f"answer.index: {type(index).__name__} where a position is needed; write `| int`"


def _options(options: Any) -> tuple[str, ...] | str:
    """A row's own options; a text in their place says what is wrong with them."""
    if isinstance(options, ExpressionError):
        return _failure("answer.options", options)
    mismatch = _mismatch(options, "list")
    if mismatch:
        return f"answer.options: {mismatch}"
    if any(map(says_nothing, options)):
        return "empty option"
    return _distinct(tuple(options)) if len(options) > 1 else "fewer than two options"


def _distinct(options: tuple[str, ...]) -> tuple[str, ...] | str:
    return options if len(set(map(str.strip, options))) == len(options) else "an option twice"


def _scoring(answer: Answer, scope: _Scope) -> list[Scoring | str]:
    """What each row has for scoring; a text in its place says what is wrong with it."""
    if not isinstance(answer, TextAnswer):
        return [Scoring()] * scope.rows  # its options say it all
    lists = {
        name: [_texts(f"answer.{name}", value) for value in scope.values(text)]
        for name, text in (("also", answer.also), ("choices", answer.choices), ("labels", answer.labels))
        if text is not None
    }
    rows: list[Scoring | str] = []
    for i in range(scope.rows):
        values = {name: column[i] for name, column in lists.items()}
        wrong = next((value for value in values.values() if isinstance(value, str)), None)
        choices, labels = values.get("choices", ()), values.get("labels", values.get("choices", ()))
        if wrong is None and len(choices) != len(labels):
            wrong = f"answer.labels: {len(labels)} labels for {len(choices)} choices"
        # Published lists are padded with empty texts, and saying nothing is never right.
        also = tuple(text for text in values.get("also", ()) if text.strip())
        rows.append(
            Scoring(choices=tuple(choices), labels=tuple(labels), also=also) if wrong is None else wrong
        )
    return rows


def _texts(place: str, value: Any) -> tuple[str, ...] | str:
    """A list of texts; a text in its place says what is wrong with it."""
    if isinstance(value, ExpressionError):
        return _failure(place, value)
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        return f"{place}: {type(value).__name__} where a list of texts is needed"
    return tuple(value)
