"""Rendering one row at a time, which the package does for many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flancollect.cards.family import Template
from flancollect.cards.mixture_card import Shots
from flancollect.cards.styles import ShotStyle, Styles
from flancollect.render.few_shot import ShotSelection, few_shot_prompts
from flancollect.render.normalise import Row
from flancollect.render.picks import DrawScope, ExemplarPool, Pick, pick_rows
from flancollect.render.zero_shot import Example


def pick(
    scope: DrawScope,
    row: Row,
    templates: Sequence[Template],
    styles: Styles,
    pool: Sequence[Row],
    shots: Shots,
) -> Pick:
    """Draw the decisions for one row of a job; `pool` holds the rows that may serve as exemplars."""
    return pick_rows(scope, [row], templates, styles, ExemplarPool(rows=list(pool), source="pool"), shots)[0]


def few_shot_prompt(
    style: ShotStyle, exemplars: Sequence[Example], question: Example, max_input_bytes: int
) -> tuple[str, int]:
    """`few_shot_prompts` for one question that shows all of these exemplars, if they fit."""
    selection = ShotSelection(exemplars=np.arange(len(exemplars)), counts=np.array([len(exemplars)]))
    prompts, counts = few_shot_prompts(style, exemplars, selection, [question], max_input_bytes)
    return prompts[0], counts[0]
