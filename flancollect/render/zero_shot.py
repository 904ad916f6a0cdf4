"""One row in one wording: its opening, its question and its target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from flancollect.cards.expression import ExpressionError, compile_template
from flancollect.cards.family import FamilySpec, Wording
from flancollect.cards.style_card import DialogStyle, OptionStyle
from flancollect.errors import CardError, Problem
from flancollect.normalise import Row
from flancollect.render.compile import render_columns, render_rows
from flancollect.render.options import answer_text, options_texts


class Example(NamedTuple):
    """A row's texts. `intro` is empty where the wording has none."""

    intro: str
    input: str
    target: str


def render_examples(
    rows: Sequence[Row],
    wording: Wording,
    family: FamilySpec,
    option_style: OptionStyle | None,
    dialog_style: DialogStyle | None,
) -> list[Example]:
    """Render rows in one wording and one choice of styles, in order.

    Without an option style no options are listed. Raises CardError, at the wording's line, when the template
    fails on a row or exceeds its bounds.
    """
    found = render_each(rows, wording, family, option_style, dialog_style, Counter())
    examples = [example for example in found if isinstance(example, Example)]
    if len(examples) < len(found):
        raise next(error for error in found if isinstance(error, CardError))
    return examples


def render_each(
    rows: Sequence[Row],
    wording: Wording,
    family: FamilySpec,
    option_style: OptionStyle | None,
    dialog_style: DialogStyle | None,
    fallbacks: Counter[str],
) -> list[Example | CardError]:
    """`render_examples` with each failing row's error in its place.

    Rows that generated code left to reference Jinja are counted in `fallbacks` by wording.
    """
    parts = (wording.intro or "", wording.input, wording.target)
    used = frozenset().union(*(compile_template(part).variables for part in parts))
    makers = _columns(rows, family, option_style, dialog_style)
    columns = {name: make() for name, make in makers.items() if name in used}
    outcomes = [render_rows(part, columns, len(rows)) for part in parts]
    left = set().union(*(outcome.left for outcome in outcomes))
    if left:
        fallbacks[wording.id] += len(left)
    return [_example(texts, wording) for texts in zip(*(outcome.rows for outcome in outcomes), strict=True)]


def _example(texts: Sequence[str | ExpressionError], wording: Wording) -> Example | CardError:
    intro, question, target = texts
    if isinstance(intro, str) and isinstance(question, str) and isinstance(target, str):
        return Example(intro, question, target)
    error = next(text for text in texts if isinstance(text, ExpressionError))
    what = f"{wording.direction}.{wording.name}: {error}"
    return CardError([Problem(wording.file, wording.line, what)])


def join_zero_shot(example: Example) -> str:
    """A zero-shot prompt: the opening, a blank line, the question."""
    return f"{example.intro}\n\n{example.input}" if example.intro else example.input


def turns_texts(style: DialogStyle, dialogs: Sequence[Sequence[str]]) -> list[str]:
    """Dialogs written out; in each, speakers alternate from the first."""
    flat = [turn for turns in dialogs for turn in turns]
    speakers = [style.speakers[i % len(style.speakers)] for turns in dialogs for i in range(len(turns))]
    written = iter(render_columns(style.turn, {"speaker": speakers, "text": flat}, len(flat)))
    return [style.between.join(islice(written, len(turns))) for turns in dialogs]


def _columns(
    rows: Sequence[Row],
    family: FamilySpec,
    option_style: OptionStyle | None,
    dialog_style: DialogStyle | None,
) -> dict[str, Callable[[], list[Any]]]:
    """By name, what makes the column that a template sees."""

    def field(name: str) -> list[Any]:
        values = [row.fields[name] for row in rows]
        if family.needs[name] == "turns" and dialog_style is not None:
            return turns_texts(dialog_style, values)
        return values

    return {
        **{name: partial(field, name) for name in family.needs},
        "choices": lambda: _once_per_list(rows, lambda lists: [list(options) for options in lists]),
        "answer": lambda: [answer_text(option_style, row.answer, row.index) for row in rows],
        "options": lambda: _once_per_list(
            rows, lambda lists: options_texts(option_style, lists) if option_style else [""] * len(lists)
        ),
    }


def _once_per_list(rows: Sequence[Row], make: Callable[[list[tuple[str, ...]]], Sequence[Any]]) -> list[Any]:
    """What is made of each row's options, made once for rows with the same ones."""
    lists = list(dict.fromkeys(row.options for row in rows))
    made = dict(zip(lists, make(lists), strict=True))
    return [made[row.options] for row in rows]
