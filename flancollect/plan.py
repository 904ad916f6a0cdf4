"""From a catalogue and what is known of its sources to the exact number of rows of every job. Pure.

A mixture's size goes to its parts by weight, from a part to its tasks by min(rows, cap), from a task to its
variants by share; what a part, task or variant cannot fill goes to its siblings. Nothing here reads a source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

from flancollect.artifacts import SourceLock
from flancollect.cards.entries import Catalog, Task, exemplar_task
from flancollect.cards.family import Wording
from flancollect.cards.models import NAME, Ask, Benchmark, Mixture, Part, Select, Shots
from flancollect.cards.select import matches, select
from flancollect.cards.splits import SplitSlice, parse_split
from flancollect.cards.styles import StyleSet
from flancollect.cards.variants import VARIANTS, Variant
from flancollect.columns import column_problems
from flancollect.errors import FlancollectError
from flancollect.licences import Policy, PolicyName, named_policy, refusal
from flancollect.quota import apportion, share_out, weight_of

SkipKind = Literal["source", "card", "plan", "held out", "licence", "unavailable"]
AS_ASKED: frozenset[SkipKind] = frozenset({"held out", "licence", "unavailable"})
"""The kinds of skips that are no failure: what the user asked for, and what a card says beforehand."""

Known = Mapping[str, "SourceLock | FlancollectError"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One variant of one task: how many rows, and in which wordings."""

    variant: Variant
    quota: int
    wordings: tuple[Wording, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """Another source that a task's exemplars come from, as the task that reads it."""

    task: Task
    source_key: str
    lock: SourceLock


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """A task that will be built. `rows` counts the slice of the source split that rows are drawn from.

    `pool` is where exemplars come from: of the lender's source, if there is one. Rows whose content occurs
    in a slice of `held_out` are left out. `weight` and `capacity` are what the quota was computed from.
    """

    task: Task
    part: str
    source_key: str
    lock: SourceLock
    split: SplitSlice
    pool: SplitSlice
    lender: Lender | None
    held_out: tuple[SplitSlice, ...]
    rows: int
    weight: Fraction
    capacity: int
    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.card.task

    @property
    def quota(self) -> int:
        """Rows over all variants."""
        return sum(job.quota for job in self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Skip:
    """A task of the mixture that is not built, and why."""

    task: str
    kind: SkipKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """All that a build does, decided. Tasks and skips are sorted by name; `asked` is the rows asked for.

    `shares` is the share of the rows that a mixture gives each of its parts; what is planned may differ.
    """

    name: str
    kind: Literal["mixture", "benchmark"]
    asked: int
    seed: int
    max_repeat: int
    shots: Shots
    styles: StyleSet
    tasks: tuple[TaskPlan, ...]
    skipped: tuple[Skip, ...]
    recipe: Mapping[str, Any]
    shares: Mapping[str, Fraction] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows planned over all tasks: what was asked for, or all that exists."""
        return sum(task.quota for task in self.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A task that could be built: a TaskPlan without quotas, with the variants open to it."""

    task: Task
    source_key: str
    lock: SourceLock
    split: SplitSlice
    pool: SplitSlice
    lender: Lender | None
    held_out: tuple[SplitSlice, ...]
    rows: int
    variants: tuple[tuple[Variant, tuple[Wording, ...]], ...]


def implicit_mixture(catalog: Catalog, name: str) -> Mixture | None:
    """A mixture of one submix, or of the tasks that match a name or glob: everything that they hold."""
    submixes = {task.card.submix for task in catalog.tasks.values()}
    wanted = Select(submix=[name]) if name in submixes else Select(tasks=[name])
    if not select(catalog.tasks.values(), wanted):
        return None
    part = Part(select=wanted, variants={"zs_opt": 1.0, "fs_opt": 1.0})
    label = "".join(char if re.match(NAME, char) else "_" for char in name)  # a glob is no name
    return Mixture(mixture=label, size=1_000_000_000, parts={label: part})


def plan_mixture(
    catalog: Catalog,
    mixture: Mixture,
    known: Known,
    keys: Mapping[str, str],
    *,
    rows: int | None = None,
    seed: int = 0,
    only: Sequence[str] = (),
    license_policy: PolicyName | None = None,
) -> BuildPlan:
    """Plan a training mixture.

    `keys` gives the source key of every task, `known` what is known of each source: its lock entry, or why
    there is none. `only` narrows the tasks by glob; tasks whose licence the mixture or `license_policy` does
    not take are skipped. The quotas add up to exactly `rows` (default the
    mixture's size), or to all that exists if that is less.
    """
    held_tasks, held_wordings, held_rows = _held_out(catalog, mixture.hold_out)
    policies = policies_of(mixture, license_policy)
    skips: list[Skip] = []
    parts: dict[str, list[_Candidate]] = {}
    for part_name, part in mixture.parts.items():
        parts[part_name] = []
        for name in select(catalog.tasks.values(), part.select or Select(submix=[part_name])):
            if only and not matches(name, only):
                continue
            if name in held_tasks:
                skips.append(
                    Skip(task=name, kind="held out", reason=f"held out for the benchmark {held_tasks[name]}")
                )
                continue
            task = catalog.tasks[name]
            refused = refusal(task.card.license, policies)
            if refused:
                skips.append(Skip(task=name, kind="licence", reason=refused))
                continue
            banned = held_wordings.get(name, frozenset())
            open_to = _open_variants(
                task, part.variants, lambda w, banned=banned: not w.held_out and w.id not in banned
            )
            found = _candidate(task, "train", held_rows.get(name, ()), known, keys, open_to)
            skips.append(found) if isinstance(found, Skip) else parts[part_name].append(found)
    asked = mixture.size if rows is None else rows
    recipe = {
        "mixture": mixture.model_dump(mode="json"),
        "rows": asked,
        "seed": seed,
        "only": sorted(only),
        "license_policy": license_policy,
    }
    return BuildPlan(
        name=mixture.mixture,
        kind="mixture",
        asked=asked,
        seed=seed,
        max_repeat=mixture.max_repeat,
        shots=mixture.shots,
        styles=catalog.styles.narrowed(mixture.styles),
        tasks=_sorted_plans(_fill(mixture, parts, asked)),
        skipped=tuple(sorted(skips)),
        recipe=recipe,
        shares=shares_of(mixture),
    )


def plan_benchmark(
    catalog: Catalog,
    benchmark: Benchmark,
    known: Known,
    keys: Mapping[str, str],
    *,
    rows: int | None = None,
    seed: int = 0,
    only: Sequence[str] = (),
    license_policy: PolicyName | None = None,
) -> BuildPlan:
    """Plan a benchmark's questions: each task's split, at most `rows_per_task`, one variant, fixed styles."""
    skips: list[Skip] = []
    plans: list[TaskPlan] = []
    ask = benchmark.ask
    policies = policies_of(benchmark, license_policy)
    for name in select(catalog.tasks.values(), benchmark.select):
        if only and not matches(name, only):
            continue
        task = catalog.tasks[name]
        refused = refusal(task.card.license, policies)
        if refused:
            skips.append(Skip(task=name, kind="licence", reason=refused))
            continue
        open_to = _open_variants(task, {ask.variant: 1.0}, lambda w: _asked(w, ask))
        found = _candidate(task, benchmark.split, (), known, keys, open_to)
        if isinstance(found, Skip):
            skips.append(found)
            continue
        quota = min(found.rows, benchmark.rows_per_task or found.rows)
        plans.append(_task_plan(found, benchmark.benchmark, Fraction(found.rows), quota, [quota]))
    total = sum(plan.quota for plan in plans)
    asked = total if rows is None else min(rows, total)
    shares = apportion(asked, [Fraction(plan.quota) for plan in plans], [plan.quota for plan in plans])
    return BuildPlan(
        name=benchmark.benchmark,
        kind="benchmark",
        asked=asked,
        seed=seed,
        max_repeat=1,
        shots=_shots_asked(ask),
        styles=catalog.styles.narrowed(ask.styles),
        tasks=_sorted_plans(
            replace(plan, jobs=(replace(plan.jobs[0], quota=share),))
            for plan, share in zip(plans, shares, strict=True)
        ),
        skipped=tuple(sorted(skips)),
        recipe={
            "benchmark": benchmark.model_dump(mode="json"),
            "rows": asked,
            "seed": seed,
            "only": sorted(only),
            "license_policy": license_policy,
        },
    )


def policies_of(card: Mixture | Benchmark, named: PolicyName | None) -> tuple[Policy, ...]:
    """The licence policies that a task must pass: the mixture's own and the one asked for by name."""
    policies = [] if named is None else [named_policy(named)]
    if isinstance(card, Mixture) and card.license is not None:
        rule = card.license
        allow, deny = (frozenset(map(str.lower, names)) for names in (rule.allow, rule.deny))
        policies.append(Policy(name=f"mixture {card.mixture}", allow=allow, deny=deny))
    return tuple(policies)


def _shots_asked(ask: Ask) -> Shots:
    shots = max(ask.shots, 1)
    return Shots(min=shots, max=shots, max_input_bytes=ask.max_input_bytes, order=ask.exemplars)


def _asked(wording: Wording, ask: Ask) -> bool:
    if isinstance(ask.templates, list):
        return wording.name in ask.templates
    return ask.templates == "all" or wording.held_out == (ask.templates == "held_out")


def _held_out(
    catalog: Catalog, benchmarks: Iterable[str]
) -> tuple[dict[str, str], dict[str, frozenset[str]], dict[str, tuple[SplitSlice, ...]]]:
    """What benchmarks keep out: tasks (and for which benchmark), and by task wordings and slices of rows."""
    tasks: dict[str, str] = {}
    wordings: dict[str, frozenset[str]] = {}
    rows: dict[str, tuple[SplitSlice, ...]] = {}
    for card in (catalog.benchmarks[name].card for name in benchmarks):
        derived = [name for name in catalog.tasks if card.derived and matches(name, card.derived)]
        tasks = {**dict.fromkeys(derived, card.benchmark), **tasks}
        for name in select(catalog.tasks.values(), card.select):
            task = catalog.tasks[name]
            if "tasks" in card.holds_out:
                tasks.setdefault(name, card.benchmark)
            if "templates" in card.holds_out:
                asked = frozenset(w.id for w in task.family.wordings if _asked(w, card.ask))
                wordings[name] = wordings.get(name, frozenset()) | asked
            if "rows" in card.holds_out and card.split in task.card.splits:
                rows[name] = tuple({*rows.get(name, ()), parse_split(task.card.splits[card.split])})
    return tasks, wordings, rows


def _open_variants(
    task: Task,
    variants: Iterable[str],
    allowed: Any,
) -> tuple[tuple[Variant, tuple[Wording, ...]], ...]:
    """The variants that the task's family has wordings for, with those wordings."""
    found = []
    for variant in (VARIANTS[name] for name in variants):
        wanted = task.card.templates if variant.direction == "forward" else None
        serving = tuple(
            w for w in task.family.serving(variant) if allowed(w) and (wanted is None or w.name in wanted)
        )
        if serving:
            found.append((variant, serving))
    return tuple(found)


def _candidate(
    task: Task,
    split: Literal["train", "validation", "test"],
    held_out: tuple[SplitSlice, ...],
    known: Known,
    keys: Mapping[str, str],
    variants: tuple[tuple[Variant, tuple[Wording, ...]], ...],
) -> _Candidate | Skip:
    name, key = task.card.task, keys[task.card.task]
    if task.card.reason is not None:
        return Skip(task=name, kind="unavailable", reason=task.card.reason)
    lock = known[key]
    if isinstance(lock, FlancollectError):
        return Skip(task=name, kind="source", reason=str(lock))
    if split not in task.card.splits:
        return Skip(task=name, kind="card", reason=str(task.problem("splits", f"no {split} split is given")))
    slice_ = parse_split(task.card.splits[split])
    if slice_.name not in lock.splits:
        what = f'no split "{slice_.name}" in {key}. Splits: {", ".join(lock.splits)}.'
        return Skip(task=name, kind="card", reason=str(task.problem(f"splits.{split}", what)))
    columns = lock.splits[slice_.name].columns
    wrong = column_problems(task, key, columns) if columns else []  # none are known of a declared size
    if wrong:
        return Skip(task=name, kind="card", reason="\n".join(map(str, wrong)))
    low, high = slice_.bounds(lock.splits[slice_.name].rows)
    if high == low:
        return Skip(
            task=name, kind="source", reason=f"{key}: the split {task.card.splits[split]} has no rows"
        )
    if not variants:
        return Skip(
            task=name,
            kind="plan",
            reason=f"family {task.family.name} has no wording for any variant asked for",
        )
    few_shot = any(variant.few_shot for variant, _ in variants)
    lender = _lender(task, known, keys) if few_shot else None
    if isinstance(lender, Skip):
        return lender
    return _Candidate(
        task=task,
        source_key=key,
        lock=lock,
        split=slice_,
        pool=_pool(task, lock, slice_, lender),
        lender=lender,
        held_out=tuple(s for s in sorted(held_out, key=repr) if s.name in lock.splits),
        rows=high - low,
        variants=variants,
    )


def _lender(task: Task, known: Known, keys: Mapping[str, str]) -> Lender | Skip | None:
    """The other source that exemplars come from, if the card names one; why it cannot lend otherwise."""
    other = exemplar_task(task)
    if other is None:
        return None
    name, key = task.card.task, keys[other.card.task]
    lock, split = known[key], parse_split(other.card.splits["train"]).name
    if isinstance(lock, FlancollectError):
        return Skip(task=name, kind="source", reason=f"exemplars: {lock}")
    if split not in lock.splits:
        what = f'no split "{split}" in {key}. Splits: {", ".join(lock.splits)}.'
        return Skip(task=name, kind="card", reason=str(task.problem("exemplars_from.split", what)))
    columns = lock.splits[split].columns
    wrong = column_problems(other, key, columns) if columns else []  # none are known of a declared size
    if wrong:
        return Skip(task=name, kind="card", reason="\n".join(map(str, wrong)))
    return Lender(task=other, source_key=key, lock=lock)


def _pool(task: Task, lock: SourceLock, asked: SplitSlice, lender: Lender | None) -> SplitSlice:
    """Where exemplars come from: the lender's split, the card's split for them, train, or what is asked."""
    if lender is not None:
        return parse_split(lender.task.card.splits["train"])
    splits = task.card.splits
    own = parse_split(splits.get("exemplars", splits.get("train", "train")))
    return own if own.name in lock.splits else asked


def shares_of(mixture: Mixture) -> dict[str, Fraction]:
    """The share of the rows that each part's weight amounts to."""
    weights = {name: weight_of(part.weight) for name, part in mixture.parts.items()}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def _fill(mixture: Mixture, parts: Mapping[str, Sequence[_Candidate]], asked: int) -> Iterable[TaskPlan]:
    """Integers for every job: parts by weight, tasks by min(rows, cap), variants by share."""
    capacities = {
        name: [_capacity(mixture, mixture.parts[name], c) for c in chosen] for name, chosen in parts.items()
    }
    totals = apportion(
        asked,
        [weight_of(mixture.parts[name].weight) for name in parts],
        [sum(capacities[name]) for name in parts],
    )
    for total, (name, chosen) in zip(totals, parts.items(), strict=True):
        part = mixture.parts[name]
        weights = [Fraction(min(c.rows, part.cap or c.rows)) for c in chosen]
        quotas = apportion(total, weights, capacities[name])
        by_variant = share_out(
            quotas,
            [{v.name: weight_of(part.variants[v.name]) for v, _ in c.variants} for c in chosen],  # type: ignore[index]
            [c.rows * mixture.max_repeat for c in chosen],
        )
        for candidate, weight, capacity, shares in zip(
            chosen, weights, capacities[name], by_variant, strict=True
        ):
            yield _task_plan(
                candidate, name, weight, capacity, [shares[v.name] for v, _ in candidate.variants]
            )


def _capacity(mixture: Mixture, part: Part, candidate: _Candidate) -> int:
    """The most rows of one task: each row `max_repeat` times per variant, and never above the cap."""
    everything = candidate.rows * mixture.max_repeat * len(candidate.variants)
    return everything if part.cap is None else min(everything, part.cap * mixture.max_repeat)


def _task_plan(
    candidate: _Candidate, part: str, weight: Fraction, capacity: int, quotas: Sequence[int]
) -> TaskPlan:
    return TaskPlan(
        task=candidate.task,
        part=part,
        source_key=candidate.source_key,
        lock=candidate.lock,
        split=candidate.split,
        pool=candidate.pool,
        lender=candidate.lender,
        held_out=candidate.held_out,
        rows=candidate.rows,
        weight=weight,
        capacity=capacity,
        jobs=tuple(
            Job(variant=variant, quota=quota, wordings=wordings)
            for (variant, wordings), quota in zip(candidate.variants, quotas, strict=True)
            if quota
        ),
    )


def _sorted_plans(plans: Iterable[TaskPlan]) -> tuple[TaskPlan, ...]:
    return tuple(sorted(plans, key=lambda plan: plan.name))
