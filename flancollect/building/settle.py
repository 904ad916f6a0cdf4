"""A plan rendered until it stands: what fell short is asked of others, what stands twice is replaced.

What a job gives is known only when it is rendered. So the plan is rendered, looked at and corrected, until nothing
changes; later rounds render few rows and copy the others. The outcome depends on the first plan and on the rows
alone. It is noted in the work folder, so that a build without changes takes one round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flancollect.artifacts import Artifact, fingerprint, read_artifact, write_artifact
from flancollect.building.cache_keys import JobFiles, KeyHasher, job_files
from flancollect.building.doubles import Texts, compare_texts
from flancollect.building.jobs import TaskOutcome
from flancollect.building.settings import RenderSettings
from flancollect.errors import CheckError
from flancollect.planning.make_up import JobName, make_up
from flancollect.planning.plan import BuildPlan

SETTLED = "settled.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A plan as it was rendered in the end: the files of its jobs, its outcomes by task name, and its texts."""

    files: JobFiles
    outcomes: Sequence[TaskOutcome]
    texts: Texts


class JobNote(Artifact):
    """What became of one job of the plan: its quota, and the texts that it leaves to other tasks."""

    quota: int
    doubles: list[int]


class SettledNote(Artifact):
    """The work folder's note of how a plan (by the hash of its jobs' names) was corrected, by task and variant."""

    plan: str
    jobs: dict[str, dict[str, JobNote]]


def settle(
    plan: BuildPlan,
    settings: RenderSettings,
    render: Callable[[BuildPlan, JobFiles], list[TaskOutcome]],
) -> Settled:
    """Render a plan, correct it and render it again, until nothing is left to correct."""
    hasher = KeyHasher(settings)
    original, key = plan, _plan_key(plan, job_files(plan, hasher))
    plan = _as_noted(plan, settings.work / SETTLED, key)
    while True:
        files = job_files(plan, hasher)
        outcomes = sorted(render(plan, files), key=lambda outcome: outcome.task)
        texts = compare_texts(
            [
                ((outcome.task, job.variant), job.path, job.record)
                for outcome in outcomes
                if outcome.skip is None
                for job in outcome.jobs
            ],
            settings,
        )
        corrected = _correct(original, plan, outcomes, texts) if plan.recipe.kind == "mixture" else plan
        if _jobs(corrected) == _jobs(plan):
            break
        plan = corrected
    note = {
        task: {
            variant: JobNote(quota=quota, doubles=list(doubles)) for variant, (quota, doubles) in jobs.items()
        }
        for task, jobs in _jobs(plan).items()
    }
    write_artifact(settings.work / SETTLED, SettledNote(plan=key, jobs=note))
    return Settled(files=files, outcomes=outcomes, texts=texts)


def _correct(
    original: BuildPlan, plan: BuildPlan, outcomes: Sequence[TaskOutcome], texts: Texts
) -> BuildPlan:
    """The next plan. Doubles first: what replaces them may be short itself, which the next round shows."""
    if plan.recipe.dedup == "exact" and texts.doubles:
        return _with_doubles(plan, texts.doubles)
    rows = {
        (outcome.task, job.variant): job.record.rows
        for outcome in outcomes
        if outcome.skip is None
        for job in outcome.jobs
    }
    return make_up(original, plan, rows)


def _with_doubles(plan: BuildPlan, doubles: Mapping[JobName, tuple[int, ...]]) -> BuildPlan:
    tasks = []
    for task in plan.tasks:
        jobs = []
        for job in task.jobs:
            more = doubles.get((task.name, job.variant.name), ())
            jobs.append(replace(job, doubles=tuple(sorted({*job.doubles, *more}))) if more else job)
        tasks.append(replace(task, jobs=tuple(jobs)))
    return replace(plan, tasks=tuple(tasks))


def _jobs(plan: BuildPlan) -> dict[str, dict[str, tuple[int, tuple[int, ...]]]]:
    """Quota and doubles of every job, by task and variant."""
    return {
        task.name: {job.variant.name: (job.quota, job.doubles) for job in task.jobs} for task in plan.tasks
    }


def _plan_key(plan: BuildPlan, files: JobFiles) -> str:
    """A hash of all that the outcome depends on: what each job's rows depend on, and how tasks share."""
    jobs = {f"{task}/{variant}": file.path.stem for (task, variant), file in files.items()}
    shares = [
        [
            task.name,
            task.part,
            str(task.weight),
            task.capacity,
            task.job_rows,
            *(str(job.share) for job in task.jobs),
        ]
        for task in plan.tasks
    ]
    return fingerprint([jobs, shares, plan.recipe.model_dump(mode="json")])


def _as_noted(plan: BuildPlan, path: Path, key: str) -> BuildPlan:
    """The plan as an earlier build corrected it in the end, if the same rows go into it."""
    try:
        note = read_artifact(path, SettledNote, CheckError)
    except CheckError:
        return plan
    if note.plan != key:
        return plan
    tasks = []
    for task in plan.tasks:
        noted = note.jobs.get(task.name, {})
        if noted.keys() != {job.variant.name for job in task.jobs}:
            return plan
        jobs = ((job, noted[job.variant.name]) for job in task.jobs)
        tasks.append(
            replace(
                task,
                jobs=tuple(replace(job, quota=n.quota, doubles=tuple(n.doubles)) for job, n in jobs),
            )
        )
    return replace(plan, tasks=tuple(tasks))
