"""How far the shares of a part's tasks are from those of the released collection. Pure.

A task's released share follows from its published cases and the part's cap, as flan/v2/mixtures.py mixes: in every
style a task weighs min(cap, cases), the weights of a style are taken relative to their sum, and styles are mixed by
their rates. Zero-shot styles count the zero-shot cases; `fs_opt` holds the x-shot and the five-shot prompts of each
task, `fs_noopt` the x-shot ones alone. Inverted prompts come at one rate for all tasks, so they change no share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from flancollect.cards.cases import Cases
from flancollect.cards.mixture_card import PartCard
from flancollect.cards.variants import VARIANTS, Variant
from flancollect.planning.quota import weight_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A part beside the released one.

    `distance` is the total variation between the shares of its tasks and the released ones, from 0 to 1: the part of
    all rows that other tasks have. `tasks` counts the released tasks, which a part may lack some of; `uncounted` are
    tasks of the part of which no cases were published, and which the comparison leaves out.
    """

    distance: Fraction
    tasks: int
    uncounted: tuple[str, ...]


def compare_with_released(
    part: PartCard, cases: Mapping[str, Cases], names: Collection[str], quotas: Mapping[str, int]
) -> Released | None:
    """Compare the planned rows of a part's tasks with the released shares.

    `names` are all tasks that the part selects, those that cannot be had included; `quotas` has the planned rows by
    task. None where nothing is published or planned of any of them.
    """
    # Released shares 0.5 and 0.5, planned 0.6 and 0.4: the distance is 0.1. Of three released tasks at a third each,
    # the third of which is missing while the others have a half each, it is (1/6 + 1/6 + 1/3) / 2 = 1/3.
    counted = [name for name in names if name in cases]
    planned = _shares({name: Fraction(quotas.get(name, 0)) for name in counted})
    if not planned:
        return None
    styles = [(VARIANTS[name], weight_of(share)) for name, share in part.variants.items()]
    rates = {variant: rate for variant, rate in styles if not variant.inverted}
    released = dict.fromkeys(counted, Fraction(0))
    for variant, rate in rates.items():
        of_style = _shares({name: Fraction(_cases_in(variant, cases[name], part.cap)) for name in counted})
        for name, share in of_style.items():
            released[name] += share * rate / sum(rates.values())
    return Released(
        distance=sum((abs(planned[name] - released[name]) for name in counted), Fraction(0)) / 2,
        tasks=len(counted),
        uncounted=tuple(name for name in names if name not in cases),
    )


def _cases_in(variant: Variant, cases: Cases, cap: int | None) -> int:
    """A task's weight in one style: its cases, each kind of them up to the cap."""
    kinds: Iterable[int] = (cases.zero_shot,)
    if variant.few_shot:
        kinds = (cases.x_shot, cases.five_shot) if variant.options else (cases.x_shot,)
    return sum(count if cap is None else min(count, cap) for count in kinds)


def _shares(weights: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Weights relative to their sum; none where that is 0."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total else {}
