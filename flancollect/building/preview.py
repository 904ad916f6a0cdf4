"""A few rows as a build would make them, without building."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flancollect.artifacts import Progress
from flancollect.building.jobs import no_usable_row, render_batches
from flancollect.building.refusal import refuse_empty
from flancollect.building.settings import render_settings
from flancollect.cards.catalog import load_catalog
from flancollect.errors import UsageError
from flancollect.planning.plan import plan_recipe
from flancollect.planning.recipe import make_recipe
from flancollect.planning.request import BuildRequest, as_request
from flancollect.planning.selection import Skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One prompt and its target, with what made them."""

    task_name: str
    template_type: str
    template_id: str
    inputs: str
    targets: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Rows, and what a build would not have: rows that fell away on the way to these by reason, and tasks."""

    rows: tuple[PreviewRow, ...]
    dropped: Mapping[str, int]
    skipped: tuple[Skip, ...]


def preview(
    request: BuildRequest | str, n: int = 3, variant: str | None = None, progress: Progress | None = None
) -> Preview:
    """The first rows of n jobs spread over the plan (of the one job, if there is one), in plan order.

    Equal to rows of the build, whatever its size. `dropped` counts a row once, whatever job it was looked at for.
    Raises UsageError for fewer rows than one and when nothing has
    the variant; when no task can be read, or none of the rows looked at is usable, what `build` raises.
    """
    if n < 1:
        raise UsageError(f"-n {n}: ask for at least one row")
    request = as_request(request)
    catalog = load_catalog(request.catalogs)
    recipe = make_recipe(catalog, request)
    if variant is not None:
        recipe = recipe.in_variant(variant)
    plan = plan_recipe(catalog, recipe, request, progress)
    jobs = [
        (task, job) for task in plan.tasks for job in task.active_jobs if variant in (None, job.variant.name)
    ]
    if not jobs:
        if variant and all(skip.kind == "plan" for skip in plan.skipped):
            reasons = "".join(f"; {skip.task}: {skip.reason}" for skip in plan.skipped[:1])
            raise UsageError(f"{request.name}: no template for the variant {variant}{reasons}")
        refuse_empty(request.name, plan.skipped, rows=0, strict=False)
    if len(jobs) > n:  # evenly over all: 3 of 10 are numbers 0, 3 and 6
        jobs = [jobs[i * len(jobs) // n] for i in range(n)]
    # 5 rows of 2 jobs: at most 3 of each, and the first 5 of all.
    most = -(-n // len(jobs))
    settings = render_settings(plan, request.access, Path())
    names = ("task_name", "template_type", "template_id", "inputs", "targets")
    rows: list[PreviewRow] = []
    dropped_of: dict[str, Counter[str]] = {}
    empty: list[Skip] = []
    for task, job in jobs:
        dropped = Counter[str]()
        batches = render_batches(task, replace(job, quota=min(most, job.quota)), settings, dropped)
        of_job = [PreviewRow(**{name: row[name] for name in names}) for b in batches for row in b.to_pylist()]
        if not of_job:
            empty.append(Skip(task=task.name, kind="source", reason=no_usable_row(task, dropped)))
        rows += of_job
        # Jobs of a task may look at the same rows: of each reason the job that met it most often counts.
        dropped_of[task.name] = dropped_of.get(task.name, Counter()) | dropped
    if not rows:
        refuse_empty(request.name, empty, rows=0, strict=False)
    return Preview(
        rows=tuple(rows[:n]),
        dropped=dict(sum(dropped_of.values(), Counter()).most_common()),
        skipped=(*plan.skipped, *empty),
    )
