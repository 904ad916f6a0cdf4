"""Execute a plan: render every task, mix, write, and say what became of each row.

The output folder is a dataset when its manifest is there, and not before. Stopped at any moment, the same
command goes on where it was: finished jobs lie in `.work/rendered`, named by what they depend on.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flancollect.artifacts import (
    Manifest,
    PathLike,
    Progress,
    Report,
    ShardInfo,
    TaskRows,
    __version__,
    write_artifact,
)
from flancollect.building.cache_keys import JobFiles, delete_unused
from flancollect.building.doubles import NO_TEXTS
from flancollect.building.jobs import JobOutcome, TaskOutcome
from flancollect.building.manifest import make_manifest, make_report, task_rows
from flancollect.building.mix import write_shards
from flancollect.building.refusal import failure_of, refuse_empty, refuse_incomplete
from flancollect.building.scheduler import render_all
from flancollect.building.settings import RenderSettings, render_settings
from flancollect.building.settle import settle
from flancollect.building.workers import PeakMemory, load_early
from flancollect.dataset.dataset_files import refresh, seal
from flancollect.dataset.disk_errors import disk_errors
from flancollect.dataset.folder import acquire_build_folder
from flancollect.dataset.reader import WORK_FOLDER, read_manifest
from flancollect.dataset.shards import SHARD_BYTES, shard_count
from flancollect.errors import FlancollectError, UsageError
from flancollect.jinja.evaluate import RENDER_VERSION
from flancollect.planning.plan import BuildPlan, plan
from flancollect.planning.request import BuildRequest, as_request
from flancollect.planning.selection import EXPECTED_SKIPS, Skip
from flancollect.render.examples import check_examples

REPORT = "report.json"
WORKER_MODULES = ("flancollect.building.scheduler", "flancollect.building.mix")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How to build. None of these changes a byte of the dataset, save `shard_bytes`.

    `strict` stops at a task that must be skipped, `allow_incomplete` builds a benchmark of which tasks are missing (no
    score of it can be compared), `overwrite` replaces another build in the folder, `discard_work` deletes what a
    later build could reuse.
    """

    workers: int = 1
    strict: bool = False
    allow_incomplete: bool = False
    overwrite: bool = False
    discard_work: bool = False
    shard_bytes: int = SHARD_BYTES

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if type(self.workers) is not int or type(self.shard_bytes) is not int:
            raise UsageError(
                f"workers={self.workers!r}, shard_bytes={self.shard_bytes!r}: give whole numbers"
            )
        if self.workers < 1:
            raise UsageError(f"--workers {self.workers}: at least one is needed")
        if self.shard_bytes < 1:
            raise UsageError(
                f"shard_bytes={self.shard_bytes}: a shard holds at least one row, of a byte or more"
            )


DEFAULTS = BuildOptions()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BuildResult:
    """A finished build: what it holds, and how the run went."""

    manifest: Manifest
    report: Report

    def __repr__(self) -> str:
        """One line, as notebooks print what a cell gives: a manifest has thousands of tasks."""
        manifest = self.manifest
        return (
            f"BuildResult({manifest.mixture}: {manifest.rows:,} rows, content hash {manifest.content_hash})"
        )


def build(
    request: BuildRequest | str,
    out: PathLike,
    options: BuildOptions = DEFAULTS,
    progress: Progress | None = None,
) -> BuildResult:
    """Build a mixture or benchmark into a folder.

    Raises UsageError when the folder cannot be used, CheckError when the license policy takes no task,
    CardError for bad cards and templates, SourceError when no task could be built, or, with `strict`, when
    any task was skipped, or when a benchmark lacks a task and `allow_incomplete` is not set. Interrupting leaves the
    folder ready to resume.
    """
    request, out = as_request(request), Path(out)
    started = time.monotonic()
    if options.workers > 1:
        # Imports take a second, and so does planning: workers import while this process plans.
        load_early(WORKER_MODULES)
    build_plan = plan(request, progress)
    refuse_empty(build_plan.name, build_plan.skipped, rows=build_plan.rows, strict=options.strict)
    if not options.allow_incomplete:
        refuse_incomplete(build_plan.recipe, build_plan.skipped)
    # A template that fails on its family's own example would fail on every row, and after all the work.
    families = {task.task.family.name: task.task.family for task in build_plan.tasks if task.quota}
    check_examples(families.values())
    planned = time.monotonic()

    recipe = build_plan.recipe.model_dump(mode="json")
    with (
        disk_errors(out, "finished tasks are kept"),
        acquire_build_folder(out, recipe, overwrite=options.overwrite) as work,
    ):
        run = _Run(build_plan, render_settings(build_plan, request.access, work), options)
        run.render(progress)
        rendered = time.monotonic()

        manifest = run.write(out)
        written = time.monotonic()

        seconds = {"plan": planned - started, "render": rendered - planned, "write": written - rendered}
        report = make_report(seconds, manifest, run.outcomes, options.workers, run.peak_memory)
        write_artifact(out / REPORT, report)
        if options.discard_work:
            shutil.rmtree(out / WORK_FOLDER)
        elif not manifest.coverage.skipped_tasks:
            # A skipped task may be back tomorrow, and its rows of yesterday with it.
            delete_unused(work, [job.path for outcome in run.outcomes for job in outcome.jobs])
    return BuildResult(manifest=manifest, report=report)


