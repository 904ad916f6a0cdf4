"""One task from source to rendered tables: what a worker does, in any order, with equal bytes.

Every job's table is a file named by the fingerprint of all that it depends on, with a JSON record beside it
that is written last. A record that fits its file means the job is done: resuming and rebuilding are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import JobRecord, fingerprint, read_artifact, write_artifact
from flancollect.candidates import Skip
from flancollect.cards.entries import Task
from flancollect.cards.models import Shots
from flancollect.cards.splits import SplitSlice
from flancollect.cards.styles import StyleSet
from flancollect.errors import CardError, FlancollectError, SourceError
from flancollect.plan import BuildPlan, Job, TaskPlan
from flancollect.render.batch import to_batch
from flancollect.render.compile import RENDER_VERSION
from flancollect.render.picks import Names, pick_rows
from flancollect.render.table import ExampleStore, render_prompts
from flancollect.sources.table import Access
from flancollect.task_source import MORSEL_ROWS, Pool, TaskSource
from flancollect.writing.rendered import write_rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all tasks of one build share. `work` is the folder of rendered tables."""

    seed: int
    max_repeat: int
    shots: Shots
    styles: StyleSet
    access: Access
    work: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDone:
    """A rendered job: its file, its record, and whether it was there already.

    `fallbacks` counts, by wording, the rows of this run that generated code left to reference Jinja.
    """

    variant: str
    planned: int
    path: Path
    record: JobRecord
    reused: bool
    fallbacks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDone:
    """What became of one task: its jobs, or why it was skipped."""

    task: str
    jobs: tuple[JobDone, ...] = ()
    skip: Skip | None = None


def settings_of(plan: BuildPlan, access: Access, work: Path) -> Settings:
    """The settings that a plan's tasks share."""
    return Settings(
        seed=plan.seed,
        max_repeat=plan.max_repeat,
        shots=plan.shots,
        styles=plan.styles,
        access=access,
        work=work,
    )


def render_task(plan: TaskPlan, settings: Settings) -> TaskDone:
    """Render all jobs of a task, or of a part of one. A failing source or template skips the task."""
    source = TaskSource(plan=plan, seed=settings.seed, shots=settings.shots, access=settings.access)
    try:
        banned = source.banned()
        source.hold(plan.jobs)
        jobs = tuple(_render_job(source, job, settings, banned) for job in plan.jobs)
    except CardError as error:
        return TaskDone(task=plan.name, skip=Skip(task=plan.name, kind="card", reason=str(error)))
    except SourceError as error:
        return TaskDone(task=plan.name, skip=Skip(task=plan.name, kind="source", reason=str(error)))
    return TaskDone(task=plan.name, jobs=jobs)


def rendered_before(plan: TaskPlan, job: Job, settings: Settings) -> JobDone | None:
    """A job that is done already. A record that is broken, or whose file is not as it says, counts for nothing."""
    path = job_path(plan, job, settings)
    try:
        record = read_artifact(path.with_suffix(".json"), JobRecord, FlancollectError)
        if path.stat().st_size != record.file_bytes:
            return None
    except (FlancollectError, OSError):
        return None
    return _job_done(job, path, record, reused=True)


def job_path(plan: TaskPlan, job: Job, settings: Settings) -> Path:
    """The file of a job's rows; its record lies beside it."""
    return settings.work / f"{job_fingerprint(plan, job, settings)}.arrow"


def job_fingerprint(plan: TaskPlan, job: Job, settings: Settings) -> str:
    """The name of a job's work: a hash of everything that its rows depend on, and of nothing else."""
    styles, few_shot = _styles_used(plan, job, settings.styles), job.variant.few_shot
    return fingerprint(
        {
            "render_version": RENDER_VERSION,
            "seed": settings.seed,
            "card": _meaning(plan.task),
            "source": [plan.source_key, plan.lock.revision],
            "split": _slice_of(plan.split),
            "pool": _slice_of(plan.pool) if few_shot else None,
            "lender": _lender(plan) if few_shot else None,
            "held_out": [_slice_of(slice_) for slice_ in plan.held_out],
            "needs": dict(plan.task.family.needs),
            "variant": job.variant.name,
            "quota": job.quota,
            "max_repeat": settings.max_repeat,
            "wordings": [[w.id, w.intro, w.input, w.target] for w in job.wordings],
            "shots": settings.shots.model_dump() if few_shot else None,
            "styles": {
                kind: {name: style.model_dump() for name, style in getattr(styles, kind).items()}
                for kind in ("options", "shots", "dialogs")
            },
        }
    )


