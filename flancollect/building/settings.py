"""What all tasks of one build share when they are rendered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import BuildKind
from flancollect.building.hold_out import HoldOut
from flancollect.cards.mixture_card import Limits, Shots
from flancollect.cards.styles import Styles
from flancollect.dataset.schemas import schema_of
from flancollect.planning.plan import BuildPlan
from flancollect.sources.table import SourceAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """What all tasks of one build share. `work` is the folder of the jobs' files.

    With `dedup` no two rows may have the same text.
    """

    kind: BuildKind
    seed: int
    max_repeat: int
    shots: Shots
    limits: Limits
    styles: Styles
    dedup: bool
    hold_out: HoldOut
    access: SourceAccess
    work: Path

    @property
    def schema(self) -> pa.Schema:
        """The columns of the build's rows."""
        return schema_of(self.kind)

    @property
    def scoring(self) -> bool:
        """Whether rows are questions, with what scoring needs."""
        return self.kind == "benchmark"


def render_settings(plan: BuildPlan, access: SourceAccess, work: Path) -> RenderSettings:
    """The settings that a plan's tasks share. Raises SourceError where what is held out cannot be read."""
    recipe = plan.recipe
    return RenderSettings(
        kind=recipe.kind,
        seed=recipe.seed,
        max_repeat=recipe.max_repeat,
        shots=recipe.shots,
        limits=recipe.limits,
        styles=plan.styles,
        dedup=recipe.dedup == "exact",
        hold_out=HoldOut(plan.held_out, access),
        access=access,
        work=work,
    )
