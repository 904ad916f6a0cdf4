"""What a finished build says of itself: `manifest.json`, and `report.json` of the run that made it."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from flancollect.artifacts import (
    Coverage,
    LicenseRows,
    Manifest,
    PartRows,
    Report,
    ShardInfo,
    Skipped,
    TaskRows,
    __version__,
    fingerprint,
)
from flancollect.building.cache_keys import JobFiles, every_row_key, template_hash
from flancollect.building.doubles import Texts
from flancollect.building.jobs import TaskOutcome
from flancollect.building.workers import PeakMemory
from flancollect.cards.licenses import combined
from flancollect.dataset.hashing import content_hash
from flancollect.dataset.schemas import columns_of, schema_of
from flancollect.jinja.evaluate import RENDER_VERSION
from flancollect.planning.plan import BuildPlan
from flancollect.planning.selection import EXPECTED_SKIPS, Skip, missing_tasks
from flancollect.planning.task_plan import TaskPlan
from flancollect.render.batch import TASK_SOURCES


def make_manifest(
    plan: BuildPlan,
    files: JobFiles,
    tasks: Sequence[TaskRows],
    skipped: Sequence[Skip],
    shards: Sequence[ShardInfo],
    texts: Texts,
) -> Manifest:
    """The manifest of a build that holds these shards. No time and no machine enters.

    `plan` is the first one, before any row was rendered; `tasks` has what became of it.
    """
    schema = schema_of(plan.recipe.kind)
    rows = sum(shard.rows for shard in shards)
    # The cache keys hash cards, templates and styles as far as rows depend on them.
    keys = {
        f"{task.name}/{job.variant.name}": [
            every_row_key(files[task.name, job.variant.name]),
            [template_hash(template) for template in job.templates],
        ]
        for task in plan.tasks
        for job in task.active_jobs
    }
    # Tasks that were left out on purpose are not part of the coverage.
    failures = sum(skip.kind not in EXPECTED_SKIPS for skip in skipped)
    whole = combined(task.license for task in tasks if task.rows)
    built = len({task.task for task in tasks})
    recipe = plan.recipe.model_dump(mode="json")
    asked = Counter[str]()
    for task in tasks:
        asked[task.task] += task.rows
    lacking = plan.lacking_questions(asked)
    return Manifest(
        flancollect=__version__,
        render_version=RENDER_VERSION,
        kind=plan.recipe.kind,
        mixture=plan.name,
        seed=plan.recipe.seed,
        rows_asked=plan.rows_asked,
        rows=rows,
        short=plan.rows - rows,
        distinct_rows=texts.distinct,
        source_rows=texts.source_rows,
        parts=part_rows(plan, tasks),
        content_hash=content_hash(schema, shards),
        recipe_hash=fingerprint(recipe),
        catalogue_hash=fingerprint(keys),
        columns=columns_of(schema),
        shards=list(shards),
        tasks=list(tasks),
        skipped=[Skipped(task=skip.task, kind=skip.kind, reason=skip.reason) for skip in skipped],
        complete=plan.recipe.kind == "mixture" or not (lacking or plan.recipe.only or missing_tasks(skipped)),
        lacking=lacking,
        coverage=Coverage(planned_tasks=built + failures, built_tasks=built, skipped_tasks=failures),
        license=whole.id,
        license_reason=whole.reason,
        licenses=license_rows(tasks),
        recipe=recipe,
    )


def part_rows(plan: BuildPlan, tasks: Iterable[TaskRows]) -> list[PartRows]:
    """What each part of the recipe was to give, and what it gave, in the order of the recipe."""
    parts = {task.name: task.part for task in plan.tasks}
    planned, rows = Counter[str](), Counter[str]()
    for task in plan.tasks:
        planned[task.part] += task.quota
    for of_task in tasks:
        rows[parts[of_task.task]] += of_task.rows
    return [
        PartRows(part=part, share=float(share), planned=planned[part], rows=rows[part])
        for part, share in plan.shares.items()
    ]


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


def task_rows(plan: TaskPlan, outcome: TaskOutcome) -> Iterator[TaskRows]:
    """What a task gave, one entry per variant."""
    card, planned = plan.task.card, {job.variant.name: job.quota for job in plan.jobs}
    for job in outcome.jobs:
        yield TaskRows(
            task=card.task,
            submix=card.submix,
            task_source=TASK_SOURCES.get(card.submix, card.submix),
            family=card.family,
            license=card.license,
            citation=card.citation,
            cluster=card.cluster,
            subject=card.subject or "",
            metric=card.metric,
            languages=card.languages,
            source_key=plan.source_key,
            revision=plan.lock.revision,
            variant=job.variant,
            planned=planned[job.variant],
            rows=job.record.rows,
            shortened=job.record.shortened,
            dropped=job.record.dropped,
            rows_sha256=job.record.rows_sha256,
        )


def make_report(
    seconds: Mapping[str, float],
    manifest: Manifest,
    outcomes: Sequence[TaskOutcome],
    workers: int,
    peak_memory: PeakMemory,
) -> Report:
    """How the run went. `seconds` by stage; memory is that of this process plus that of the largest worker."""
    wall = sum(seconds.values())
    jobs = [job for outcome in outcomes for job in outcome.jobs]
    # getrusage counts in KiB, save on macOS, where it counts in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + max(peak_memory.values(), default=0)
    return Report(
        times={stage: round(duration, 3) for stage, duration in seconds.items()},
        wall_s=round(wall, 3),
        rows_per_s=round(manifest.rows / wall, 1),
        peak_rss_mb=round(peak * unit / (1024 * 1024), 1),
        workers=workers,
        rendered_jobs=sum(not job.reused for job in jobs),
        reused_jobs=sum(job.reused for job in jobs),
        copied_rows=sum(job.copied for job in jobs),
        fallbacks=dict(sorted(sum((Counter(job.fallbacks) for job in jobs), Counter[str]()).items())),
    )
