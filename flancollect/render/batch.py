"""Finished prompts to the table that a job writes, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from flancollect.dataset.schemas import PROVENANCE, RENDERED
from flancollect.draw import draws
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
    prompts: Sequence[Prompt], names: DrawScope, submix: str, split: str, exemplar_source: str
) -> pa.RecordBatch:
    """The rows of schema RENDERED. `exemplar_source` says what exemplar numbers count: "pool" or "card"."""
    ids = np.array([prompt.row.id for prompt in prompts], dtype=np.int64)
    columns = {
        "order": draws(names.key("order"), ids),
        "inputs": [prompt.inputs for prompt in prompts],
        "targets": [prompt.targets for prompt in prompts],
        "task_source": pa.repeat(TASK_SOURCES.get(submix, submix), len(prompts)),
        "task_name": pa.repeat(names.task, len(prompts)),
        "template_type": pa.repeat(names.variant.name, len(prompts)),
        "template_id": [prompt.pick.template.id for prompt in prompts],
        "provenance": _provenance(prompts, ids, names, split, exemplar_source),
    }
    arrays = [_array(columns[field.name], field.type) for field in RENDERED]
    return pa.RecordBatch.from_arrays(arrays, schema=RENDERED)


def _provenance(
    prompts: Sequence[Prompt], ids: np.ndarray, names: DrawScope, split: str, exemplar_source: str
) -> pa.StructArray:
    columns = {
        "split": pa.repeat(split, len(prompts)),
        "source_row": ids,
        "repeat": pa.repeat(pa.scalar(names.repeat, pa.int32()), len(prompts)),
        "option_style": [prompt.pick.option_style for prompt in prompts],
        "shot_style": [prompt.pick.shot_style for prompt in prompts],
        "dialog_style": [prompt.pick.dialog_style for prompt in prompts],
        "exemplar_source": [exemplar_source if prompt.shown else None for prompt in prompts],
        "exemplars": [[row.id for row in prompt.shown] for prompt in prompts],
        "options": [prompt.row.options if prompt.pick.option_style else () for prompt in prompts],
        "answer": [prompt.row.answer or prompt.targets for prompt in prompts],
    }
    arrays = [_array(columns[field.name], field.type) for field in PROVENANCE]
    return pa.StructArray.from_arrays(arrays, fields=list(PROVENANCE))


def _array(column: object, kind: pa.DataType) -> pa.Array:
    return column if isinstance(column, pa.Array) else pa.array(column, kind)
