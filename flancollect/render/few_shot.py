"""Exemplars and a question in one prompt, within a budget of bytes: whole columns of prompts at once.

Every exemplar is written once per position that it takes (once at all where the style shows no numbers). The
pieces, each with the gap after it, are then gathered in Arrow: laid side by side they are the prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flancollect.cards.style_card import ShotStyle
from flancollect.draw import Ints
from flancollect.jinja.evaluate import render_columns
from flancollect.jinja.expression import compile_template
from flancollect.render.zero_shot import Example

FEW_EXEMPLARS = 256
"""Up to so many, prompts are put together in Python: a small task's rows of one shot style are some ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotSelection:
    """Which exemplars each of many questions shows, in order.

    `exemplars` holds numbers in a list of exemplars, those of all questions one after the other; `counts` is how many
    each question has.
    """

    # Two questions, the first with exemplars 4 and 7, the second with 4 alone:
    #   exemplars [4, 7, 4], counts [2, 1], positions() [0, 1, 0]
    exemplars: Ints
    counts: Ints

    def positions(self) -> Ints:
        """For each of `exemplars` its position in its own prompt, from 0."""
        starts = np.cumsum(self.counts) - self.counts
        return np.arange(len(self.exemplars)) - np.repeat(starts, self.counts)

    def first(self, counts: Ints) -> ShotSelection:
        """The same with no more than so many exemplars each."""
        fits = self.positions() < np.repeat(counts, self.counts)
        return ShotSelection(exemplars=self.exemplars[fits], counts=np.minimum(counts, self.counts))


def few_shot_prompts(
    style: ShotStyle,
    exemplars: Sequence[Example],
    selection: ShotSelection,
    questions: Sequence[Example],
    max_input_bytes: int,
) -> tuple[list[str], list[int]]:
    """For each question the prompt and how many exemplars it shows: as many of the first ones as fit.

    Where none fits, the prompt is empty and the number 0. Exemplars are numbered from 1 and the question
    after them, so dropping the last ones keeps the count right.
    """
    if len(selection.exemplars) <= FEW_EXEMPLARS:
        return _one_by_one(style, exemplars, selection, questions, max_input_bytes)
    intros, intro_of = _intros(style, questions)
    while True:
        pieces, piece_of = _pieces(style, exemplars, selection)
        queries = _texts(_write_queries(style, questions, selection.counts.tolist()))
        # A question without an intro has -1, which picks the 0 appended to the sizes.
        room = max_input_bytes - _sizes(queries) - np.append(_sizes(intros), 0)[intro_of]
        fitting = _fitting(selection, _sizes(pieces)[piece_of], room)
        if (fitting == selection.counts).all() or not _is_numbered(style.query):
            prompts = _gather((intros, pieces, queries), intro_of, piece_of, selection, fitting)
            return prompts.to_pylist(), fitting.tolist()
        # A shorter prompt has another number before its question, which may be shorter or longer itself: so
        # no more than one exemplar is given up at a time.
        selection = selection.first(np.maximum(fitting, selection.counts - 1))


