"""Exemplars and a question in one prompt, within a budget of bytes.

Prompts of one shot style are made together: every exemplar is written once per position that it takes (once
at all where the style shows no numbers), then gathered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from flancollect.cards.expression import compile_template
from flancollect.cards.models import ShotStyle
from flancollect.render.compile import render_columns
from flancollect.render.zero_shot import Example

Asked = tuple[Sequence[Example], Example]
"""The exemplars to show, in order, and the question."""


class _Piece(NamedTuple):
    """A part of a prompt and its length in UTF-8."""

    text: str
    size: int


def few_shot_prompts(style: ShotStyle, asked: Sequence[Asked], max_input_bytes: int) -> list[tuple[str, int]]:
    """For each question the prompt and how many exemplars it shows: as many of the first ones as fit.

    Where none fits, the prompt is empty and the number 0. Exemplars are numbered from 1 and the question
    after them, so dropping the last ones keeps the count right.
    """
    shown = _shown(style, asked)
    intros = _intros(style, {question.intro for _, question in asked if question.intro})
    queries = _queries(style, [(question, len(exemplars) + 1) for exemplars, question in asked])
    found = []
    for (_, question), pieces, query in zip(asked, shown, queries, strict=True):
        opening = intros.get(question.intro, [])
        room = max_input_bytes - sum(piece.size + _size(style.between) for piece in opening)
        count, last = _fitting(style, question, pieces, query, room)
        parts = [*opening, *pieces[:count], last]
        found.append((style.between.join([part.text for part in parts]) if count else "", count))
    return found


def few_shot_prompt(
    style: ShotStyle, exemplars: Sequence[Example], question: Example, max_input_bytes: int
) -> tuple[str, int]:
    """`few_shot_prompts` for one question."""
    return few_shot_prompts(style, [(exemplars, question)], max_input_bytes)[0]


def _fitting(
    style: ShotStyle, question: Example, pieces: Sequence[_Piece], query: _Piece, room: int
) -> tuple[int, _Piece]:
    """How many of the first exemplars fit into so many bytes, and the question as it stands after them."""
    gap = _size(style.between)
    size = sum(piece.size + gap for piece in pieces)
    count = len(pieces)
    while count and size + query.size > room:
        count -= 1
        size -= pieces[count].size + gap
        if _is_numbered(style.query):
            query = _queries(style, [(question, count + 1)])[0]
    return count, query


def _shown(style: ShotStyle, asked: Sequence[Asked]) -> list[list[_Piece]]:
    """The exemplars of every question as the style writes them, each different one written once."""
    numbered = _is_numbered(style.exemplar)
    places: dict[tuple[int, int], int] = {}
    distinct: list[tuple[Example, int]] = []
    wanted: list[list[int]] = []
    for exemplars, _ in asked:
        row = []
        for number, exemplar in enumerate(exemplars, 1):
            name = (id(exemplar), number if numbered else 0)
            place = places.setdefault(name, len(distinct))
            if place == len(distinct):
                distinct.append((exemplar, number))
            row.append(place)
        wanted.append(row)
    columns: dict[str, list[Any]] = {
        "input": [exemplar.input for exemplar, _ in distinct],
        "target": [exemplar.target for exemplar, _ in distinct],
        "number": [number for _, number in distinct],
    }
    pieces = _pieces(render_columns(style.exemplar, columns, len(distinct)))
    return [[pieces[place] for place in row] for row in wanted]


def _intros(style: ShotStyle, intros: Iterable[str]) -> dict[str, list[_Piece]]:
    """The opening of a prompt by the wording's own; an empty one opens nothing."""
    given = sorted(intros)
    texts = render_columns(style.intro, {"intro": given, "number": [0] * len(given)}, len(given))
    return {intro: [piece] for intro, piece in zip(given, _pieces(texts), strict=True)}


def _queries(style: ShotStyle, asked: Sequence[tuple[Example, int]]) -> list[_Piece]:
    columns: dict[str, list[Any]] = {
        "input": [question.input for question, _ in asked],
        "number": [number for _, number in asked],
    }
    return _pieces(render_columns(style.query, columns, len(asked)))


def _is_numbered(template: str) -> bool:
    return "number" in compile_template(template).variables


def _pieces(texts: Iterable[str]) -> list[_Piece]:
    return [_Piece(text, _size(text)) for text in texts]


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
