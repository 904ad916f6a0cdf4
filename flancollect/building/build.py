"""Execute a plan: render every task, mix, write, and say what became of each row.

The output folder is a dataset when its manifest is there, and not before. Stopped at any moment, the same
command goes on where it was: finished jobs lie in `.work/rendered`, named by what they depend on.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flancollect.artifacts import (
    VERSION,
    Coverage,
    LicenseRows,
    Manifest,
    Progress,
    Report,
    ShardInfo,
    Skipped,
    TaskRows,
    fingerprint,
    write_artifact,
)
from flancollect.building.cache_keys import JobFiles, delete_unused, job_files, settings_of
from flancollect.building.jobs import TaskDone
from flancollect.building.mix import write_shards
from flancollect.building.scheduler import render_all
from flancollect.building.workers import PeakMemory, load_early
from flancollect.cards.licenses import combined
from flancollect.dataset.dataset_files import refresh, seal
from flancollect.dataset.disk_errors import disk_errors
from flancollect.dataset.folder import acquire_build_folder
from flancollect.dataset.hashing import content_hash
from flancollect.dataset.reader import WORK_FOLDER, read_manifest
from flancollect.dataset.schemas import MIXTURE, columns_of
from flancollect.dataset.shards import SHARD_BYTES, shard_count
from flancollect.errors import CardError, CheckError, FlancollectError, SourceError, UsageError
from flancollect.jinja.evaluate import RENDER_VERSION
from flancollect.planning.candidates import EXPECTED_SKIPS, Skip
from flancollect.planning.plan import BuildPlan, TaskPlan
from flancollect.planning.prepare import BuildRequest, prepare
from flancollect.render.batch import TASK_SOURCES
from flancollect.render.examples import check_examples

REPORT = "report.json"
WORKERS_NEED = ("flancollect.building.scheduler", "flancollect.building.mix")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How to build. None of these changes a byte of the dataset, save `shard_bytes`."""

    out: Path
    workers: int = 1
    strict: bool = False
    overwrite: bool = False
    discard_work: bool = False
    shard_bytes: int = SHARD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished build."""

    manifest: Manifest
    report: Report


def build(wanted: BuildRequest, options: BuildOptions, progress: Progress | None = None) -> Built:
    """Build a mixture or benchmark into a folder.

    Raises UsageError when the folder cannot be used, CheckError when the license policy takes no task,
    CardError for bad cards and templates, SourceError when no task could be built, or, with `strict`, when
    any task was skipped.
    Interrupting leaves the folder ready to resume.
    """
    started = time.monotonic()
    if options.workers < 1:
        raise UsageError(f"--workers {options.workers}: at least one is needed")
    if options.workers > 1:
        load_early(WORKERS_NEED)
    _, plan = prepare(wanted, progress)
    planned = time.monotonic()
    _refuse_hopeless(plan.skipped, plan, strict=options.strict)
    check_examples({task.task.family.name: task.task.family for task in plan.tasks if task.jobs}.values())
    with (
        disk_errors(options.out, "finished tasks are kept"),
        acquire_build_folder(options.out, plan.recipe, overwrite=options.overwrite) as work,
    ):
        settings, peak_memory = settings_of(plan, wanted.access, work), PeakMemory()
        files = job_files(plan, settings)
        outcomes = render_all(plan, settings, files, options.workers, peak_memory)
        done = _watched(outcomes, plan, options, progress)
        rendered = time.monotonic()
        skipped = tuple(sorted([*plan.skipped, *(task.skip for task in done if task.skip is not None)]))
        _refuse_hopeless(skipped, plan, strict=options.strict, built=sum(task.skip is None for task in done))
        manifest = _write(plan, files, done, skipped, options, peak_memory)
        finished = time.monotonic()
        report = _report(
            {"plan": planned - started, "render": rendered - planned, "write": finished - rendered},
            manifest,
            done,
            options.workers,
            peak_memory,
        )
        write_artifact(options.out / REPORT, report)
        if options.discard_work:
            shutil.rmtree(options.out / WORK_FOLDER)
        elif not manifest.coverage.skipped_tasks:
            delete_unused(work, [job.path for task in done for job in task.jobs])
    return Built(manifest=manifest, report=report)


def _watched(
    outcomes: Iterable[TaskDone], plan: BuildPlan, options: BuildOptions, progress: Progress | None
) -> list[TaskDone]:
    """Every task's outcome, sorted by name; each is told as it comes."""
    total = sum(bool(task.jobs) for task in plan.tasks)
    done: list[TaskDone] = []
    for outcome in outcomes:
        done.append(outcome)
        if progress is not None:
            progress("tasks", len(done), total)
        if options.strict and outcome.skip is not None:
            raise _failure([outcome.skip])
    return sorted(done, key=lambda outcome: outcome.task)


