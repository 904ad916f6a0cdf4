"""What falls away of the first rows of every task of a plan, looked at before a build, in the words of a build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flancollect.artifacts import Progress
from flancollect.building.settings import render_settings
from flancollect.building.task_source import TaskSource
from flancollect.errors import CardError, SourceError
from flancollect.planning.plan import BuildPlan
from flancollect.render.normalise import WHERE
from flancollect.render.picks import DrawScope
from flancollect.sources.counts import lies_on_the_hub
from flancollect.sources.table import SourceAccess

ROWS = 256
"""Rows of a task that are looked at: those that a build reads first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Of `looked_at` rows of a task, those that a build would drop, by reason; or why its source fails."""

    looked_at: int
    dropped: Mapping[str, int]
    error: str = ""

    @property
    def usable(self) -> int:
        """How many rows do not fall away."""
        return self.looked_at - sum(self.dropped.values())


def outlook(plan: BuildPlan, access: SourceAccess, progress: Progress | None = None) -> dict[str, Outlook]:
    """By task what falls away of the first rows that a build of this plan reads; tasks that lose none are left out.

    Tasks whose rows would have to be fetched from the Hub are not looked at. Rows are those of the task's first job,
    before any template: what a template makes of them is `preview`'s to show. What `where` leaves out is as its card
    wants it, and no loss; it is counted beside others.
    """
    settings = render_settings(plan, access, Path())
    tasks = [task for task in plan.tasks if task.quota and not lies_on_the_hub(task.lock)]
    outlooks = {}
    for number, task in enumerate(tasks, start=1):
        source, dropped = TaskSource(task, settings), Counter[str]()
        variant = task.active_jobs[0].variant
        scope = DrawScope(seed=settings.seed, draws_as=task.draws_as, variant=variant, repeat=0)
        looked_at, error = 0, ""
        try:
            for morsel in source.morsels(source.keyed_order(scope)[:ROWS]):
                source.read(task.split.name, morsel, dropped, source.held_out, scoring=settings.scoring)
                looked_at += len(morsel)
        except (SourceError, CardError) as failure:
            error = str(failure)
        if error or dropped.keys() - {WHERE}:
            outlooks[task.name] = Outlook(
                looked_at=looked_at, dropped=dict(dropped.most_common()), error=error
            )
        if progress is not None:
            progress("rows", number, len(tasks))
    return outlooks
