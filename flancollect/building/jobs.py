"""One task, rendered: what a worker does, in any order, with equal bytes.

Every job's rows are a file named by all that they depend on (`cache_keys`), which is whole when it is there:
so resuming and rebuilding are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from flancollect.artifacts import JobRecord
from flancollect.building.cache_keys import JobFile, JobFiles, template_hash, twin_of
from flancollect.building.doubles import EarlierTexts, InvertedInputs
from flancollect.building.reuse import MISSING, previous_rows
from flancollect.building.settings import RenderSettings
from flancollect.building.task_source import MORSEL_ROWS, TaskSource
from flancollect.cards.styles import Styles
from flancollect.dataset.job_file import read_record, write_rendered
from flancollect.dataset.row_codec import SOURCE_ROW, Block, Decoder, concat, encode, part, take
from flancollect.draw import Ints
from flancollect.errors import CardError, HoldOutError, SourceError
from flancollect.planning.selection import Skip
from flancollect.planning.task_plan import Job, TaskPlan
from flancollect.render.batch import to_batch
from flancollect.render.picks import DrawScope, draw_templates, pick_rows
from flancollect.render.prompts import ExampleStore, render_prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """A rendered job: its file, its record, and whether the file was there already.

    `copied` counts the rows that a previous run of the job had already; `fallbacks`, by template, the rows of
    this run that generated code left to reference Jinja.
    """

    variant: str
    path: Path
    record: JobRecord
    reused: bool
    copied: int = 0
    fallbacks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """What became of one task: its jobs, or why it was skipped."""

    task: str
    jobs: tuple[JobOutcome, ...] = ()
    skip: Skip | None = None


def finished_job(job: Job, file: JobFile, settings: RenderSettings) -> JobOutcome | None:
    """A job whose file is there, whole; a file that is damaged counts for nothing."""
    record = read_record(file.path, settings.schema)
    if record is None:
        return None
    return JobOutcome(variant=job.variant.name, path=file.path, record=record, reused=True)


def render_task(
    plan: TaskPlan, jobs: Sequence[Job], settings: RenderSettings, files: JobFiles
) -> TaskOutcome:
    """Render these jobs of a task, of each pair of twins the one with options first.

    A failing source or template skips the task. Rows that previous runs of a job have are copied where they would
    come out the same; that changes no byte.
    """
    source = TaskSource(plan, settings)
    running = []
    for job in jobs:
        twin = twin_of(plan, job)
        twin_file = files[plan.name, twin.variant.name].path if twin is not None else None
        running.append(RunningJob(source, job, files[plan.name, job.variant.name], twin_file))
    try:
        few_shot = any(job.variant.few_shot for job in jobs)
        source.cache_rows([job.first_rows() for job in running], exemplars=few_shot)
        return TaskOutcome(task=plan.name, jobs=tuple(job.run() for job in running))
    except HoldOutError:  # no fault of this task: without the questions no task can be trusted
        raise
    # A worker hands back what went wrong as a value: one bad task must not stop the others.
    except CardError as error:
        return TaskOutcome(task=plan.name, skip=Skip(task=plan.name, kind="card", reason=str(error)))
    except SourceError as error:
        return TaskOutcome(task=plan.name, skip=Skip(task=plan.name, kind="source", reason=str(error)))
    except pa.ArrowException as error:
        reason = f"{plan.source_key}: its rows make no table: {' '.join(str(error).split())}"[:500]
        return TaskOutcome(task=plan.name, skip=Skip(task=plan.name, kind="source", reason=reason))


def render_batches(
    plan: TaskPlan, job: Job, settings: RenderSettings, dropped: Counter[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of one job, in the build's schema and in the order they are drawn, without writing anything.

    `dropped` is given the rows that fell away on the way, by reason.
    """
    running = RunningJob(TaskSource(plan, settings), job, JobFile(path=Path()))
    for block in running.blocks():
        yield Decoder(block).rows(np.arange(block.rows))
    if dropped is not None:
        dropped.update(running.dropped)


def no_usable_row(plan: TaskPlan, dropped: Mapping[str, int]) -> str:
    """Why a task gives nothing."""
    reasons = "; ".join(f"{count} rows: {reason}" for reason, count in dropped.items())
    return f"{plan.source_key}: none of {plan.rows} rows is usable ({reasons})"


