"""What falls away while rows are rendered is made up for by jobs that have more: the same total, as long as rows exist.

Pure: from a plan, and what its jobs turned out to have, to a plan with larger quotas. What a job lacks goes to
the other variants of its task, then to the other tasks of the part, then to the other parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

from flancollect.planning.plan import BuildPlan
from flancollect.planning.quota import apportion, weight_of
from flancollect.planning.task_plan import TaskPlan

JobName: TypeAlias = tuple[str, str]
"""Task and variant."""


def make_up(original: BuildPlan, plan: BuildPlan, rows: Mapping[JobName, int]) -> BuildPlan:
    """The plan with larger quotas where other jobs came short of `original`.

    `rows` says how many rows each job of `plan` has: fewer than its quota, and it has no more. A task of which
    no job is named failed. Quotas only grow, so that repeating this with the new rows comes to an end: when no
    quota changes, or everything that exists is used.
    """
    # A part of 100 rows over tasks a and b, 50 each. a turns out to have 44, so b is asked for 56. Then b has 53, and
    # of three missing rows none can be made up within the part: they go to other parts.
    stock = {task.name: _Stock(task, rows) for task in plan.tasks}
    targets = {task.name: task.quota for task in original.tasks}
    for name, task in stock.items():
        task.add(targets[name] - task.rows)
    parts: dict[str, list[_Stock]] = {name: [] for name in plan.recipe.parts}
    for task in stock.values():
        parts[task.part].append(task)
    missing = sum(targets.values()) - sum(task.rows for task in stock.values())
    for of_part in parts.values():
        lacking = sum(targets[task.name] - task.rows for task in of_part)
        missing -= _add(of_part, min(max(lacking, 0), missing))
    rooms = [sum(task.room for task in of_part) for of_part in parts.values()]
    weights = [weight_of(plan.recipe.parts[name].weight) for name in parts]
    for of_part, extra in zip(parts.values(), apportion(missing, weights, rooms), strict=True):
        _add(of_part, extra)
    return replace(plan, tasks=tuple(task.plan() for task in stock.values()))


def _add(tasks: Sequence[_Stock], rows: int) -> int:
    """Ask tasks for so many more rows, by weight; how many of them they have."""
    extras = apportion(rows, [task.weight for task in tasks], [task.room for task in tasks])
    for task, extra in zip(tasks, extras, strict=True):
        task.add(extra)
    return sum(extras)


class _Stock:
    """What a task gives and could give. `rows` is what its jobs have, or are asked for; `room` how many more."""

    def __init__(self, plan: TaskPlan, rows: Mapping[JobName, int]) -> None:
        self.name, self.part, self.weight = plan.name, plan.part, plan.weight
        self._plan = plan
        self._quotas = [job.quota for job in plan.jobs]
        obtained = [rows.get((plan.name, job.variant.name), 0) for job in plan.jobs]
        failed = not any((plan.name, job.variant.name) in rows for job in plan.active_jobs)
        self._rooms = list(_rooms(plan, obtained, failed=failed and plan.quota > 0))
        self.rows = sum(map(min, self._quotas, obtained))
        self.room = min(sum(self._rooms), max(plan.capacity - self.rows, 0))

    def add(self, rows: int) -> None:
        """Ask for more rows, as many as there is room for."""
        rows = min(max(rows, 0), self.room)
        if not rows:
            return
        shares: list[Fraction] = [job.share for job in self._plan.jobs]
        extras = apportion(rows, shares, self._rooms)
        self._quotas = [quota + extra for quota, extra in zip(self._quotas, extras, strict=True)]
        self._rooms = [room - extra for room, extra in zip(self._rooms, extras, strict=True)]
        self.rows += rows
        self.room -= rows

    def plan(self) -> TaskPlan:
        """The task with its quotas."""
        jobs = zip(self._plan.jobs, self._quotas, strict=True)
        return replace(self._plan, jobs=tuple(replace(job, quota=quota) for job, quota in jobs))


def _rooms(plan: TaskPlan, obtained: Sequence[int], *, failed: bool) -> Iterator[int]:
    """How many more rows each job may have: none where it came short, or the task failed."""
    for job, rows in zip(plan.jobs, obtained, strict=True):
        exhausted = failed or rows < job.quota
        yield 0 if exhausted else max(plan.job_rows - job.quota, 0)
