"""Picked rows to finished prompts: every example rendered once, rows of one style together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, groupby
from typing import NamedTuple, TypeAlias

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


_Shelf: TypeAlias = dict[int, ExampleOrReason]
"""The examples of one source of exemplars in one template and choice of styles, by row number."""


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
        self._shelves: dict[tuple[str | None, ...], _Shelf] = {}
        self._stored = self._stored_chars = 0

    def examples(self, picked: Sequence[tuple[Row, Pick]]) -> list[ExampleOrReason]:
        """Render rows as their picks say, without storing them.

        Raises CardError where a template fails, unless it is what works out the answer: then some rows may
        be beyond it.
        """
        return self._render([(row, pick, pick.template) for row, pick in picked])

    def examples_and_exemplars(
        self, picked: Sequence[tuple[Row, Pick]]
    ) -> tuple[list[ExampleOrReason], list[list[ExampleOrReason]]]:
        """`examples`, and the example of each of a pick's exemplars, rendered now or before."""
        if self._stored > MOST_STORED or self._stored_chars > MOST_STORED_CHARS:
            self._shelves.clear()
            self._stored = self._stored_chars = 0
        # Picks of 5 shots from a pool of 512 soon repeat each other: what is missing is rendered in one call with the
        # questions, each row once, and the rest is looked up.
        shelves = [self._shelves_of(pick) for _, pick in picked]
        missing: dict[tuple[int, int], tuple[_Shelf, Row, Pick, Template]] = {}
        for (_, pick), pick_shelves in zip(picked, shelves, strict=True):
            for row, template, shelf in zip(
                pick.exemplars, pick.exemplar_templates, pick_shelves, strict=True
            ):
                if row.id not in shelf:
                    missing.setdefault((id(shelf), row.id), (shelf, row, pick, template))
        questions = [(row, pick, pick.template) for row, pick in picked]
        examples = self._render([*questions, *(entry[1:] for entry in missing.values())])
        for (shelf, row, _, _), example in zip(missing.values(), examples[len(picked) :], strict=True):
            if isinstance(example, Example) and row.explanation:
                shelf[row.id] = example._replace(explanation=row.explanation)
            else:
                shelf[row.id] = example
            self._stored_chars += len(example.input) if isinstance(example, Example) else len(example)
        self._stored += len(missing)
        exemplars = [
            [shelf[row.id] for row, shelf in zip(pick.exemplars, pick_shelves, strict=True)]
            for (_, pick), pick_shelves in zip(picked, shelves, strict=True)
        ]
        return examples[: len(picked)], exemplars

    def _shelves_of(self, pick: Pick) -> Sequence[_Shelf]:
        """Where the example of each of a pick's exemplars is stored."""
        templates = pick.exemplar_templates
        names = (pick.exemplar_source, pick.option_style, pick.dialog_style)
        if not templates:
            return ()
        if templates.count(templates[0]) == len(templates):
            return [self._shelves.setdefault((*names, templates[0].id), {})] * len(templates)
        return [self._shelves.setdefault((*names, template.id), {}) for template in templates]

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
    """The example, or why there is none: nothing to show, nothing to say, or a null that the row holds.

    Any other failure is the template's, unless it is what works out the answer.
    """
    if isinstance(example, CardError):
        if row.answer and not isinstance(example, NullCellError):
            raise example
        return example.problems[0].what[:200]
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
    exemplars: Sequence[Sequence[ExampleOrReason]],
    styles: Styles,
    max_input_bytes: int,
) -> Iterator[tuple[int, Prompt | str]]:
    """The prompts of these questions by position, or why there is none; those of one shot style are joined together."""
    by_style = sorted(questions, key=lambda i: picked[i][1].shot_style or "")
    for style, group in groupby(by_style, key=lambda i: picked[i][1].shot_style or ""):
        positions = list(group)
        usable = [[each for each in exemplars[i] if isinstance(each, Example)] for i in positions]
        shown, selection = _select_shots(usable)
        group_questions = [questions[i] for i in positions]
        inputs, counts = few_shot_prompts(
            styles.shots[style], shown, selection, group_questions, max_input_bytes
        )
        for i, examples, text, count in zip(positions, usable, inputs, counts, strict=True):
            if not examples:
                yield i, NO_EXEMPLAR
            elif not count:
                yield i, NO_EXEMPLAR_FITS
            else:
                row, pick = picked[i]
                rows, templates = pick.exemplars, pick.exemplar_templates
                if len(examples) < len(rows):  # some have no text: those shown are not the first
                    texts = [isinstance(each, Example) for each in exemplars[i]]
                    rows, templates = tuple(compress(rows, texts)), tuple(compress(templates, texts))
                prompt = Prompt(
                    row=row,
                    pick=pick,
                    inputs=text,
                    targets=questions[i].target,
                    exemplars=rows[:count],
                    exemplar_templates=templates[:count],
                )
                yield i, prompt


def _select_shots(usable: Sequence[Sequence[Example]]) -> tuple[list[Example], ShotSelection]:
    """All exemplars of some questions, each once, and which of them each question shows."""
    # Examples come out of the store, so equal ones are one object: identity tells them apart without comparing texts.
    numbers: dict[int, tuple[int, Example]] = {}
    exemplars = [
        numbers.setdefault(id(example), (len(numbers), example))[0] for shots in usable for example in shots
    ]
    selection = ShotSelection(
        exemplars=np.array(exemplars, dtype=np.int64),
        counts=np.array(list(map(len, usable)), dtype=np.int64),
    )
    return [example for _, example in numbers.values()], selection