class RunningJob:
    """One job while it is rendered, and what is counted on the way.

    Counted are the rows that fall away by reason, those left to Jinja by template, and those that are copied.
    """

    def __init__(self, source: TaskSource, job: Job, file: JobFile, twin: Path | None = None) -> None:
        """`twin` is the finished file of the job's twin, whose texts are not to be made a second time."""
        self._source = source
        self._settings = source.settings
        self._job = job
        self._path = file.path
        self._twin = twin
        self._previous = previous_rows(file.previous, job.templates, source.settings.schema)
        self.dropped = Counter[str]()
        self._copied = 0

    @cached_property
    def _store(self) -> ExampleStore:
        """The examples of the rows that are rendered: a job of which every row is copied needs none."""
        family, styles = self._source.plan.task.family, self._settings.styles
        if "turns" not in family.needs.values():
            # Picks draw a dialog style for every row; where no field holds turns, none may be recorded.
            styles = Styles(options=styles.options, shots=styles.shots)
        return ExampleStore(family, styles)

    def first_rows(self) -> Ints:
        """The source rows that are needed first, but for those whose prompts can be copied."""
        scope = self._scope(0)
        ids = self._source.keyed_order(scope)[: self._job.quota]
        return ids.compress(self._previous_numbers(scope, ids) == MISSING)

    def run(self) -> JobOutcome:
        """Render the job into its file."""
        templates = {template.id: template_hash(template) for template in self._job.templates}
        record = write_rendered(self._path, self.blocks(), self.dropped, templates, self._settings.schema)
        return JobOutcome(
            variant=self._job.variant.name,
            path=self._path,
            record=record,
            reused=False,
            copied=self._copied,
            fallbacks=dict(sorted(self._store.fallbacks.items())),
        )

    def blocks(self) -> Iterator[Block]:
        """Rows until the quota is met or every row has been used `max_repeat` times."""
        remaining = self._job.quota
        earlier = EarlierTexts(self._job, self._twin, self._settings) if self._settings.dedup else None
        most = self._settings.limits.targets_per_inverted_input
        inputs = InvertedInputs(most) if most is not None and self._job.variant.inverted else None
        shown = 1 + (self._settings.shots.max if self._job.variant.few_shot else 0)
        # All rows serve once before any serves twice, so a larger quota only adds rows.
        for repeat in range(self._settings.max_repeat):
            scope = self._scope(repeat)
            order = self._source.question_order(scope)
            looked_at = usable = 0
            while remaining and len(order) and not (inputs and inputs.exhausted):
                # Where rows fall away more are read at once, as many as it took so far: 30 missing rows, of which one
                # in five is of use, need 150. So the last few need no pass of their own.
                needed = remaining * looked_at // max(usable, 1) + 16 if self.dropped else remaining
                size = min(MORSEL_ROWS, max(needed, remaining))
                ids, order = order[:size], order[size:]
                looked_at += len(ids)
                self._source.cache_large(ids, shown)
                # All of these rows are looked at, also where their first morsels were enough: what falls away is
                # counted, and must not depend on where morsels are cut.
                for morsel in self._source.morsels(ids, shown):
                    block = self._morsel(scope, morsel)
                    if earlier is not None:
                        block = earlier.without(block, self.dropped)
                    if inputs is not None:
                        block = inputs.without(block, self.dropped)
                    block = part(block, 0, min(remaining, block.rows))
                    remaining -= block.rows
                    usable += block.rows
                    yield block
        if self._job.variant.few_shot:
            for reason, count in self._source.lost_worked_examples().items():
                self.dropped[f"a worked example of the card: {reason}"] += count

    def _scope(self, repeat: int) -> DrawScope:
        """What keys the decisions of one use of the rows."""
        name = self._source.plan.draws_as
        return DrawScope(seed=self._settings.seed, draws_as=name, variant=self._job.variant, repeat=repeat)

    def _previous_numbers(self, scope: DrawScope, ids: Ints) -> Ints:
        """For each row its number in the previous run, or `MISSING`."""
        templates = draw_templates(scope, ids, self._job.templates)
        return self._previous.find(scope.repeat, ids, templates)

    def _morsel(self, scope: DrawScope, ids: Ints) -> Block:
        """The rows that come of some source rows, in their order: copied from a previous run, or rendered."""
        numbers = self._previous_numbers(scope, ids)
        rendered = self._render(scope, ids[numbers == MISSING])
        if (numbers == MISSING).all():
            return rendered
        copied = self._previous.rows(numbers[numbers != MISSING])
        self._copied += copied.rows
        # Source rows [6, 2, 9] of which 2 was copied give blocks of rows [2] and [6, 9] (or less, where some fall
        # away). The place of each in `ids` is [1, 0, 2], and sorting by it gives 6, 2, 9 again. `searchsorted` needs
        # the ids sorted: by_id [1, 0, 2] lists them as 2, 6, 9.
        rows = concat([copied, rendered])
        by_id = np.argsort(ids)
        places = by_id[np.searchsorted(ids, rows.entries[SOURCE_ROW], sorter=by_id)]
        return take(rows, np.argsort(places))

    def _render(self, scope: DrawScope, ids: Ints) -> Block:
        source, settings = self._source, self._settings
        card, split = source.plan.task.card, source.plan.split.name
        pool = source.pool(scope.variant)
        rows = source.read(split, ids, self.dropped, source.held_out, scoring=settings.scoring)
        picks = pick_rows(scope, rows, self._job.templates, self._store.styles, pool, settings.shots)
        picked = list(zip(rows, picks, strict=True))
        prompts = render_prompts(picked, self._store, settings.shots, settings.limits, self.dropped)
        styles = self._store.styles
        batch = to_batch(prompts, scope, card, split, scoring=settings.scoring, styles=styles)
        return encode(batch)
