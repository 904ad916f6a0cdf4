"""Picked rows to finished prompts: every example rendered once, rows of one style together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from flancollect.cards.family import Family, Template
from flancollect.cards.mixture_card import Limits, Shots
from flancollect.cards.styles import Styles
from flancollect.errors import CardError
from flancollect.render.few_shot import ShotSelection, few_shot_prompts
from flancollect.render.limits import ExampleOrReason, fit
from flancollect.render.normalise import Row, count_dropped
from flancollect.render.picks import Pick
from flancollect.render.zero_shot import Example, NullCellError, TemplateColumns, join_zero_shot, render_each

NO_EXEMPLAR = "no exemplar: the pool has no other row"
NO_EXEMPLAR_FITS = "no exemplar fits max_input_bytes"
EMPTY_PROMPT = "the prompt comes out empty"
EMPTY_TARGET = "the target comes out empty"

MOST_STORED = 50_000  # examples of some hundred bytes each
MOST_STORED_CHARS = 64 * 1024 * 1024


class Prompt(NamedTuple):
    """One finished row: texts, the row and pick they came from, and the exemplars that it shows, each in a template.

    `cut_bytes` is how much its long field lost to `limits`.
    """

    row: Row
    pick: Pick
    inputs: str
    targets: str
    exemplars: tuple[Row, ...]
    exemplar_templates: tuple[Template, ...] = ()
    cut_bytes: int = 0


class Exemplar(NamedTuple):
    """A row that may be shown, the template it stands in, and its texts there."""

    row: Row
    template: Template
    example: Example


class ExampleStore:
    """Rendered examples of one family by row, template and styles: exemplars are rendered once, then reused.

    One store serves one pool of exemplars, in which row numbers are unique by their source. Past `MOST_STORED` entries
    or `MOST_STORED_CHARS` it starts again, so memory stays bounded; what is returned never depends on what was stored.
    `fallbacks` counts, by template, the rows that generated code left to reference Jinja.
    """

    def __init__(self, family: Family, styles: Styles) -> None:
        self.fallbacks = Counter[str]()
        self.family = family
        self.styles = styles
        self._stored: dict[tuple[object, ...], ExampleOrReason] = {}
        self._stored_chars = 0

    def examples(self, picked: Sequence[tuple[Row, Pick]]) -> list[ExampleOrReason]:
        """Render rows as their picks say, without storing them.

        Raises CardError where a template fails, unless it is what works out the answer: then some rows may
        be beyond it.
        """
        return self._render([(row, pick, pick.template) for row, pick in picked])

    def examples_and_exemplars(
        self, picked: Sequence[tuple[Row, Pick]]
    ) -> tuple[list[ExampleOrReason], list[list[Exemplar]]]:
        """`examples`, and each pick's exemplars that their templates can serve, rendered now or before."""
        if len(self._stored) > MOST_STORED or self._stored_chars > MOST_STORED_CHARS:
            self._stored.clear()
            self._stored_chars = 0
        # One key per exemplar of each pick. Picks of 5 shots from a pool of 512 soon repeat each other: what is
        # missing is rendered in one call with the questions, each row once, and the rest is looked up.
        keys = [
            [
                (pick.exemplar_source, row.id, template.id, pick.option_style, pick.dialog_style)
                for row, template in zip(pick.exemplars, pick.exemplar_templates, strict=True)
            ]
            for _, pick in picked
        ]
        missing = {
            key: (row, pick, template)
            for (_, pick), pick_keys in zip(picked, keys, strict=True)
            for row, template, key in zip(pick.exemplars, pick.exemplar_templates, pick_keys, strict=True)
            if key not in self._stored
        }
        questions = [(row, pick, pick.template) for row, pick in picked]
        examples = self._render([*questions, *missing.values()])
        for key, (row, _, _), example in zip(missing, missing.values(), examples[len(picked) :], strict=True):
            if isinstance(example, Example):
                self._stored[key] = (
                    example._replace(explanation=row.explanation) if row.explanation else example
                )
                self._stored_chars += len(example.input)
            else:
                self._stored[key] = example
        exemplars = [
            [
                Exemplar(row, template, example)
                for row, template, key in zip(pick.exemplars, pick.exemplar_templates, pick_keys, strict=True)
                if isinstance(example := self._stored[key], Example)
            ]
            for (_, pick), pick_keys in zip(picked, keys, strict=True)
        ]
        return examples[: len(picked)], exemplars

    def _render(self, picked: Sequence[tuple[Row, Pick, Template]]) -> list[ExampleOrReason]:
        """Rows in the styles of their picks, each in a template."""
        options, dialogs = self.styles.options, self.styles.dialogs
        columns = TemplateColumns(
            self.family,
            [row for row, _, _ in picked],
            [None if pick.option_style is None else options[pick.option_style] for _, pick, _ in picked],
            [None if pick.dialog_style is None else dialogs[pick.dialog_style] for _, pick, _ in picked],
        )
        examples = render_each(columns, [template for _, _, template in picked], self.fallbacks)
        return [
            _example_or_reason(row, example) for (row, _, _), example in zip(picked, examples, strict=True)
        ]


