"""Picked rows to finished prompts: every example rendered once, rows that are alike together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from flancollect.cards.family import Family
from flancollect.cards.styles import Styles
from flancollect.errors import CardError
from flancollect.render.few_shot import ShotSelection, few_shot_prompts
from flancollect.render.normalise import Row, count_dropped
from flancollect.render.picks import Pick
from flancollect.render.zero_shot import Example, Seen, join_zero_shot, render_each

NO_EXEMPLAR = "no exemplar: the pool has no other row"
NO_EXEMPLAR_FITS = "no exemplar fits max_input_bytes"
EMPTY_PROMPT = "the prompt comes out empty"
EMPTY_TARGET = "the target comes out empty"

Rendered = Example | str
"""A row's texts, or why the template cannot be used for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One finished row: texts, the row and pick they came from, and the exemplars that were shown."""

    row: Row
    pick: Pick
    inputs: str
    targets: str
    shown: tuple[Row, ...]


class ExampleStore:
    """Rendered examples of one family by row, template and styles: exemplars are rendered once, then reused.

    One store serves one pool of exemplars, in which row numbers are unique. Past `most` entries it starts
    again, so memory stays bounded; what is returned never depends on what was stored. `fallbacks` counts, by
    template, the rows that generated code left to reference Jinja.
    """

    def __init__(
        self,
        family: Family,
        styles: Styles,
        fallbacks: Counter[str] | None = None,
        most: int = 50_000,
    ) -> None:
        self._fallbacks = Counter() if fallbacks is None else fallbacks
        self._family = family
        self._styles = styles
        self._most = most
        self._stored: dict[tuple[object, ...], Rendered] = {}

    def examples(self, picked: Sequence[tuple[Row, Pick]]) -> list[Rendered]:
        """Render rows as their picks say, without storing them.

        Raises CardError where a template fails, unless it is what works out the answer: then some rows may
        be beyond it.
        """
        options, dialogs = self._styles.options, self._styles.dialogs
        seen = Seen(
            self._family,
            [row for row, _ in picked],
            [None if pick.option_style is None else options[pick.option_style] for _, pick in picked],
            [None if pick.dialog_style is None else dialogs[pick.dialog_style] for _, pick in picked],
        )
        found = render_each(seen, [pick.template for _, pick in picked], self._fallbacks)
        return [_usable(row, example) for (row, _), example in zip(picked, found, strict=True)]

    def exemplars(self, picked: Sequence[tuple[Row, Pick]]) -> list[list[tuple[Row, Example]]]:
        """Each pick's exemplars that its template can serve, rendered now or before."""
        if len(self._stored) > self._most:
            self._stored.clear()
        names = [[_name(row, pick) for row in pick.exemplars] for _, pick in picked]
        missing = {
            name: (row, pick)
            for (_, pick), own in zip(picked, names, strict=True)
            for row, name in zip(pick.exemplars, own, strict=True)
            if name not in self._stored
        }
        self._stored.update(zip(missing, self.examples(list(missing.values())), strict=True))
        return [
            [
                (row, example)
                for row, name in zip(pick.exemplars, own, strict=True)
                if isinstance(example := self._stored[name], Example)
            ]
            for (_, pick), own in zip(picked, names, strict=True)
        ]


def _name(row: Row, pick: Pick) -> tuple[object, ...]:
    return row.id, pick.template.id, pick.option_style, pick.dialog_style


def _usable(row: Row, example: Example | CardError) -> Rendered:
    """The example, or why there is none; a row with an answer of its own has no excuse."""
    if isinstance(example, CardError):
        if row.answer:
            raise example
        return example.problems[0].what[:200]
    if row.answer:
        return example
    if not join_zero_shot(example).strip():
        return EMPTY_PROMPT
    return example if example.target.strip() else EMPTY_TARGET


def render_prompts(
    picked: Sequence[tuple[Row, Pick]],
    store: ExampleStore,
    styles: Styles,
    max_input_bytes: int,
    dropped: Counter[str],
) -> list[Prompt]:
    """Render picked rows, in order; those without texts, or few-shot without an exemplar, are dropped and counted."""
    questions = store.examples(picked)
    few_shot = {
        i: question
        for i, ((_, pick), question) in enumerate(zip(picked, questions, strict=True))
        if pick.shot_style is not None and isinstance(question, Example)
    }
    prompts = dict(_few_shot(few_shot, picked, store, styles, max_input_bytes))
    finished = []
    for i, ((row, pick), question) in enumerate(zip(picked, questions, strict=True)):
        prompt = prompts[i] if i in prompts else _zero_shot(row, pick, question)
        if isinstance(prompt, Prompt):
            finished.append(prompt)
        else:
            count_dropped(dropped, prompt)
    return finished


def _zero_shot(row: Row, pick: Pick, question: Rendered) -> Prompt | str:
    if not isinstance(question, Example):
        return question
    return Prompt(row=row, pick=pick, inputs=join_zero_shot(question), targets=question.target, shown=())


def _few_shot(
    questions: Mapping[int, Example],
    picked: Sequence[tuple[Row, Pick]],
    store: ExampleStore,
    styles: Styles,
    max_input_bytes: int,
) -> Iterator[tuple[int, Prompt | str]]:
    """The prompts of the rows at these places, those of one shot style together."""
    usable = dict(zip(questions, store.exemplars([picked[i] for i in questions]), strict=True))
    by_style = sorted(questions, key=lambda i: picked[i][1].shot_style or "")
    for style, group in groupby(by_style, key=lambda i: picked[i][1].shot_style or ""):
        places = list(group)
        exemplars, shown = _shown([usable[i] for i in places])
        asked = [questions[i] for i in places]
        inputs, counts = few_shot_prompts(styles.shots[style], exemplars, shown, asked, max_input_bytes)
        for i, text, count in zip(places, inputs.to_pylist(), counts.tolist(), strict=True):
            yield i, _prompt(*picked[i], questions[i], text, tuple(row for row, _ in usable[i]), count)


def _shown(usable: Sequence[Sequence[tuple[Row, Example]]]) -> tuple[list[Example], ShotSelection]:
    """All exemplars of some questions, each once, and which of them each question shows."""
    found: dict[int, tuple[int, Example]] = {}
    places = [found.setdefault(id(example), (len(found), example))[0] for own in usable for _, example in own]
    counts = [len(own) for own in usable]
    shown = ShotSelection(places=np.array(places, dtype=np.int64), counts=np.array(counts, dtype=np.int64))
    return [example for _, example in found.values()], shown


def _prompt(
    row: Row, pick: Pick, question: Example, inputs: str, usable: tuple[Row, ...], count: int
) -> Prompt | str:
    if not usable:
        return NO_EXEMPLAR
    if not count:
        return NO_EXEMPLAR_FITS
    return Prompt(row=row, pick=pick, inputs=inputs, targets=question.target, shown=usable[:count])