class _Run:
    """A plan that is being executed. `outcomes` are those of its tasks, sorted by name."""

    def __init__(self, plan: BuildPlan, settings: RenderSettings, options: BuildOptions) -> None:
        self.plan = plan
        self.settings = settings
        self.options = options
        self.files: JobFiles = {}
        self.peak_memory = PeakMemory()
        self.outcomes: Sequence[TaskOutcome] = ()
        self.texts = NO_TEXTS

    def render(self, progress: Progress | None) -> None:
        """Render every task, until the plan stands. Raises as `build` does."""
        workers, strict = self.options.workers, self.options.strict
        stage = "tasks"
        rendered: dict[Path, JobOutcome] = {}

        def render(plan: BuildPlan, files: JobFiles) -> list[TaskOutcome]:
            nonlocal stage
            total, outcomes = sum(bool(task.quota) for task in plan.tasks), list[TaskOutcome]()
            for outcome in render_all(plan, self.settings, files, workers, self.peak_memory, rendered):
                outcomes.append(outcome)
                if progress is not None:
                    progress(stage, len(outcomes), total)
                if strict and outcome.skip is not None and outcome.skip.kind not in EXPECTED_SKIPS:
                    raise failure_of([outcome.skip])
            rendered.update({job.path: job for outcome in outcomes for job in outcome.jobs})
            stage = "making up for rows that fell away"
            return outcomes

        settled = settle(self.plan, self.settings, render)
        self.files, self.outcomes, self.texts = settled.files, settled.outcomes, settled.texts
        built = sum(outcome.skip is None for outcome in self.outcomes)
        refuse_empty(self.plan.name, self.skipped(), rows=built, strict=strict)
        if not self.options.allow_incomplete:
            refuse_incomplete(self.plan.recipe, self.skipped())

    def skipped(self) -> list[Skip]:
        """The tasks that are not in the build: those that planning skipped or gave no row, and those that failed."""
        failed = [outcome.skip for outcome in self.outcomes if outcome.skip is not None]
        idle = self.plan.without_rows({outcome.task for outcome in self.outcomes})
        return sorted([*self.plan.skipped, *failed, *idle])

    def write(self, out: Path) -> Manifest:
        """Mix the tasks into shards and seal the folder; shards that hold these very rows already stay."""
        # A task that was skipped while others rendered leaves no rows, not even those of its finished jobs.
        plans = {task.name: task for task in self.plan.tasks}
        built = [outcome for outcome in self.outcomes if outcome.skip is None]
        tasks = [rows for outcome in built for rows in task_rows(plans[outcome.task], outcome)]
        jobs = [(job.path, job.record) for outcome in built for job in outcome.jobs]
        shards = self._unchanged_shards(out, tasks, sum(record.bytes for _, record in jobs))
        if shards is not None:
            manifest = make_manifest(self.plan, self.files, tasks, self.skipped(), shards, self.texts)
            refresh(out, manifest)
            return manifest
        shards = write_shards(
            jobs,
            out,
            shard_bytes=self.options.shard_bytes,
            workers=self.options.workers,
            peak_memory=self.peak_memory,
            schema=self.settings.schema,
        )
        manifest = make_manifest(self.plan, self.files, tasks, self.skipped(), shards, self.texts)
        seal(out, manifest)
        return manifest

    def _unchanged_shards(
        self, out: Path, tasks: Sequence[TaskRows], values_bytes: int
    ) -> list[ShardInfo] | None:
        """The shards of a finished build in the folder, if these rows would give the same ones again."""
        try:
            old = read_manifest(out)
            sizes = [(out / shard.file).stat().st_size for shard in old.shards]
        except (FlancollectError, OSError):
            return None
        # What decides over shards: which rows, in which order of jobs, shuffled by which seed, in how many files.
        # Sizes are compared, bytes are not: `verify` reads them.
        old_rows, new_rows = (
            [(task.task, task.variant, task.rows_sha256) for task in rows] for rows in (old.tasks, tasks)
        )
        same = (
            (old.flancollect, old.render_version, old.seed)
            == (__version__, RENDER_VERSION, self.settings.seed)
            and old_rows == new_rows
            and len(old.shards) == shard_count(values_bytes, self.options.shard_bytes)
        )
        return old.shards if same and sizes == [shard.bytes for shard in old.shards] else None


def default_workers() -> int:
    """One worker per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