def _write(
    plan: BuildPlan,
    files: JobFiles,
    done: Sequence[TaskDone],
    skipped: Sequence[Skip],
    options: BuildOptions,
    peak_memory: PeakMemory,
) -> Manifest:
    """Mix the tasks into shards and seal the folder; shards that hold these very rows already stay."""
    plans = {task.name: task for task in plan.tasks}
    tasks = [row for task in done if task.skip is None for row in _task_rows(plans[task.task], task)]
    jobs = [(job.path, job.record) for task in done for job in task.jobs]
    count = shard_count(sum(record.bytes for _, record in jobs), options.shard_bytes)
    standing = _standing(options.out, plan, tasks, count)
    if standing is not None:
        manifest = _manifest(plan, files, tasks, skipped, standing)
        refresh(options.out, manifest)
        return manifest
    shards = write_shards(
        jobs, options.out, shard_bytes=options.shard_bytes, workers=options.workers, peak_memory=peak_memory
    )
    manifest = _manifest(plan, files, tasks, skipped, shards)
    seal(options.out, manifest)
    return manifest


def _standing(out: Path, plan: BuildPlan, tasks: Sequence[TaskRows], count: int) -> list[ShardInfo] | None:
    """The shards of a finished build in the folder, if these rows would give the same ones again."""
    try:
        old = read_manifest(out)
        sizes = [(out / shard.file).stat().st_size for shard in old.shards]
    except (FlancollectError, OSError):
        return None
    same = (old.flancollect, old.render_version, old.seed) == (VERSION, RENDER_VERSION, plan.seed)
    same = same and _rows_of(old.tasks) == _rows_of(tasks) and len(old.shards) == count
    return old.shards if same and sizes == [shard.bytes for shard in old.shards] else None


def _rows_of(tasks: Iterable[TaskRows]) -> list[tuple[str, str, str]]:
    """What decides over shards: which rows, in which order of jobs."""
    return [(task.task, task.variant, task.rows_sha256) for task in tasks]


def _refuse_hopeless(
    skips: Sequence[Skip], plan: BuildPlan, *, strict: bool, built: int | None = None
) -> None:
    """Stop when nothing can be built, and in strict mode when anything cannot."""
    wrong = [skip for skip in skips if skip.kind not in EXPECTED_SKIPS]
    nothing = (not plan.rows) if built is None else (not built)
    if (strict and wrong) or (nothing and wrong):
        raise _failure(wrong)
    refused = [skip for skip in skips if skip.kind == "license"]
    if nothing and refused:
        shown = "\n".join(f"{skip.task}: {skip.reason}" for skip in refused[:20])
        raise CheckError(f"{plan.name}: the license policy leaves nothing to build\n{shown}")
    if nothing:
        raise UsageError(f"{plan.name}: nothing is left to build; every task is held out")


def _failure(skips: Sequence[Skip]) -> FlancollectError:
    """The error that a list of skipped tasks amounts to: of cards if every one is, of sources otherwise."""
    shown = [f"{skip.task}: {skip.reason}" for skip in skips[:20]]
    rest = [f"... and {len(skips) - 20} more tasks"] if len(skips) > 20 else []
    text = "\n".join([*shown, *rest])
    if all(skip.kind == "card" for skip in skips):
        return MisfitError(text)
    return SourceError(text)