def _example_or_reason(row: Row, example: Example | CardError) -> ExampleOrReason:
    """The example, or why there is none; a row with an answer of its own has no excuse but a null that it holds."""
    if isinstance(example, CardError):
        if row.answer and not isinstance(example, NullCellError):
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
    shots: Shots,
    limits: Limits,
    dropped: Counter[str],
) -> list[Prompt]:
    """Render picked rows, in order.

    Dropped and counted are those without texts, those that the limits leave out, and few-shot ones without an exemplar.
    """
    questions, exemplars = store.examples_and_exemplars(picked)
    cut_bytes: Sequence[int] = [0] * len(questions)
    if limits.input_bytes is not None or limits.target_bytes is not None:
        fitted = fit(picked, questions, limits, store.family.long, store.examples)
        questions, cut_bytes = [row.question for row in fitted], [row.cut_bytes for row in fitted]
    most_bytes = min(shots.max_input_bytes, limits.input_bytes or shots.max_input_bytes)
    few_shot = {
        i: question
        for i, ((_, pick), question) in enumerate(zip(picked, questions, strict=True))
        if pick.shot_style is not None and isinstance(question, Example)
    }
    outcomes: dict[int, Prompt | str] = dict(_few_shot(few_shot, picked, exemplars, store.styles, most_bytes))
    prompts = []
    for i, ((row, pick), question) in enumerate(zip(picked, questions, strict=True)):
        outcome = outcomes.get(i, "")
        if i not in outcomes:
            outcome = (
                Prompt(
                    row=row,
                    pick=pick,
                    inputs=join_zero_shot(question),
                    targets=question.target,
                    exemplars=(),
                    cut_bytes=cut_bytes[i],
                )
                if isinstance(question, Example)
                else question
            )
        if isinstance(outcome, Prompt):
            prompts.append(outcome)
        else:
            count_dropped(dropped, outcome)
    return prompts


def _few_shot(
    questions: Mapping[int, Example],
    picked: Sequence[tuple[Row, Pick]],
    usable: Sequence[Sequence[Exemplar]],
    styles: Styles,
    max_input_bytes: int,
) -> Iterator[tuple[int, Prompt | str]]:
    """The prompts of these questions by position, or why there is none; those of one shot style are joined together."""
    by_style = sorted(questions, key=lambda i: picked[i][1].shot_style or "")
    for style, group in groupby(by_style, key=lambda i: picked[i][1].shot_style or ""):
        positions = list(group)
        shown, selection = _select_shots([usable[i] for i in positions])
        group_questions = [questions[i] for i in positions]
        inputs, counts = few_shot_prompts(
            styles.shots[style], shown, selection, group_questions, max_input_bytes
        )
        for i, text, count in zip(positions, inputs.to_pylist(), counts.tolist(), strict=True):
            if not usable[i]:
                yield i, NO_EXEMPLAR
            elif not count:
                yield i, NO_EXEMPLAR_FITS
            else:
                row, pick = picked[i]
                exemplars, templates = pick.exemplars[:count], pick.exemplar_templates[:count]
                if len(usable[i]) < len(pick.exemplars):  # some have no text: those shown are not the first
                    exemplars = tuple([exemplar.row for exemplar in usable[i][:count]])
                    templates = tuple([exemplar.template for exemplar in usable[i][:count]])
                prompt = Prompt(
                    row=row,
                    pick=pick,
                    inputs=text,
                    targets=questions[i].target,
                    exemplars=exemplars,
                    exemplar_templates=templates,
                )
                yield i, prompt


def _select_shots(
    usable: Sequence[Sequence[Exemplar]],
) -> tuple[list[Example], ShotSelection]:
    """All exemplars of some questions, each once, and which of them each question shows."""
    # Examples come out of the store, so equal ones are one object: identity tells them apart without comparing texts.
    numbers: dict[int, tuple[int, Example]] = {}
    exemplars = [
        numbers.setdefault(id(exemplar.example), (len(numbers), exemplar.example))[0]
        for shots in usable
        for exemplar in shots
    ]
    selection = ShotSelection(
        exemplars=np.array(exemplars, dtype=np.int64),
        counts=np.array([len(shots) for shots in usable], dtype=np.int64),
    )
    return [example for _, example in numbers.values()], selection