def render_batches(plan: TaskPlan, job: Job, settings: Settings) -> Iterator[pa.RecordBatch]:
    """The rows of one job (schema RENDERED) in the order they are drawn, without writing anything."""
    source = TaskSource(plan=plan, seed=settings.seed, shots=settings.shots, access=settings.access)
    banned = source.banned()
    yield from _batches(source, job, settings, banned, source.pool(job.variant, banned), _Tally())


def styles_for(plan: TaskPlan, styles: StyleSet) -> StyleSet:
    """The styles of a build as one task's picks see them: dialog styles only where a field holds turns."""
    has_turns = "turns" in plan.task.family.needs.values()
    return styles if has_turns else StyleSet(options=styles.options, shots=styles.shots)


@dataclass(frozen=True, slots=True)
class _Tally:
    """What one job counts on its way: rows that fell away by reason, and rows left to Jinja by wording."""

    dropped: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)


# --- inside ------------------------------------------------------------------------------------------------


_SAID_ABOUT = {
    "source",
    "rows",
    "license",
    "citation",
    "metric",
    "reason",
    "substitute",
    "original_rows",
    "note",
    "lint",
}
"""Keys of a card that no row depends on, or that are hashed as what they stand for."""


def _meaning(task: Task) -> dict[str, object]:
    """All of a card that its rows depend on."""
    return task.card.model_dump(mode="json", exclude=_SAID_ABOUT)


def _lender(plan: TaskPlan) -> list[object] | None:
    if plan.lender is None:
        return None
    return [plan.lender.source_key, plan.lender.lock.revision, _meaning(plan.lender.task)]


def _slice_of(slice_: SplitSlice) -> list[str | None]:
    return [slice_.name, slice_.start, slice_.stop]


def _styles_used(plan: TaskPlan, job: Job, styles: StyleSet) -> StyleSet:
    lists_options = job.variant.options and any(w.shows_options for w in job.wordings)
    seen = styles_for(plan, styles)
    return StyleSet(
        options=seen.options if lists_options else {},
        shots=seen.shots if job.variant.few_shot else {},
        dialogs=seen.dialogs,
    )


def _job_done(job: Job, path: Path, record: JobRecord, *, reused: bool) -> JobDone:
    return JobDone(variant=job.variant.name, planned=job.quota, path=path, record=record, reused=reused)


def _render_job(source: TaskSource, job: Job, settings: Settings, banned: frozenset[int]) -> JobDone:
    tally = _Tally()
    pool = source.pool(job.variant, banned)
    path = job_path(source.plan, job, settings)
    info = write_rendered(path, _batches(source, job, settings, banned, pool, tally))
    record = JobRecord(
        rows=info.rows,
        bytes=info.bytes,
        file_bytes=info.file_bytes,
        rows_sha256=info.rows_sha256,
        dropped=dict(sorted(tally.dropped.items())),
    )
    write_artifact(path.with_suffix(".json"), record, durable=False)
    done = _job_done(job, path, record, reused=False)
    return replace(done, fallbacks=dict(sorted(tally.fallbacks.items())))


def _batches(
    source: TaskSource,
    job: Job,
    settings: Settings,
    banned: frozenset[int],
    pool: Pool,
    tally: _Tally,
) -> Iterator[pa.RecordBatch]:
    """Rendered rows until the quota is met or every row has been used `max_repeat` times."""
    plan, left = source.plan, job.quota
    store = ExampleStore(plan.task.family, settings.styles, tally.fallbacks)
    styles = styles_for(plan, settings.styles)
    for repeat in range(settings.max_repeat):
        names = Names(seed=settings.seed, task=plan.name, variant=job.variant, repeat=repeat)
        order = source.order(names, pool)
        while left and len(order):
            spare = left // 8 + 16 if tally.dropped else 0
            size = min(MORSEL_ROWS, left + spare)
            ids, order = order[:size], order[size:]
            rows = source.read(plan.split.name, ids, tally.dropped, banned)
            picks = pick_rows(names, rows, job.wordings, styles, pool.rows, settings.shots)
            picked = list(zip(rows, picks, strict=True))
            prompts = render_prompts(picked, store, styles, settings.shots.max_input_bytes, tally.dropped)
            kept, left = prompts[:left], max(left - len(prompts), 0)
            if kept:
                yield to_batch(kept, names, plan.task.card.submix, plan.split.name, pool.source)
