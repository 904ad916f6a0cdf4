"""What is drawn for each row: wording, styles, exemplars. A Pick is all that is needed to render it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flancollect.cards.family import Wording
from flancollect.cards.models import Shots
from flancollect.cards.styles import StyleSet
from flancollect.cards.variants import Variant
from flancollect.draw import Draws, below, draw, key
from flancollect.normalise import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The decisions for one prompt. Style names are None where the style has nothing to do.

    `exemplars` are rows in the order shown; the renderer may use fewer, to keep within the budget.
    """

    wording: Wording
    option_style: str | None
    dialog_style: str | None
    shot_style: str | None
    exemplars: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that key every decision of one job and one use of its rows."""

    seed: int
    task: str
    variant: Variant
    repeat: int

    def key(self, purpose: str) -> int:
        """The key of one purpose."""
        return key(self.seed, self.task, self.variant.name, self.repeat, purpose)


def pick(
    names: Names, row: Row, wordings: Sequence[Wording], styles: StyleSet, pool: Sequence[Row], shots: Shots
) -> Pick:
    """Draw the decisions for one row of a job; `pool` holds the rows that may serve as exemplars."""
    wording = wordings[_choose(names, "wording", row, len(wordings))]
    lists_options = wording.shows_options and names.variant.options and bool(row.options)
    few_shot = names.variant.few_shot
    return Pick(
        wording=wording,
        option_style=_name(names, "options", row, list(styles.options)) if lists_options else None,
        dialog_style=_name(names, "dialogs", row, list(styles.dialogs)) if styles.dialogs else None,
        shot_style=_name(names, "shots", row, list(styles.shots)) if few_shot else None,
        exemplars=_exemplars(names, row, pool, shots) if few_shot else (),
    )


def _choose(names: Names, purpose: str, row: Row, n: int) -> int:
    return below(draw(names.key(purpose), row.id), n)


def _name(names: Names, kind: str, row: Row, available: Sequence[str]) -> str:
    return available[_choose(names, f"style of {kind}", row, len(available))]


def _exemplars(names: Names, row: Row, pool: Sequence[Row], shots: Shots) -> tuple[Row, ...]:
    """Different rows of the pool, never the row itself nor one that asks the same thing."""
    if shots.order == "first":
        return _different(row, pool, range(len(pool)), shots.max)
    stream = Draws(names.seed, names.task, names.variant.name, names.repeat, "exemplars", row.id)
    count = stream.between(shots.min, shots.max)
    if len(pool) <= 4 * count:
        order = stream.shuffled(range(len(pool)))
    else:  # far more rows than asked for: draw until enough differ
        order = list(dict.fromkeys(stream.below(len(pool)) for _ in range(4 * count + 8)))
    return _different(row, pool, order, count)


def _different(row: Row, pool: Sequence[Row], order: Iterable[int], count: int) -> tuple[Row, ...]:
    """The first `count` rows of the pool in this order that differ from the row and from each other."""
    chosen: dict[int, Row] = {}
    for position in order:
        candidate = pool[position]
        if candidate.content != row.content and len(chosen) < count:
            chosen.setdefault(candidate.content, candidate)
    return tuple(chosen.values())
