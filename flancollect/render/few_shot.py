"""Exemplars and a question in one prompt, within a budget of bytes."""

from __future__ import annotations

from collections.abc import Sequence

from flancollect.cards.models import ShotStyle
from flancollect.render.compile import render_columns
from flancollect.render.zero_shot import Example


def few_shot_prompt(
    style: ShotStyle, exemplars: Sequence[Example], question: Example, max_input_bytes: int
) -> tuple[str, int]:
    """The prompt and how many exemplars it shows: as many of the first ones as fit, 0 if none does.

    Exemplars are numbered from 1 and the question after them, so dropping the last ones keeps the count right.
    """
    shown = [
        render_columns(style.exemplar, {"input": [e.input], "target": [e.target], "number": [i + 1]}, 1)[0]
        for i, e in enumerate(exemplars)
    ]
    for count in range(len(shown), 0, -1):
        prompt = style.between.join(
            [*_intro(style, question), *shown[:count], _query(style, question, count + 1)]
        )
        if len(prompt.encode()) <= max_input_bytes:
            return prompt, count
    return "", 0


def _intro(style: ShotStyle, question: Example) -> list[str]:
    if not question.intro:
        return []
    return render_columns(style.intro, {"intro": [question.intro], "number": [0]}, 1)


def _query(style: ShotStyle, question: Example, number: int) -> str:
    return render_columns(style.query, {"input": [question.input], "number": [number]}, 1)[0]
