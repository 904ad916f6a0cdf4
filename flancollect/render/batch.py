"""Finished prompts to the table that a job writes, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from flancollect.cards.styles import Styles
from flancollect.cards.task_card import TaskCard
from flancollect.dataset.schemas import BENCHMARK, MIXTURE, PROVENANCE, QUESTION, rendered_schema
from flancollect.draw import Ints, draws
from flancollect.render.options import answer_text
from flancollect.render.picks import DrawScope
from flancollect.render.prompts import Prompt

TASK_SOURCES = {
    "flan2021": "Flan2021",
    "t0": "P3",
    "niv2": "NIv2",
    "cot": "CoT",
    "dialog": "Dialog",
    "program": "ProgramSynthesis",
}
"""`task_source` of the published submixes by our submix; any other submix goes by its own name."""


def to_batch(
    prompts: Sequence[Prompt],
    scope: DrawScope,
    card: TaskCard,
    split: str,
    *,
    scoring: bool,
    styles: Styles,
) -> pa.RecordBatch:
    """The rows of a mixture, or with `scoring` those of a benchmark, with their `order` before them."""
    ids = np.array([prompt.row.id for prompt in prompts], dtype=np.int64)
    columns = {
        # By the task's own name: two rows of a pair side by side could be packed into one sequence, where the one would
        # tell the answer of the other.
        "order": draws(replace(scope, draws_as=card.task).key("order"), ids),
        "inputs": [prompt.inputs for prompt in prompts],
        "targets": [prompt.targets for prompt in prompts],
        "task_source": pa.repeat(TASK_SOURCES.get(card.submix, card.submix), len(prompts)),
        "task_name": pa.repeat(card.task, len(prompts)),
        "template_type": pa.repeat(scope.variant.name, len(prompts)),
        "template_id": [prompt.pick.template.id for prompt in prompts],
        "provenance": _provenance(prompts, ids, scope, split),
    }
    if scoring:
        columns["question"] = _questions(prompts, card, split, styles)
    full = rendered_schema(BENCHMARK if scoring else MIXTURE)
    return pa.RecordBatch.from_arrays(
        [_array(columns[field.name], field.type) for field in full], schema=full
    )


def _provenance(prompts: Sequence[Prompt], ids: Ints, scope: DrawScope, split: str) -> pa.StructArray:
    columns = {
        "split": pa.repeat(split, len(prompts)),
        "source_row": ids,
        "repeat": pa.repeat(pa.scalar(scope.repeat, pa.int32()), len(prompts)),
        "option_style": [prompt.pick.option_style for prompt in prompts],
        "shot_style": [prompt.pick.shot_style for prompt in prompts],
        "dialog_style": [prompt.pick.dialog_style for prompt in prompts],
        "cut_bytes": np.array([prompt.cut_bytes for prompt in prompts], dtype=np.int32),
        "exemplar_source": [prompt.pick.exemplar_source if prompt.exemplars else None for prompt in prompts],
        "exemplars": [[row.id for row in prompt.exemplars] for prompt in prompts],
        "exemplar_templates": [_templates_apart(prompt) for prompt in prompts],
        "options": [prompt.row.options if prompt.pick.option_style else () for prompt in prompts],
        "answer": [prompt.row.answer or prompt.targets for prompt in prompts],
    }
    arrays = [_array(columns[field.name], field.type) for field in PROVENANCE]
    return pa.StructArray.from_arrays(arrays, fields=list(PROVENANCE))


def _templates_apart(prompt: Prompt) -> Sequence[str]:
    """The template of each exemplar shown; none where all stand in the question's own."""
    templates = prompt.exemplar_templates
    if templates.count(prompt.pick.template) == len(templates):
        return ()
    return [template.id for template in templates]


def _questions(prompts: Sequence[Prompt], card: TaskCard, split: str, styles: Styles) -> pa.StructArray:
    """What scoring needs to know of each prompt."""
    answers = [_answers(prompt, styles) for prompt in prompts]
    of_card = {
        "metric": card.metric,
        "cluster": card.cluster,
        "languages": card.languages,
        "subject": card.subject or "",
    }
    columns: dict[str, list[Any]] = {
        "id": [f"{card.task}/{split}/{prompt.row.id}" for prompt in prompts],
        "choices": [choices for choices, _, _, _ in answers],
        "labels": [labels for _, labels, _, _ in answers],
        "answer": [answer for _, _, answer, _ in answers],
        "accepted": [accepted for _, _, _, accepted in answers],
        "prompt_sha256": [sha256(prompt.inputs.encode()).hexdigest() for prompt in prompts],
        **{name: [value] * len(prompts) for name, value in of_card.items()},
    }
    arrays = [pa.array(columns[field.name], field.type) for field in QUESTION]
    return pa.StructArray.from_arrays(arrays, fields=list(QUESTION))


def _answers(prompt: Prompt, styles: Styles) -> tuple[Sequence[str], Sequence[str], int, Sequence[str]]:
    """Choices, the label of each, the position of the right one (-1 for none), and all accepted answers."""
    row, pick, scoring = prompt.row, prompt.pick, prompt.row.scoring
    if scoring is None or pick.template.direction == "inverted" or not row.answer:
        # An inverted template asks for the question, and a rendered answer is the target, whatever the card says.
        return (), (), -1, (prompt.targets,)
    if row.answer_index is not None:
        style = None if pick.option_style is None else styles.options[pick.option_style]
        choices: Sequence[str] = row.options
        labels: Sequence[str] = [answer_text(style, option, i) for i, option in enumerate(row.options)]
        position = row.answer_index
        right: tuple[str, ...] = (labels[position],)
    else:
        choices, labels = scoring.choices, scoring.labels
        position = scoring.labels.index(row.answer) if row.answer in scoring.labels else -1
        right = (row.answer, *scoring.also)
    # Shown as "(A) Paris (B) Rome", both "(A)" and "Paris" are right, unless "Paris" is the label of another choice.
    if position >= 0 and choices[position] not in labels:
        right += (choices[position],)
    return choices, labels, position, tuple(dict.fromkeys(right))


def _array(column: object, kind: pa.DataType) -> pa.Array:
    return column if isinstance(column, pa.Array) else pa.array(column, kind)
