"""All tasks of a plan rendered: jobs whose files are there are reused, the rest is spread over workers.

A task is the unit of work, the longest first; one that alone would keep a worker busy long after the others
is split into its variants. None of that changes a byte.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flancollect.artifacts import SkipKind
from flancollect.building.cache_keys import JobFiles
from flancollect.building.doubles import ACROSS_TASKS, WITHIN_TASK
from flancollect.building.jobs import JobOutcome, TaskOutcome, finished_job, no_usable_row, render_task
from flancollect.building.settings import RenderSettings
from flancollect.building.workers import PeakMemory, map_unordered
from flancollect.planning.plan import BuildPlan
from flancollect.planning.selection import Skip
from flancollect.planning.task_plan import Job, TaskPlan
from flancollect.render.normalise import HELD_OUT

SPLIT_ABOVE = 4
"""A task with more than this part (1/n) of one worker's rows is split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What a worker does at a time: some jobs of a task. `number` is its place among the task's units."""

    plan: TaskPlan
    jobs: tuple[Job, ...]
    number: int

    @property
    def rows(self) -> int:
        """Rows that are asked of these jobs."""
        return sum(job.quota for job in self.jobs)


def render_all(
    plan: BuildPlan,
    settings: RenderSettings,
    files: JobFiles,
    workers: int,
    peak_memory: PeakMemory | None = None,
    rendered: Mapping[Path, JobOutcome] | None = None,
) -> Iterator[TaskOutcome]:
    """Every task that has rows to give, as each is done, in any order. A task that fails says why as a skip.

    `files` are those of the plan's jobs (`job_files`), `peak_memory` is that of `map_unordered`. Jobs
    that are `rendered` are not looked for on the disk.
    """
    known = rendered or {}
    tasks = {task.name: task for task in plan.tasks if task.quota}
    finished: dict[str, dict[str, JobOutcome]] = {}
    for name, task in tasks.items():
        job_files = ((job, files[name, job.variant.name]) for job in task.active_jobs)
        jobs = (known.get(file.path) or finished_job(job, file, settings) for job, file in job_files)
        finished[name] = {job.variant: job for job in jobs if job is not None}
    unfinished = [
        (task, [job for job in task.active_jobs if job.variant.name not in finished[name]])
        for name, task in tasks.items()
    ]
    units = _units(unfinished, workers)
    pending = Counter(unit.plan.name for unit in units)
    for name, task in tasks.items():
        if not pending[name]:
            yield _whole(task, finished[name], [])
    parts: dict[str, list[tuple[int, TaskOutcome]]] = {name: [] for name in tasks}
    render = partial(_render, settings=settings, files=files)
    for number, part in map_unordered(units, render, _worker_died, workers, peak_memory):
        parts[part.task].append((number, part))
        if len(parts[part.task]) == pending[part.task]:
            yield _whole(tasks[part.task], finished[part.task], parts.pop(part.task))


def _units(tasks: Sequence[tuple[TaskPlan, Sequence[Job]]], workers: int) -> list[_Unit]:
    """What remains to do, the longest first, so that no long unit comes last."""
    # Two workers and 80,000 rows: 40,000 rows a worker, so a task of more than 10,000 rows is split into its
    # variants. With the longest first, the last units are short and workers end at about the same time.
    most = sum(job.quota for _, jobs in tasks for job in jobs) / workers / SPLIT_ABOVE
    units = []
    for task, jobs in tasks:
        split = workers > 1 and sum(job.quota for job in jobs) > most
        parts = _twins(jobs) if split else [tuple(jobs)]
        units += [_Unit(plan=task, jobs=part, number=number) for number, part in enumerate(parts) if part]
    return sorted(units, key=lambda unit: (-unit.rows, unit.plan.name, unit.number))


def _twins(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Jobs by pairs that differ in options alone: the second of a pair must know what the first one has made."""
    pairs: dict[tuple[bool, bool], list[Job]] = {}
    for job in jobs:
        pairs.setdefault((job.variant.few_shot, job.variant.inverted), []).append(job)
    return [tuple(pair) for pair in pairs.values()]


def _render(unit: _Unit, settings: RenderSettings, files: JobFiles) -> tuple[int, TaskOutcome]:
    with _without_gc():
        return unit.number, render_task(unit.plan, unit.jobs, settings, files)


@contextmanager
def _without_gc() -> Iterator[None]:
    """No search for cycles: rows are millions of small objects without any, and it took a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _worker_died(unit: _Unit) -> tuple[int, TaskOutcome]:
    name = unit.plan.name
    reason = (
        "the worker that built it died twice: killed, out of memory, or started by a script that calls `build` "
        'without `if __name__ == "__main__":`'
    )
    return unit.number, TaskOutcome(task=name, skip=Skip(task=name, kind="source", reason=reason))


def _whole(
    task: TaskPlan, finished: dict[str, JobOutcome], parts: Sequence[tuple[int, TaskOutcome]]
) -> TaskOutcome:
    """A task put together again. A variant may come out empty (few-shot needs a second row), not all of them."""
    ordered = [part for _, part in sorted(parts, key=lambda part: part[0])]
    failure = next((part for part in ordered if part.skip is not None), None)
    if failure is not None:
        return failure
    by_variant = finished | {job.variant: job for part in ordered for job in part.jobs}
    jobs = tuple(by_variant[job.variant.name] for job in task.active_jobs)
    if any(job.record.rows for job in jobs):
        return TaskOutcome(task=task.name, jobs=jobs)
    dropped = jobs[0].record.dropped
    kind: SkipKind = "source"
    if dropped.keys() <= {HELD_OUT, WITHIN_TASK, ACROSS_TASKS}:
        # No failure: all that it has to say is said elsewhere, or must not be said.
        kind = "hold_out" if HELD_OUT in dropped else "dedup"
    reason = no_usable_row(task, dropped)
    return TaskOutcome(task=task.name, skip=Skip(task=task.name, kind=kind, reason=reason))
