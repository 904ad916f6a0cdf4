"""A few rows as a build would make them, without building."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flancollect.artifacts import Progress
from flancollect.building.jobs import render_batches
from flancollect.building.settings import render_settings
from flancollect.cards.catalog import load_catalog
from flancollect.errors import UsageError
from flancollect.planning.plan import plan_recipe
from flancollect.planning.recipe import make_recipe
from flancollect.planning.request import BuildRequest
from flancollect.planning.task_plan import Job, TaskPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One prompt and its target, with what made them."""

    task_name: str
    template_type: str
    template_id: str
    inputs: str
    targets: str


def preview(
    request: BuildRequest, n: int = 3, variant: str | None = None, progress: Progress | None = None
) -> list[PreviewRow]:
    """The first rows of n jobs spread over the plan (of the one job, if there is one), in plan order.

    Equal to rows of the build, whatever its size. Raises UsageError when nothing has the variant, and the
    first source error when no task could be read.
    """
    catalog = load_catalog(request.catalogs)
    recipe = make_recipe(catalog, request)
    if variant is not None:
        recipe = recipe.in_variant(variant)
    plan = plan_recipe(catalog, recipe, request, progress)
    jobs = [(task, job) for task in plan.tasks for job in task.jobs if variant in (None, job.variant.name)]
    if not jobs:
        reason = "nothing to preview"
        if plan.skipped:
            reason += f". {plan.skipped[0].task}: {plan.skipped[0].reason}"
        elif variant:
            reason = f"no template for the variant {variant}"
        raise UsageError(f"{request.name}: {reason}")
    jobs = _spread(jobs, n)
    # 5 rows of 2 jobs: at most 3 of each, and the first 5 of all.
    most = -(-n // len(jobs))
    settings = render_settings(plan, request.access, Path())
    names = ("task_name", "template_type", "template_id", "inputs", "targets")
    rows = [
        PreviewRow(**{name: row[name] for name in names})
        for task, job in jobs
        for batch in render_batches(task, replace(job, quota=min(most, job.quota)), settings)
        for row in batch.to_pylist()
    ]
    return rows[:n]


def _spread(jobs: Sequence[tuple[TaskPlan, Job]], n: int) -> list[tuple[TaskPlan, Job]]:
    """At most n of the jobs, evenly over all: 3 of 10 are numbers 0, 3 and 6."""
    return list(jobs) if len(jobs) <= n else [jobs[i * len(jobs) // n] for i in range(n)]
