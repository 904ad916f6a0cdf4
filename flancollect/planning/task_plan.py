"""One task as it will be built, or the reason why it cannot be. Pure.

A planned task has its source resolved, its splits looked up, its columns checked and its templates chosen. How
many rows each job gives is decided in `plan.py`, over all tasks; until then every quota is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from flancollect.artifacts import SkipKind, SourceLock
from flancollect.cards.columns import column_problems
from flancollect.cards.entries import Task
from flancollect.cards.family import Template
from flancollect.cards.mixture_card import PartCard
from flancollect.cards.splits import SplitSlice, parse_split
from flancollect.cards.task_card import CardSplit, TaskCard
from flancollect.cards.variants import VARIANTS, Variant
from flancollect.errors import FlancollectError, SourceError
from flancollect.planning.quota import weight_of
from flancollect.planning.recipe import Recipe
from flancollect.planning.selection import Selection, Skip, serves


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSources:
    """What every source is now: `keys` by task name (`Task.exemplar_task` included), `entries` by source key.

    An entry is a lock entry, or the error that says why there is none. `sizes` has by task name how many rows of the
    recipe's split pass the card's `where`, or why none does, for tasks of which that is known: cards that share a
    source differ in it.
    """

    keys: Mapping[str, str]
    entries: Mapping[str, SourceLock | FlancollectError]
    sizes: Mapping[str, int | SourceError] = field(default_factory=dict)

    def of(self, task: Task) -> tuple[str, SourceLock | FlancollectError]:
        """Key and entry of a task's source."""
        key = self.keys[task.card.task]
        return key, self.entries[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One variant of one task: how many rows, and in which templates.

    `share` is its part of the task's rows, relative to the other jobs. `doubles` are hashes of texts that it leaves
    to tasks which have them, too (`dedup: exact`).
    """

    variant: Variant
    share: Fraction
    quota: int
    templates: tuple[Template, ...]
    doubles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSource:
    """Another source that a task's exemplars or published texts come from, as the task that reads it."""

    task: Task
    source_key: str
    lock: SourceLock


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutTask:
    """A benchmark's task whose questions no row may ask: slices of its source, or the error that says why not."""

    task: Task
    source_key: str
    lock: SourceLock | FlancollectError
    splits: tuple[SplitSlice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """A task that will be built. `rows` counts the slice of the source split that rows are drawn from.

    `pool` is where exemplars come from: of `exemplar_source`, if there is one. `weight` (cases up to the part's cap:
    published ones, or rows) and `capacity` are what the quota is computed from, and no job gives more than `job_rows`.
    A job may have a quota of 0: it stands by, for what other jobs turn out not to have.
    """

    task: Task
    part: str
    source_key: str
    lock: SourceLock
    split: SplitSlice
    pool: SplitSlice
    exemplar_source: OtherSource | None
    published_source: OtherSource | None
    rows: int
    weight: Fraction
    capacity: int
    job_rows: int
    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.card.task

    @property
    def draws_as(self) -> str:
        """The name that keys what is drawn of the task: its own, unless the card gives another."""
        return self.task.card.draws_as or self.name

    @property
    def quota(self) -> int:
        """Rows over all variants."""
        return sum(job.quota for job in self.jobs)

    @property
    def active_jobs(self) -> tuple[Job, ...]:
        """The jobs that rows are asked of."""
        return tuple(job for job in self.jobs if job.quota)


class _NotPlannedError(Exception):
    """A task cannot be built; carries the kind of the skip."""

    def __init__(self, kind: SkipKind, reason: str) -> None:
        self.kind = kind
        super().__init__(reason)


class TaskPlanner:
    """Plans the tasks of one recipe, with what it holds out and the sources as they are now."""

    def __init__(self, recipe: Recipe, selection: Selection, sources: ResolvedSources) -> None:
        self._recipe = recipe
        self._hold_out = selection.hold_out
        self._sources = sources

    def plan(self, task: Task, part: str) -> TaskPlan | Skip:
        """A task as a part of the recipe could build it, or why it cannot."""
        try:
            return self._plan(task, part)
        except _NotPlannedError as error:
            return Skip(task=task.card.task, kind=error.kind, reason=str(error))

    def _plan(self, task: Task, part: str) -> TaskPlan:
        card, recipe, cap = task.card, self._recipe, self._recipe.parts[part].cap
        if card.reason is not None:
            raise _NotPlannedError("unavailable", card.reason)
        key, lock = self._sources.of(task)
        if isinstance(lock, FlancollectError):
            raise _NotPlannedError("source", str(lock))
        if recipe.split not in card.splits:
            raise _NotPlannedError("card", str(task.problem("splits", f"no {recipe.split} split is given")))
        split = parse_split(card.splits[recipe.split])
        place = f"splits.{recipe.split}"
        asked = task.in_split(recipe.split)
        _check_split(asked, split.name, place, key, lock)
        low, high = split.bounds(lock.splits[split.name].rows)
        passing = self._sources.sizes.get(card.task, high - low)
        if isinstance(passing, SourceError):
            raise _NotPlannedError("source", str(passing))
        rows = min(passing, high - low)
        if not rows:
            raise _NotPlannedError("source", f"{key}: the split {card.splits[recipe.split]} has no rows")
        templates = self._templates(task, part)
        if not templates:
            reason = f"family {task.family.name} has no template for any variant asked for"
            raise _NotPlannedError("plan", reason)
        of_part = _variant_shares(task, recipe.parts[part])
        shares = {name: of_part[name] for name in templates}
        weights = {name: share * _cases(card, VARIANTS[name], rows, cap) for name, share in shares.items()}
        jobs = _jobs(templates, weights)
        # Zero-shot builds need no exemplars, so a dead source of exemplars must not stop them.
        few_shot = any(job.variant.few_shot for job in jobs)
        exemplar_source = self._exemplar_source(task, asked, split) if few_shot else None
        # A row serves each variant at most `max_repeat` times, and no task gives more than its cap of different rows:
        # 500 rows, 3 variants, max_repeat 2 and cap 400 give min(500 * 2 * 3, 400 * 2) = 800 rows at most.
        capacity = rows * recipe.max_repeat * len(jobs)
        return TaskPlan(
            task=asked,
            part=part,
            source_key=key,
            lock=lock,
            split=split,
            pool=_pool(task, split, lock, exemplar_source),
            exemplar_source=exemplar_source,
            published_source=self._published_source(task),
            rows=rows,
            weight=sum(weights.values(), Fraction(0)) / sum(shares.values()),
            capacity=capacity if cap is None else min(capacity, cap * recipe.max_repeat),
            job_rows=rows * recipe.max_repeat,
            jobs=jobs,
        )

    def _templates(self, task: Task, part: str) -> dict[str, tuple[Template, ...]]:
        """The variants with a share that the family has templates for, with those templates, in the order of all."""
        hold_out = self._hold_out.templates.get(task.card.task, frozenset())
        shares = _variant_shares(task, self._recipe.parts[part])
        templates = {}
        for name, variant in VARIANTS.items():
            if name not in shares:
                continue
            # A card narrows the forward templates alone: inverted ones serve all tasks of a family.
            names = task.card.templates if variant.direction == "forward" else None
            templates[name] = tuple(
                template
                for template in task.family.serving(variant)
                if serves(template, self._recipe.templates)
                and template.id not in hold_out
                and (names is None or template.name in names)
            )
        return {name: of_variant for name, of_variant in templates.items() if of_variant}

    def _exemplar_source(self, task: Task, asked: Task, split: SplitSlice) -> OtherSource | None:
        """What exemplars are read from, if not from the questions' source with the questions' card."""
        reader = task.exemplar_task or task.in_split(_pool_split(task))
        key, lock = self._sources.of(reader)
        if isinstance(lock, FlancollectError):
            raise _NotPlannedError("source", f"exemplars: {lock}")
        if task.exemplar_task is None:
            own_answer = reader.card.answer != asked.card.answer and _pool(task, split, lock, None) != split
            return OtherSource(task=reader, source_key=key, lock=lock) if own_answer else None
        _check_split(reader, parse_split(reader.card.splits["train"]).name, "exemplars_from.split", key, lock)
        return OtherSource(task=reader, source_key=key, lock=lock)

    def _published_source(self, task: Task) -> OtherSource | None:
        """What the card's published texts are read from."""
        reader = task.published_task
        if reader is None:
            return None
        key, lock = self._sources.of(reader)
        if isinstance(lock, FlancollectError):
            raise _NotPlannedError("source", f"published texts: {lock}")
        _check_split(reader, parse_split(reader.card.splits["train"]).name, "split", key, lock)
        return OtherSource(task=reader, source_key=key, lock=lock)


def _variant_shares(task: Task, part: PartCard) -> dict[str, Fraction]:
    """By variant its share of a task's rows, relative to the others; variants without a share are absent."""
    shares = {str(name): weight_of(share) for name, share in part.variants.items()}
    if part.inverted is None or task.card.original_inverted is None:
        return shares
    # zs_opt 1 with three inverted templates of ten: zs_opt 7/10, zs_opt_inv 3/10.
    divided: dict[str, Fraction] = {}
    for name, share in shares.items():
        original = task.card.original_inverted
        inverted = weight_of(original.few_shot if VARIANTS[name].few_shot else original.zero_shot)
        divided |= {name: share * (1 - inverted), VARIANTS[name].inverse: share * inverted}
    return {name: share for name, share in divided.items() if share}


def _cases(card: TaskCard, variant: Variant, rows: int, cap: int | None) -> int:
    """What a task counts for in one variant: the published cases if its card has them, else its rows, up to the cap."""
    # By the published number, as a source that stands for the original one may be fifteen times its size.
    cases = rows if card.original_rows is None else card.original_rows
    if variant.few_shot and card.original_few_shot_rows is not None:
        cases = card.original_few_shot_rows
    return cases if cap is None else min(cases, cap)


def _jobs(templates: Mapping[str, tuple[Template, ...]], weights: Mapping[str, Fraction]) -> tuple[Job, ...]:
    """The jobs of variants, whose shares are their weights; quotas come later.

    Where no template of a pair such as zs_opt and zs_noopt lists options, the two would be the same prompts: the
    first stands for both, with the shares of both.
    """
    jobs: dict[str, Job] = {}
    # In the order of all variants, whatever that of the card: of a pair, the one with options comes first.
    for name, weight in weights.items():
        variant = VARIANTS[name]
        twin = jobs.get(variant.twin)
        optionless = not any(template.shows_options for template in templates[name])
        if twin is not None and optionless and twin.templates == templates[name]:
            jobs[variant.twin] = replace(twin, share=twin.share + weight)
        else:
            jobs[name] = Job(variant=variant, share=weight, quota=0, templates=templates[name])
    return tuple(jobs.values())


def _check_split(task: Task, split: str, place: str, source_key: str, lock: SourceLock) -> None:
    """Refuse a task whose source lacks a split, or columns that the card reads of it."""
    if split not in lock.splits:
        what = f'no split "{split}" in {source_key}. Splits: {", ".join(lock.splits)}.'
        raise _NotPlannedError("card", str(task.problem(place, what)))
    columns = lock.splits[split].columns
    # A size that only a card declares comes without columns: then there is nothing to compare yet.
    problems = column_problems(task, source_key, columns) if columns else []
    if problems:
        raise _NotPlannedError("card", "\n".join(map(str, problems)))


def _pool(task: Task, split: SplitSlice, lock: SourceLock, exemplar_source: OtherSource | None) -> SplitSlice:
    """Where exemplars come from: the other source's split, the card's split for them, train, or what is asked."""
    reader = task if exemplar_source is None else exemplar_source.task
    pool = parse_split(reader.card.splits.get(_pool_split(reader), "train"))
    known = lock if exemplar_source is None else exemplar_source.lock
    return pool if pool.name in known.splits else split


def _pool_split(task: Task) -> CardSplit:
    """The split of a card that exemplars come from."""
    return "exemplars" if "exemplars" in task.card.splits else "train"
