"""One row in one wording: its opening, its question and its target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flancollect.cards.expression import ExpressionError
from flancollect.cards.family import FamilySpec, Wording
from flancollect.cards.models import DialogStyle, OptionStyle
from flancollect.errors import CardError, Problem
from flancollect.normalise import Row
from flancollect.render.compile import render_columns
from flancollect.render.options import answer_text, options_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
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
    columns = _columns(rows, family, option_style, dialog_style)
    parts = (wording.intro or "", wording.input, wording.target)
    try:
        texts = [render_columns(part, columns, len(rows)) for part in parts]
    except ExpressionError as error:
        what = f"{wording.direction}.{wording.name}: {error}"
        raise CardError([Problem(wording.file, wording.line, what)]) from error
    return [Example(intro=i, input=q, target=t) for i, q, t in zip(*texts, strict=True)]


def join_zero_shot(example: Example) -> str:
    """A zero-shot prompt: the opening, a blank line, the question."""
    return f"{example.intro}\n\n{example.input}" if example.intro else example.input


def turns_text(style: DialogStyle, turns: Sequence[str]) -> str:
    """Turns written out; speakers alternate from the first."""
    speakers = [style.speakers[i % len(style.speakers)] for i in range(len(turns))]
    return style.between.join(render_columns(style.turn, {"speaker": speakers, "text": turns}, len(turns)))


def _columns(
    rows: Sequence[Row],
    family: FamilySpec,
    option_style: OptionStyle | None,
    dialog_style: DialogStyle | None,
) -> Mapping[str, Sequence[Any]]:
    columns: dict[str, Sequence[Any]] = {}
    for name, kind in family.needs.items():
        values = [row.fields[name] for row in rows]
        if kind == "turns" and dialog_style is not None:
            values = [turns_text(dialog_style, turns) for turns in values]
        columns[name] = values
    columns["choices"] = [list(row.options) for row in rows]
    columns["answer"] = [answer_text(option_style, row.answer, row.index) for row in rows]
    shown = (options_text(option_style, row.options) if option_style is not None else "" for row in rows)
    columns["options"] = list(shown)
    return columns
