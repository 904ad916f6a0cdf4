"""Picked rows to the table that a job writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa

from flancollect.cards.family import FamilySpec
from flancollect.cards.styles import StyleSet
from flancollect.draw import draw
from flancollect.errors import CardError
from flancollect.normalise import Row, count_dropped
from flancollect.render.few_shot import few_shot_prompt
from flancollect.render.picks import Names, Pick
from flancollect.render.zero_shot import Example, join_zero_shot, render_examples
from flancollect.schemas import RENDERED

TASK_SOURCES = {
    "flan2021": "Flan2021",
    "t0": "P3",
    "niv2": "NIv2",
    "cot": "CoT",
    "dialog": "Dialog",
    "program": "ProgramSynthesis",
}
"""`task_source` of the published submixes by our submix; any other submix goes by its own name."""

NO_EXEMPLAR = "no exemplar: the pool has no other row"
NO_EXEMPLAR_FITS = "no exemplar fits max_input_bytes"
EMPTY_PROMPT = "the prompt comes out empty"
EMPTY_TARGET = "the target comes out empty"

Rendered = Example | str
"""A row's texts, or why the wording cannot be used for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One finished row: texts, the row and pick they came from, and the exemplars that were shown."""

    row: Row
    pick: Pick
    inputs: str
    targets: str
    shown: tuple[Row, ...]


class ExampleStore:
    """Rendered examples of one family by row, wording and styles: exemplars are rendered once, then reused.

    One store serves one pool of exemplars, in which row numbers are unique. At `most` entries it starts
    again, so memory stays bounded; what is returned never depends on what was stored.
    """

    def __init__(self, family: FamilySpec, styles: StyleSet, most: int = 50_000) -> None:
        self._family = family
        self._styles = styles
        self._most = most
        self._stored: dict[tuple[object, ...], Rendered] = {}

    def examples(self, rows: Sequence[Row], pick: Pick) -> list[Rendered]:
        """Render rows as the pick says, without storing them.

        Raises CardError where a wording fails, unless it is what works out the answer: then some rows may
        be beyond it.
        """
        try:
            examples = self._examples(rows, pick)
        except CardError as error:
            if any(row.answer for row in rows):
                raise
            if len(rows) == 1:
                return [error.problems[0].what[:200]]
            return [example for row in rows for example in self.examples([row], pick)]
        return [
            example if row.answer else _unless_empty(example)
            for row, example in zip(rows, examples, strict=True)
        ]

    def _examples(self, rows: Sequence[Row], pick: Pick) -> list[Example]:
        option = None if pick.option_style is None else self._styles.options[pick.option_style]
        dialog = None if pick.dialog_style is None else self._styles.dialogs[pick.dialog_style]
        return render_examples(rows, pick.wording, self._family, option, dialog)

    def exemplar(self, row: Row, pick: Pick) -> Rendered:
        """Render one exemplar as the pick says, or give what was rendered before."""
        name = (row.id, pick.wording.id, pick.option_style, pick.dialog_style)
        if name not in self._stored:
            if len(self._stored) >= self._most:
                self._stored.clear()
            self._stored[name] = self.examples([row], pick)[0]
        return self._stored[name]


def _unless_empty(example: Example) -> Rendered:
    if not join_zero_shot(example).strip():
        return EMPTY_PROMPT
    return example if example.target.strip() else EMPTY_TARGET


def render_prompts(
    picked: Sequence[tuple[Row, Pick]],
    store: ExampleStore,
    styles: StyleSet,
    max_input_bytes: int,
    dropped: Counter[str],
) -> list[Prompt]:
    """Render picked rows, in order; those without texts, or few-shot without an exemplar, are dropped and counted."""
    examples: dict[int, Rendered] = {}
    alike = sorted(range(len(picked)), key=lambda i: _alike(picked[i][1]))
    for _, group in groupby(alike, key=lambda i: _alike(picked[i][1])):
        places = list(group)
        rendered = store.examples([picked[i][0] for i in places], picked[places[0]][1])
        examples.update(zip(places, rendered, strict=True))
    prompts = (
        _prompt(row, pick, examples[i], store, styles, max_input_bytes)
        for i, (row, pick) in enumerate(picked)
    )
    finished = []
    for prompt in prompts:
        if isinstance(prompt, Prompt):
            finished.append(prompt)
        else:
            count_dropped(dropped, prompt)
    return finished


def _alike(pick: Pick) -> tuple[str, str, str]:
    """Rows alike in this are rendered in one call."""
    return pick.wording.id, pick.option_style or "", pick.dialog_style or ""


def _prompt(
    row: Row, pick: Pick, question: Rendered, store: ExampleStore, styles: StyleSet, max_input_bytes: int
) -> Prompt | str:
    if not isinstance(question, Example):
        return question
    if pick.shot_style is None:
        return Prompt(row=row, pick=pick, inputs=join_zero_shot(question), targets=question.target, shown=())
    usable = [
        (exemplar, example)
        for exemplar in pick.exemplars
        if isinstance(example := store.exemplar(exemplar, pick), Example)
    ]
    if not usable:
        return NO_EXEMPLAR
    rows, examples = zip(*usable, strict=True)
    inputs, count = few_shot_prompt(styles.shots[pick.shot_style], examples, question, max_input_bytes)
    if not count:
        return NO_EXEMPLAR_FITS
    return Prompt(row=row, pick=pick, inputs=inputs, targets=question.target, shown=rows[:count])


def to_batch(
    prompts: Iterable[Prompt], names: Names, submix: str, split: str, exemplar_source: str
) -> pa.RecordBatch:
    """The rows of schema RENDERED. `exemplar_source` says what exemplar numbers count: "pool" or "card"."""
    key = names.key("order")
    return pa.RecordBatch.from_pylist(
        [
            {
                "order": draw(key, prompt.row.id),
                "inputs": prompt.inputs,
                "targets": prompt.targets,
                "task_source": TASK_SOURCES.get(submix, submix),
                "task_name": names.task,
                "template_type": names.variant.name,
                "template_id": prompt.pick.wording.id,
                "provenance": dict(_provenance(prompt, names, split, exemplar_source)),
            }
            for prompt in prompts
        ],
        schema=RENDERED,
    )


def _provenance(
    prompt: Prompt, names: Names, split: str, exemplar_source: str
) -> Iterator[tuple[str, object]]:
    shows_options = prompt.pick.option_style is not None
    yield "split", split
    yield "source_row", prompt.row.id
    yield "repeat", names.repeat
    yield "option_style", prompt.pick.option_style
    yield "shot_style", prompt.pick.shot_style
    yield "dialog_style", prompt.pick.dialog_style
    yield "exemplar_source", exemplar_source if prompt.shown else None
    yield "exemplars", [row.id for row in prompt.shown]
    yield "options", list(prompt.row.options) if shows_options else []
    yield "answer", prompt.row.answer or prompt.targets
