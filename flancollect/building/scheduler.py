"""All tasks of a plan rendered: what is there already is taken, the rest is spread over workers.

A task is the unit of work, the longest first; one that alone would keep a worker busy long after the others
is taken apart into its variants. None of that changes a byte.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from flancollect.building.cache_keys import JobFiles, Settings
from flancollect.building.jobs import JobDone, TaskDone, render_task, rendered_before
from flancollect.building.workers import PeakMemory, map_unordered
from flancollect.planning.candidates import Skip
from flancollect.planning.plan import BuildPlan, TaskPlan

SPLIT_ABOVE = 4
"""A task with more than this part (1/n) of one worker's rows is taken apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What a worker does at a time: some variants of a task. `number` is its place among the task's units."""

    plan: TaskPlan
    number: int


def render_all(
    plan: BuildPlan, settings: Settings, files: JobFiles, workers: int, peak_memory: PeakMemory | None = None
) -> Iterator[TaskDone]:
    """Every task that has rows to give, as each is done, in any order. A task that fails says why as a skip.

    `files` are those of the plan's jobs (`job_files`), `peaks` is that of `run_over`.
    """
    tasks = {task.name: task for task in plan.tasks if task.jobs}
    there = {name: _there(task, files) for name, task in tasks.items()}
    units = _units([_without(task, there[name]) for name, task in tasks.items()], workers)
    waiting = Counter(unit.plan.name for unit in units)
    parts: dict[str, list[tuple[int, TaskDone]]] = {name: [] for name in tasks}
    for name, task in tasks.items():
        if not waiting[name]:
            yield _whole(task, there[name], [])
    render = partial(_render, settings=settings, files=files)
    for number, part in map_unordered(units, render, _died, workers, peak_memory):
        parts[part.task].append((number, part))
        if len(parts[part.task]) == waiting[part.task]:
            yield _whole(tasks[part.task], there[part.task], parts.pop(part.task))


def _there(task: TaskPlan, files: JobFiles) -> dict[str, JobDone]:
    """The jobs of a task that are done already, by variant."""
    found = (rendered_before(job, files[task.name, job.variant.name]) for job in task.jobs)
    return {job.variant: job for job in found if job is not None}


def _without(task: TaskPlan, there: dict[str, JobDone]) -> TaskPlan:
    """The task with only those jobs that are not there."""
    return replace(task, jobs=tuple(job for job in task.jobs if job.variant.name not in there))


def _units(tasks: Sequence[TaskPlan], workers: int) -> list[_Unit]:
    """What is left to do, the longest first, so that no long unit is left for last."""
    most = sum(task.quota for task in tasks) / workers / SPLIT_ABOVE
    units = [
        _Unit(plan=part, number=number)
        for task in tasks
        for number, part in enumerate(_parts(task) if workers > 1 and task.quota > most else [task])
        if part.jobs
    ]
    return sorted(units, key=lambda unit: (-unit.plan.quota, unit.plan.name, unit.number))


def _parts(task: TaskPlan) -> list[TaskPlan]:
    return [replace(task, jobs=(job,)) for job in task.jobs]


def _render(unit: _Unit, settings: Settings, files: JobFiles) -> tuple[int, TaskDone]:
    with _uncollected():
        return unit.number, render_task(unit.plan, settings, files)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles: rows are millions of small objects without any, and it took a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _died(unit: _Unit) -> tuple[int, TaskDone]:
    name, reason = unit.plan.name, "the worker that built it died twice (killed, or out of memory)"
    return unit.number, TaskDone(task=name, skip=Skip(task=name, kind="source", reason=reason))


def _whole(task: TaskPlan, there: dict[str, JobDone], parts: Sequence[tuple[int, TaskDone]]) -> TaskDone:
    """A task put together again. A variant may come out empty (few-shot needs a second row), not all of them."""
    ordered = [part for _, part in sorted(parts, key=lambda part: part[0])]
    failed = next((part for part in ordered if part.skip is not None), None)
    if failed is not None:
        return failed
    by_variant = there | {job.variant: job for part in ordered for job in part.jobs}
    jobs = tuple(by_variant[job.variant.name] for job in task.jobs)
    if any(job.record.rows for job in jobs):
        return TaskDone(task=task.name, jobs=jobs)
    reasons = "; ".join(f"{n} rows: {why}" for why, n in jobs[0].record.dropped.items())
    what = f"{task.source_key}: none of {task.rows} rows is usable ({reasons})"
    return TaskDone(task=task.name, skip=Skip(task=task.name, kind="source", reason=what))
