"""One task from source to rendered rows: what a worker does, in any order, with equal bytes.

Every job's rows are a file named by all that they depend on (`job_files`), which is whole when it is there:
so resuming and rebuilding are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from flancollect.artifacts import JobRecord
from flancollect.building.cache_keys import JobFile, JobFiles, Settings, styles_for, template_hash
from flancollect.building.reuse import GONE, Earlier, earlier_rows
from flancollect.building.task_source import MORSEL_ROWS, Pool, TaskSource
from flancollect.dataset.job_file import read_record, write_rendered
from flancollect.dataset.row_codec import SOURCE_ROW, Block, Decoder, concat, encode, part, take
from flancollect.draw import Ints
from flancollect.errors import CardError, SourceError
from flancollect.planning.candidates import Skip
from flancollect.planning.plan import Job, TaskPlan
from flancollect.render.batch import to_batch
from flancollect.render.normalise import Content
from flancollect.render.picks import DrawScope, pick_rows, templates_drawn
from flancollect.render.prompts import ExampleStore, render_prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDone:
    """A rendered job: its file, its record, and whether it was there already.

    `copied` counts the rows that an earlier run of the job had already; `fallbacks`, by template, the rows of
    this run that generated code left to reference Jinja.
    """

    variant: str
    planned: int
    path: Path
    record: JobRecord
    reused: bool
    copied: int = 0
    fallbacks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDone:
    """What became of one task: its jobs, or why it was skipped."""

    task: str
    jobs: tuple[JobDone, ...] = ()
    skip: Skip | None = None


def rendered_before(job: Job, file: JobFile) -> JobDone | None:
    """A job that is done already. A file that is damaged counts for nothing."""
    record = read_record(file.path)
    if record is None:
        return None
    return JobDone(variant=job.variant.name, planned=job.quota, path=file.path, record=record, reused=True)


def render_task(plan: TaskPlan, settings: Settings, files: JobFiles) -> TaskDone:
    """Render all jobs of a task, or of a part of one. A failing source or template skips the task.

    Rows that earlier runs of a job have are copied where they would come out the same; that changes no byte.
    """
    source = TaskSource(plan=plan, seed=settings.seed, shots=settings.shots, access=settings.access)
    under_way = [_begun(source, job, settings, files[plan.name, job.variant.name]) for job in plan.jobs]
    try:
        banned = source.banned()
        few_shot = any(job.variant.few_shot for job in plan.jobs)
        source.hold([_begins_with(job) for job in under_way], exemplars=few_shot)
        jobs = tuple(_render_job(job, banned) for job in under_way)
    except CardError as error:
        return TaskDone(task=plan.name, skip=Skip(task=plan.name, kind="card", reason=str(error)))
    except SourceError as error:
        return TaskDone(task=plan.name, skip=Skip(task=plan.name, kind="source", reason=str(error)))
    return TaskDone(task=plan.name, jobs=jobs)


def render_batches(plan: TaskPlan, job: Job, settings: Settings) -> Iterator[pa.RecordBatch]:
    """The rows of one job (schema MIXTURE) in the order they are drawn, without writing anything."""
    source = TaskSource(plan=plan, seed=settings.seed, shots=settings.shots, access=settings.access)
    for block in _blocks(_begun(source, job, settings, JobFile(path=Path())), source.banned()):
        yield Decoder(block).rows(np.arange(block.rows))


# --- inside ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnderWay:
    """One job while it is rendered, with what is counted on the way.

    Counted are the rows that fell away by reason, those left to Jinja by template, and those `copied` by repeat.
    """

    source: TaskSource
    job: Job
    settings: Settings
    store: ExampleStore
    path: Path
    earlier: Earlier
    dropped: Counter[str]
    fallbacks: Counter[str]
    copied: Counter[int]

    def names(self, repeat: int) -> DrawScope:
        """What keys the decisions of one use of the rows."""
        plan = self.source.plan
        return DrawScope(seed=self.settings.seed, task=plan.name, variant=self.job.variant, repeat=repeat)

    def there(self, names: DrawScope, ids: Ints) -> Ints:
        """For each row its number in the earlier run, or `GONE`."""
        return self.earlier.find(names.repeat, ids, templates_drawn(names, ids, len(self.job.templates)))


def _begun(source: TaskSource, job: Job, settings: Settings, file: JobFile) -> _UnderWay:
    fallbacks = Counter[str]()
    return _UnderWay(
        source=source,
        job=job,
        settings=settings,
        store=ExampleStore(source.plan.task.family, settings.styles, fallbacks),
        path=file.path,
        earlier=earlier_rows(file.earlier, job.templates),
        dropped=Counter(),
        fallbacks=fallbacks,
        copied=Counter(),
    )


def _begins_with(under_way: _UnderWay) -> Ints:
    """The source rows that are needed first, but for those whose rows are there."""
    names = under_way.names(0)
    ids = under_way.source.drawn(names)[: under_way.job.quota]
    return ids.compress(under_way.there(names, ids) == GONE)


def _render_job(under_way: _UnderWay, banned: frozenset[Content]) -> JobDone:
    job = under_way.job
    templates = {template.id: template_hash(template) for template in job.templates}
    record = write_rendered(under_way.path, _blocks(under_way, banned), under_way.dropped, templates)
    return JobDone(
        variant=job.variant.name,
        planned=job.quota,
        path=under_way.path,
        record=record,
        reused=False,
        copied=under_way.copied.total(),
        fallbacks=dict(sorted(under_way.fallbacks.items())),
    )


def _blocks(under_way: _UnderWay, banned: frozenset[Content]) -> Iterator[Block]:
    """Rows until the quota is met or every row has been used `max_repeat` times."""
    left, source = under_way.job.quota, under_way.source
    pool = source.pool(under_way.job.variant, banned)
    for repeat in range(under_way.settings.max_repeat):
        names = under_way.names(repeat)
        order = source.order(names, pool)
        while left and len(order):
            spare = left // 8 + 16 if under_way.dropped else 0
            size = min(MORSEL_ROWS, left + spare)
            ids, order = order[:size], order[size:]
            block = _morsel(under_way, names, ids, banned, pool)
            kept = part(block, 0, min(left, block.rows))
            left -= kept.rows
            yield kept


def _morsel(
    under_way: _UnderWay, names: DrawScope, ids: Ints, banned: frozenset[Content], pool: Pool
) -> Block:
    """The rows that come of some source rows, in their order: copied from an earlier run, or rendered."""
    numbers = under_way.there(names, ids)
    rendered = _rendered(under_way, names, ids[numbers == GONE], banned, pool)
    if (numbers == GONE).all():
        return rendered
    copied = under_way.earlier.rows(numbers[numbers != GONE])
    under_way.copied[names.repeat] += copied.rows
    rows = concat([copied, rendered])
    by_id = np.argsort(ids)
    places = by_id[np.searchsorted(ids, rows.entries[SOURCE_ROW], sorter=by_id)]
    return take(rows, np.argsort(places))


def _rendered(
    under_way: _UnderWay, names: DrawScope, ids: Ints, banned: frozenset[Content], pool: Pool
) -> Block:
    plan, shots, dropped = under_way.source.plan, under_way.settings.shots, under_way.dropped
    styles = styles_for(plan, under_way.settings.styles)
    rows = under_way.source.read(plan.split.name, ids, dropped, banned)
    picks = pick_rows(names, rows, under_way.job.templates, styles, pool.rows, shots)
    picked = list(zip(rows, picks, strict=True))
    prompts = render_prompts(picked, under_way.store, styles, shots.max_input_bytes, dropped)
    return encode(to_batch(prompts, names, plan.task.card.submix, plan.split.name, pool.source))