class MisfitError(FlancollectError):
    """Tasks whose cards do not fit their sources; same exit code as CardError."""

    exit_code = CardError.exit_code


def _manifest(
    plan: BuildPlan,
    files: JobFiles,
    tasks: list[TaskRows],
    skipped: Sequence[Skip],
    shards: Sequence[ShardInfo],
) -> Manifest:
    rows = sum(shard.rows for shard in shards)
    jobs = {f"{task}/{variant}": file.path.stem for (task, variant), file in files.items()}
    wrong = [skip for skip in skipped if skip.kind not in EXPECTED_SKIPS]
    whole = combined(row.license for row in tasks if row.rows)
    built = len({task.task for task in tasks})
    return Manifest(
        flancollect=VERSION,
        render_version=RENDER_VERSION,
        kind=plan.kind,
        mixture=plan.name,
        seed=plan.seed,
        rows_asked=plan.asked,
        rows=rows,
        short=plan.rows - rows,
        content_hash=content_hash(MIXTURE, shards),
        recipe_hash=fingerprint(dict(plan.recipe)),
        catalogue_hash=fingerprint(jobs),
        columns=columns_of(MIXTURE),
        shards=list(shards),
        tasks=tasks,
        skipped=[Skipped(task=skip.task, kind=skip.kind, reason=skip.reason) for skip in skipped],
        coverage=Coverage(planned_tasks=built + len(wrong), built_tasks=built, skipped_tasks=len(wrong)),
        license=whole.id,
        license_reason=whole.reason,
        licenses=license_rows(tasks),
        recipe=dict(plan.recipe),
    )


def license_rows(tasks: Iterable[TaskRows]) -> list[LicenseRows]:
    """Rows and tasks by the license that their cards name, the most rows first."""
    rows: Counter[str] = Counter()
    names: dict[str, set[str]] = {}
    for task in tasks:
        rows[task.license] += task.rows
        names.setdefault(task.license, set()).add(task.task)
    return [
        LicenseRows(license=name, rows=rows[name], tasks=len(names[name]))
        for name in sorted(rows, key=lambda name: (-rows[name], name))
    ]


def _task_rows(plan: TaskPlan, done: TaskDone) -> Iterator[TaskRows]:
    card = plan.task.card
    for job in done.jobs:
        yield TaskRows(
            task=card.task,
            submix=card.submix,
            task_source=TASK_SOURCES.get(card.submix, card.submix),
            family=card.family,
            license=card.license,
            citation=card.citation,
            cluster=card.cluster,
            metric=card.metric,
            languages=card.languages,
            source_key=plan.source_key,
            revision=plan.lock.revision,
            variant=job.variant,
            planned=job.planned,
            rows=job.record.rows,
            dropped=job.record.dropped,
            rows_sha256=job.record.rows_sha256,
        )


def _report(
    times: dict[str, float],
    manifest: Manifest,
    done: Sequence[TaskDone],
    workers: int,
    peak_memory: PeakMemory,
) -> Report:
    wall = sum(times.values())
    jobs = [job for task in done for job in task.jobs]
    return Report(
        times={stage: round(seconds, 3) for stage, seconds in times.items()},
        wall_s=round(wall, 3),
        rows_per_s=round(manifest.rows / wall, 1),
        peak_rss_mb=round(_peak_rss_mb(peak_memory), 1),
        workers=workers,
        rendered_jobs=sum(not job.reused for job in jobs),
        reused_jobs=sum(job.reused for job in jobs),
        copied_rows=sum(job.copied for job in jobs),
        fallbacks=dict(sorted(sum((Counter(job.fallbacks) for job in jobs), Counter[str]()).items())),
    )


def _peak_rss_mb(peak_memory: PeakMemory) -> float:
    """Peak resident memory of this process plus that of the largest worker, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (own + max(peak_memory.values(), default=0)) * unit / (1024 * 1024)


def default_workers() -> int:
    """One worker per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
