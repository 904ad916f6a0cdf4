"""What is drawn for each row: template, styles, exemplars. A Pick is all that is needed to render it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flancollect.cards.family import Template
from flancollect.cards.mixture_card import Shots
from flancollect.cards.styles import Styles
from flancollect.cards.variants import Variant
from flancollect.draw import Draws, belows, draws, key, keys, streams
from flancollect.render.normalise import Content, Row

TEMPLATE_PURPOSE = "\x77ording"
"""Under which name templates are drawn. Its letters enter every draw: spelled otherwise, all rows would change."""

SMALL_POOL = 64  # pools up to this size are shuffled whole, so that duplicates in them cost no exemplar


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The decisions for one prompt. Style names are None where the style has nothing to do.

    `exemplars` are rows in the order shown; the renderer may use fewer, to keep within the budget.
    """

    template: Template
    option_style: str | None
    dialog_style: str | None
    shot_style: str | None
    exemplars: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawScope:
    """The names that key every decision of one job and one use of its rows."""

    seed: int
    task: str
    variant: Variant
    repeat: int

    def key(self, purpose: str) -> int:
        """The key of one purpose."""
        return key(self.seed, self.task, self.variant.name, self.repeat, purpose)


def pick(
    names: DrawScope,
    row: Row,
    templates: Sequence[Template],
    styles: Styles,
    pool: Sequence[Row],
    shots: Shots,
) -> Pick:
    """Draw the decisions for one row of a job; `pool` holds the rows that may serve as exemplars."""
    return pick_rows(names, [row], templates, styles, pool, shots)[0]


def pick_rows(
    names: DrawScope,
    rows: Sequence[Row],
    templates: Sequence[Template],
    styles: Styles,
    pool: Sequence[Row],
    shots: Shots,
) -> list[Pick]:
    """`pick` for many rows: each row's decisions depend on its own number alone."""
    if not rows:
        return []
    ids = np.array([row.id for row in rows], dtype=np.int64)
    few_shot = names.variant.few_shot
    chosen = [templates[number] for number in templates_drawn(names, ids, len(templates)).tolist()]
    option_styles = _chosen(names, "style of options", ids, list(styles.options))
    dialog_styles = _chosen(names, "style of dialogs", ids, list(styles.dialogs))
    shot_styles = _chosen(names, "style of shots", ids, list(styles.shots) if few_shot else [])
    shown = _exemplars(names, rows, pool, shots) if few_shot else [()] * len(rows)
    return [
        Pick(
            template=template,
            option_style=option if template.shows_options and names.variant.options and row.options else None,
            dialog_style=dialog,
            shot_style=shot,
            exemplars=exemplars,
        )
        for row, template, option, dialog, shot, exemplars in zip(
            rows, chosen, option_styles, dialog_styles, shot_styles, shown, strict=True
        )
    ]


def templates_drawn(names: DrawScope, ids: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Which of `count` templates each row is rendered with, by its number."""
    return belows(draws(names.key(TEMPLATE_PURPOSE), ids), count).astype(np.int64)


def _chosen(
    names: DrawScope, purpose: str, ids: npt.NDArray[np.int64], available: Sequence[Any]
) -> list[Any]:
    """One of what is available for each row; None where nothing is."""
    if not available:
        return [None] * len(ids)
    return [available[i] for i in belows(draws(names.key(purpose), ids), len(available)).tolist()]


def _exemplars(
    names: DrawScope, rows: Sequence[Row], pool: Sequence[Row], shots: Shots
) -> list[tuple[Row, ...]]:
    """Different rows of the pool for each row, never the row itself nor one that asks the same thing."""
    if shots.order == "first":
        return [_different(row, pool, range(len(pool)), shots.max) for row in rows]
    own = (names.seed, names.task, names.variant.name, names.repeat, "exemplars")
    numbers = streams(keys(own, (row.id for row in rows)), 1 + _tries(shots.max))
    counts = (belows(numbers[:, 0], shots.max - shots.min + 1) + np.uint64(shots.min)).tolist()
    positions = belows(numbers[:, 1:], len(pool)).tolist()
    found = []
    for row, count, drawn in zip(rows, counts, positions, strict=True):
        if len(pool) > max(SMALL_POOL, 4 * count):  # far more rows than asked for: draw until enough differ
            order: Iterable[int] = drawn[: _tries(count)]
        else:
            stream = Draws(*own, row.id)
            stream.between(shots.min, shots.max)
            order = stream.shuffled(range(len(pool)))
        found.append(_different(row, pool, order, count))
    return found


def _tries(count: int) -> int:
    return 4 * count + 8


def _different(row: Row, pool: Sequence[Row], order: Iterable[int], count: int) -> tuple[Row, ...]:
    """The first `count` rows of the pool in this order that differ from the row and from each other."""
    chosen: dict[Content, Row] = {}
    for position in order:
        candidate = pool[position]
        if candidate.content != row.content:
            chosen.setdefault(candidate.content, candidate)
            if len(chosen) == count:
                break
    return tuple(chosen.values())
