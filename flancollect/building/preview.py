"""A few rows as a build would make them, without building."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flancollect.artifacts import Progress
from flancollect.building.cache_keys import settings_of
from flancollect.building.jobs import render_batches
from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.variants import VARIANTS
from flancollect.errors import UsageError
from flancollect.planning.plan import BuildPlan, Job, TaskPlan
from flancollect.planning.prepare import BuildRequest, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """One prompt and its target, with what made them."""

    task_name: str
    template_type: str
    template_id: str
    inputs: str
    targets: str


def preview(
    wanted: BuildRequest, n: int, variant: str | None, progress: Progress | None = None
) -> list[Previewed]:
    """The first rows of n jobs spread over the plan (of the one job, if there is one), in plan order.

    Equal to rows of the build, whatever its size. Raises UsageError when nothing has the variant, and the
    first source error when no task could be read.
    """
    _, plan = prepare(
        wanted, progress, adjust=None if variant is None else lambda card: _with_variant(card, variant)
    )
    jobs = [(task, job) for task in plan.tasks for job in task.jobs if variant in (None, job.variant.name)]
    if not jobs:
        raise UsageError(_nothing(plan, wanted.name, variant))
    chosen = _spread(jobs, n)
    each = -(-n // len(chosen))
    shown = [row for task, job in chosen for row in _rows(plan, task, job, wanted, each)]
    return shown[:n]


def _with_variant(card: MixtureCard | BenchmarkCard, variant: str) -> MixtureCard | BenchmarkCard:
    """A mixture that plans every task in one variant; benchmarks stay as they are."""
    if variant not in VARIANTS:
        raise UsageError(f'--variant: no variant "{variant}". Variants: {", ".join(VARIANTS)}.')
    if isinstance(card, BenchmarkCard):
        return card
    parts = {name: part.model_copy(update={"variants": {variant: 1.0}}) for name, part in card.parts.items()}
    return card.model_copy(update={"parts": parts})


def _spread(jobs: Sequence[tuple[TaskPlan, Job]], n: int) -> list[tuple[TaskPlan, Job]]:
    if len(jobs) <= n:
        return list(jobs)
    return [jobs[i * len(jobs) // n] for i in range(n)]


def _rows(plan: BuildPlan, task: TaskPlan, job: Job, wanted: BuildRequest, most: int) -> list[Previewed]:
    settings = settings_of(plan, wanted.access, Path())
    batches = render_batches(task, replace(job, quota=min(most, job.quota)), settings)
    names = ("task_name", "template_type", "template_id", "inputs", "targets")
    return [
        Previewed(**{name: row[name] for name in names}) for batch in batches for row in batch.to_pylist()
    ]


def _nothing(plan: BuildPlan, name: str, variant: str | None) -> str:
    if plan.skipped:
        return f"{name}: nothing to preview. {plan.skipped[0].task}: {plan.skipped[0].reason}"
    return f"{name}: no template for the variant {variant}" if variant else f"{name}: nothing to preview"