def _one_by_one(
    style: ShotStyle,
    exemplars: Sequence[Example],
    selection: ShotSelection,
    questions: Sequence[Example],
    max_input_bytes: int,
) -> tuple[list[str], list[int]]:
    """The same prompts without Arrow, for so few that its thirty calls would take longer than the prompts."""
    ends = np.cumsum(selection.counts).tolist()
    numbers = selection.exemplars.tolist()
    shown = [numbers[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    numbered = _is_numbered(style.exemplar)
    # A piece is an exemplar at a position; without numbers it reads alike at every one.
    keys = list(dict.fromkeys((n, i if numbered else 0) for each in shown for i, n in enumerate(each)))
    written = _write_exemplars(style, [exemplars[n] for n, _ in keys], [i + 1 for _, i in keys])
    pieces = {
        key: (text + style.between, _size(text + style.between))
        for key, text in zip(keys, written, strict=True)
    }
    openings = list(dict.fromkeys(question.intro for question in questions if question.intro))
    intros = {"": ("", 0)}
    for opening, text in zip(openings, _write_intros(style, openings), strict=True):
        intros[opening] = (text + style.between, _size(text + style.between))
    while True:
        queries = _write_queries(style, questions, list(map(len, shown)))
        prompts, counts = [], []
        for question, each, query in zip(questions, shown, queries, strict=True):
            intro, intro_size = intros[question.intro]
            parts, room = [intro], max_input_bytes - _size(query) - intro_size
            for i, n in enumerate(each):
                piece, size = pieces[n, i if numbered else 0]
                room -= size
                if room < 0:
                    break
                parts.append(piece)
            counts.append(len(parts) - 1)
            prompts.append("".join([*parts, query]) if counts[-1] else "")
        if counts == list(map(len, shown)) or not _is_numbered(style.query):
            return prompts, counts
        shown = [each[: max(count, len(each) - 1)] for each, count in zip(shown, counts, strict=True)]


def _write_exemplars(style: ShotStyle, exemplars: Sequence[Example], numbers: Sequence[int]) -> list[str]:
    columns: dict[str, list[Any]] = {
        "input": [exemplar.input for exemplar in exemplars],
        "target": [exemplar.target for exemplar in exemplars],
        "explanation": [exemplar.explanation for exemplar in exemplars],
        "number": list(numbers),
    }
    return render_columns(style.exemplar, columns, len(exemplars))


def _write_intros(style: ShotStyle, openings: list[str]) -> list[str]:
    return render_columns(style.intro, {"intro": openings, "number": [0] * len(openings)}, len(openings))


def _write_queries(style: ShotStyle, questions: Sequence[Example], counts: Sequence[int]) -> list[str]:
    """Each question after so many exemplars."""
    inputs, numbers = [question.input for question in questions], [count + 1 for count in counts]
    return render_columns(style.query, {"input": inputs, "number": numbers}, len(questions))


def _size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _pieces(
    style: ShotStyle, exemplars: Sequence[Example], selection: ShotSelection
) -> tuple[pa.StringArray, Ints]:
    """Every exemplar as the style writes it, and which of these texts each of `selection.exemplars` is."""
    # Exemplar 4 second and exemplar 7 first, at most 2 shots: keys 4 * 2 + 1 = 9 and 7 * 2 + 0 = 14. Of keys
    # [9, 14, 9] the distinct ones are [9, 14], written once each, and piece_of is [0, 1, 0].
    most = int(selection.counts.max(initial=1))
    positions = selection.positions() if _is_numbered(style.exemplar) else np.zeros_like(selection.exemplars)
    keys = selection.exemplars * most + positions
    used = np.zeros(len(exemplars) * most, dtype=bool)
    used[keys] = True
    distinct = np.flatnonzero(used)
    piece_of = (np.cumsum(used) - 1)[keys]
    written = [exemplars[number] for number in (distinct // most).tolist()]
    texts = _write_exemplars(style, written, (distinct % most + 1).tolist())
    return _texts(texts, style.between), piece_of


def _intros(style: ShotStyle, questions: Sequence[Example]) -> tuple[pa.StringArray, Ints]:
    """The openings of prompts, and which one each question has; -1 where its template has none."""
    numbers: dict[str, int] = {}
    intro_of = [numbers.setdefault(q.intro, len(numbers)) if q.intro else -1 for q in questions]
    return _texts(_write_intros(style, list(numbers)), style.between), np.array(intro_of, dtype=np.int64)


def _fitting(selection: ShotSelection, sizes: Ints, room: Ints) -> Ints:
    """How many of each question's first exemplars fit into its room, by their sizes."""
    # Two questions with exemplars of 30, 50 and 20, 20, 20 bytes and room for 60 and 45:
    #   running sums over all      [30, 80, 100, 120, 140]
    #   less those before its own  [30, 80,  20,  40,  60]
    #   within its question's room [ y,  n,   y,   y,   n]  -> 1 and 2
    sums = np.cumsum(sizes)
    firsts = np.cumsum(selection.counts) - selection.counts
    before = np.repeat(np.concatenate([[0], sums])[firsts], selection.counts)
    fits = sums - before <= np.repeat(room, selection.counts)
    owners = np.repeat(np.arange(len(room)), selection.counts)
    return np.bincount(owners[fits], minlength=len(room))


def _gather(
    texts: tuple[pa.StringArray, pa.StringArray, pa.StringArray],
    intro_of: Ints,
    piece_of: Ints,
    selection: ShotSelection,
    counts: Ints,
) -> pa.StringArray:
    """Opening, exemplars and question of each prompt, side by side; nothing where it shows no exemplar."""
    # Two prompts: the first with an opening and two exemplars, the second with one exemplar and no opening. Of
    # all texts (opening 0, exemplars 1 and 2, questions 3 and 4) the order is
    #   [0, 1, 2, 3,   1, 4]   with ends [4, 6]: bytes of texts 0..3 are the first prompt, of 4..5 the second.
    # `take` lays the bytes end to end, so the prompts need no further copy: only every end is an offset of theirs.
    intros, pieces, queries = texts
    has_shots = counts > 0
    has_intro = (has_shots & (intro_of >= 0)).astype(np.int64)
    ends = np.cumsum(np.where(has_shots, has_intro + counts + 1, 0))
    starts = np.concatenate([[0], ends[:-1]])
    order = np.empty(int(ends[-1]), dtype=np.int64)
    order[starts[has_intro > 0]] = intro_of[has_intro > 0]
    positions = selection.positions()
    fits = positions < np.repeat(counts, selection.counts)
    order[(np.repeat(starts + has_intro, selection.counts) + positions)[fits]] = piece_of[fits] + len(intros)
    order[ends[has_shots] - 1] = np.flatnonzero(has_shots) + len(intros) + len(pieces)
    parts = pa.concat_arrays([intros, pieces, queries]).take(pa.array(order))
    _, offsets, data = parts.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[np.concatenate([[0], ends])]
    return pa.StringArray.from_buffers(len(counts), pa.py_buffer(bounds), data)


def _texts(texts: Sequence[str], gap: str = "") -> pa.StringArray:
    return pa.array([text + gap for text in texts] if gap else texts, pa.string())


def _sizes(texts: pa.StringArray) -> Ints:
    """Lengths in UTF-8."""
    sizes: Ints = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
    return sizes


def _is_numbered(template: str) -> bool:
    return "number" in compile_template(template).variables
