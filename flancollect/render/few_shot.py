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


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotSelection:
    """Which exemplars each of many questions shows, in order.

    `places` counts in a list of exemplars, all questions one after the other; `counts` is how many each has.
    """

    places: Ints
    counts: Ints

    def positions(self) -> Ints:
        """For each of `places` its position in its own prompt, from 0."""
        starts = np.cumsum(self.counts) - self.counts
        return np.arange(len(self.places)) - np.repeat(starts, self.counts)

    def first(self, counts: Ints) -> ShotSelection:
        """The same with no more than so many exemplars each."""
        kept = self.positions() < np.repeat(counts, self.counts)
        return ShotSelection(places=self.places[kept], counts=np.minimum(counts, self.counts))


def few_shot_prompts(
    style: ShotStyle,
    exemplars: Sequence[Example],
    shown: ShotSelection,
    questions: Sequence[Example],
    max_input_bytes: int,
) -> tuple[pa.StringArray, Ints]:
    """For each question the prompt and how many exemplars it shows: as many of the first ones as fit.

    Where none fits, the prompt is empty and the number 0. Exemplars are numbered from 1 and the question
    after them, so dropping the last ones keeps the count right.
    """
    intros, opened = _intros(style, questions)
    while True:
        pieces, used = _written(style, exemplars, shown)
        queries = _texts(_queries(style, questions, shown.counts + 1))
        room = max_input_bytes - _sizes(queries) - np.append(_sizes(intros), 0)[opened]
        fitting = _fitting(shown, _sizes(pieces)[used], room)
        if (fitting == shown.counts).all() or not _is_numbered(style.query):
            return _gathered((intros, pieces, queries), opened, used, shown, fitting), fitting
        # A shorter prompt has another number before its question, which may be shorter or longer itself.
        shown = shown.first(np.maximum(fitting, shown.counts - 1))


def few_shot_prompt(
    style: ShotStyle, exemplars: Sequence[Example], question: Example, max_input_bytes: int
) -> tuple[str, int]:
    """`few_shot_prompts` for one question that shows all of these exemplars, if they fit."""
    shown = ShotSelection(places=np.arange(len(exemplars)), counts=np.array([len(exemplars)]))
    prompts, counts = few_shot_prompts(style, exemplars, shown, [question], max_input_bytes)
    return prompts[0].as_py(), int(counts[0])


def _written(
    style: ShotStyle, exemplars: Sequence[Example], shown: ShotSelection
) -> tuple[pa.StringArray, Ints]:
    """Every exemplar as the style writes it, and which of these texts each of `shown.places` is."""
    most = int(shown.counts.max(initial=1))
    numbers = shown.positions() if _is_numbered(style.exemplar) else np.zeros_like(shown.places)
    names = shown.places * most + numbers
    taken = np.zeros(len(exemplars) * most, dtype=bool)
    taken[names] = True
    distinct = np.flatnonzero(taken)
    used = (np.cumsum(taken) - 1)[names]
    chosen = [exemplars[place] for place in (distinct // most).tolist()]
    columns: dict[str, list[Any]] = {
        "input": [exemplar.input for exemplar in chosen],
        "target": [exemplar.target for exemplar in chosen],
        "number": (distinct % most + 1).tolist(),
    }
    return _texts(render_columns(style.exemplar, columns, len(chosen)), style.between), used


def _intros(style: ShotStyle, questions: Sequence[Example]) -> tuple[pa.StringArray, Ints]:
    """The openings of prompts, and which one each question has; -1 where its template has none."""
    places: dict[str, int] = {}
    opened = [places.setdefault(q.intro, len(places)) if q.intro else -1 for q in questions]
    columns: dict[str, list[Any]] = {"intro": list(places), "number": [0] * len(places)}
    written = render_columns(style.intro, columns, len(places))
    return _texts(written, style.between), np.array(opened, dtype=np.int64)


def _queries(style: ShotStyle, questions: Sequence[Example], numbers: Ints) -> list[str]:
    columns: dict[str, list[Any]] = {"input": [q.input for q in questions], "number": numbers.tolist()}
    return render_columns(style.query, columns, len(questions))


def _fitting(shown: ShotSelection, sizes: Ints, room: Ints) -> Ints:
    """How many of each question's first exemplars fit into its room, by their sizes."""
    upto = np.cumsum(sizes)
    before = np.repeat(np.concatenate([[0], upto])[np.cumsum(shown.counts) - shown.counts], shown.counts)
    fits = upto - before <= np.repeat(room, shown.counts)
    owners = np.repeat(np.arange(len(room)), shown.counts)
    return np.bincount(owners[fits], minlength=len(room))


def _gathered(
    texts: tuple[pa.StringArray, pa.StringArray, pa.StringArray],
    opened: Ints,
    used: Ints,
    shown: ShotSelection,
    counts: Ints,
) -> pa.StringArray:
    """Opening, exemplars and question of each prompt, side by side; nothing where it shows no exemplar."""
    intros, pieces, queries = texts
    asked = counts > 0
    has_intro = (asked & (opened >= 0)).astype(np.int64)
    ends = np.cumsum(np.where(asked, has_intro + counts + 1, 0))
    starts = np.concatenate([[0], ends[:-1]])
    order = np.empty(int(ends[-1]), dtype=np.int64)
    order[starts[has_intro > 0]] = opened[has_intro > 0]
    positions = shown.positions()
    kept = positions < np.repeat(counts, shown.counts)
    order[(np.repeat(starts + has_intro, shown.counts) + positions)[kept]] = used[kept] + len(intros)
    order[ends[asked] - 1] = np.flatnonzero(asked) + len(intros) + len(pieces)
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
