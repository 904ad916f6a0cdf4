"""From a catalogue and what is known of its sources to the exact number of rows of every job. Pure.

A mixture's size goes to its parts by weight, from a part to its tasks by min(rows, cap), from a task to its
variants by share; what a part, task or variant cannot fill goes to its siblings. Nothing here reads a source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from flancollect.artifacts import SourceLock
from flancollect.cards.benchmark_card import Ask, BenchmarkCard
from flancollect.cards.card import NAME
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.family import Template
from flancollect.cards.licenses import Policy, PolicyName, refusal
from flancollect.cards.mixture_card import MixtureCard, Part, Shots
from flancollect.cards.select import Select, matches, select
from flancollect.cards.splits import SplitSlice
from flancollect.cards.styles import Styles
from flancollect.cards.variants import Variant
from flancollect.planning.candidates import (
    Candidate,
    Known,
    Lender,
    Skip,
    asked_in,
    candidate,
    hold_out_by,
    open_variants,
    policies_of,
)
from flancollect.planning.quota import apportion, share_out, weight_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One variant of one task: how many rows, and in which templates."""

    variant: Variant
    quota: int
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """A task that will be built. `rows` counts the slice of the source split that rows are drawn from.

    `pool` is where exemplars come from: of the lender's source, if there is one. Rows whose content occurs
    in a slice of `hold_out` are left out. `weight` and `capacity` are what the quota was computed from.
    """

    task: Task
    part: str
    source_key: str
    lock: SourceLock
    split: SplitSlice
    pool: SplitSlice
    lender: Lender | None
    hold_out: tuple[SplitSlice, ...]
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
    styles: Styles
    tasks: tuple[TaskPlan, ...]
    skipped: tuple[Skip, ...]
    recipe: Mapping[str, Any]
    shares: Mapping[str, Fraction] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows planned over all tasks: what was asked for, or all that exists."""
        return sum(task.quota for task in self.tasks)


def implicit_mixture(catalog: Catalog, name: str) -> MixtureCard | None:
    """A mixture of one submix, or of the tasks that match a name or glob: everything that they hold."""
    submixes = {task.card.submix for task in catalog.tasks.values()}
    wanted = Select(submix=[name]) if name in submixes else Select(tasks=[name])
    if not select(catalog.tasks.values(), wanted):
        return None
    part = Part(select=wanted, variants={"zs_opt": 1.0, "fs_opt": 1.0})
    label = "".join(char if re.match(NAME, char) else "_" for char in name)  # a glob is no name
    return MixtureCard(mixture=label, size=1_000_000_000, parts={label: part})


def plan_mixture(
    catalog: Catalog,
    mixture: MixtureCard,
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
    there is none. `only` narrows the tasks by glob; tasks whose license the mixture or `license_policy` does
    not take are skipped. The quotas add up to exactly `rows` (default the
    mixture's size), or to all that exists if that is less.
    """
    held_tasks, held_templates, held_rows = hold_out_by(catalog, mixture.hold_out)
    policies = policies_of(mixture, license_policy)
    skips: list[Skip] = []
    parts: dict[str, list[Candidate]] = {}
    for part_name, part in mixture.parts.items():
        parts[part_name] = []
        wanted = part.select or Select(submix=[part_name])
        for task in _admitted(catalog, wanted, only, policies, skips, held_tasks):
            name = task.card.task
            trained = partial(_trained, banned=held_templates.get(name, frozenset()))
            open_to = open_variants(task, part.variants, trained)
            found = candidate(task, "train", held_rows.get(name, ()), known, keys, open_to)
            skips.append(found) if isinstance(found, Skip) else parts[part_name].append(found)
    asked = mixture.size if rows is None else rows
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
        recipe=_recipe("mixture", mixture, asked, seed, only, license_policy),
        shares=shares_of(mixture),
    )


def _admitted(
    catalog: Catalog,
    wanted: Select,
    only: Sequence[str],
    policies: Sequence[Policy],
    skips: list[Skip],
    hold_out: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Task]:
    """The chosen tasks that no benchmark keeps and no policy refuses; the others are added to `skips`."""
    for name in select(catalog.tasks.values(), wanted):
        if only and not matches(name, only):
            continue
        task = catalog.tasks[name]
        if name in hold_out:
            reason = f"held out for the benchmark {hold_out[name]}"
            skips.append(Skip(task=name, kind="hold_out", reason=reason))
        elif refused := refusal(task.card.license, policies):
            skips.append(Skip(task=name, kind="license", reason=refused))
        else:
            yield task


def _recipe(
    kind: str,
    card: MixtureCard | BenchmarkCard,
    rows: int,
    seed: int,
    only: Sequence[str],
    license_policy: PolicyName | None,
) -> dict[str, Any]:
    """What a folder is made with: enough to plan it again."""
    return {
        kind: card.model_dump(mode="json"),
        "rows": rows,
        "seed": seed,
        "only": sorted(only),
        "license_policy": license_policy,
    }


def _trained(template: Template, banned: frozenset[str]) -> bool:
    return not template.hold_out and template.id not in banned


def plan_benchmark(
    catalog: Catalog,
    benchmark: BenchmarkCard,
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
    for task in _admitted(catalog, benchmark.select, only, policies, skips):
        open_to = open_variants(task, {ask.variant: 1.0}, lambda w: asked_in(w, ask))
        found = candidate(task, benchmark.split, (), known, keys, open_to)
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
        recipe=_recipe("benchmark", benchmark, asked, seed, only, license_policy),
    )


def _shots_asked(ask: Ask) -> Shots:
    shots = max(ask.shots, 1)
    return Shots(min=shots, max=shots, max_input_bytes=ask.max_input_bytes, order=ask.exemplars)


def shares_of(mixture: MixtureCard) -> dict[str, Fraction]:
    """The share of the rows that each part's weight amounts to."""
    weights = {name: weight_of(part.weight) for name, part in mixture.parts.items()}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def _fill(mixture: MixtureCard, parts: Mapping[str, Sequence[Candidate]], asked: int) -> Iterable[TaskPlan]:
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
        shares_by_variant: dict[str, Fraction] = {v: weight_of(share) for v, share in part.variants.items()}
        quotas = apportion(total, weights, capacities[name])
        by_variant = share_out(
            quotas,
            [{v.name: shares_by_variant[v.name] for v, _ in c.variants} for c in chosen],
            [c.rows * mixture.max_repeat for c in chosen],
        )
        for chosen_task, weight, capacity, shares in zip(
            chosen, weights, capacities[name], by_variant, strict=True
        ):
            yield _task_plan(
                chosen_task, name, weight, capacity, [shares[v.name] for v, _ in chosen_task.variants]
            )


def _capacity(mixture: MixtureCard, part: Part, found: Candidate) -> int:
    """The most rows of one task: each row `max_repeat` times per variant, and never above the cap."""
    everything = found.rows * mixture.max_repeat * len(found.variants)
    return everything if part.cap is None else min(everything, part.cap * mixture.max_repeat)


def _task_plan(
    found: Candidate, part: str, weight: Fraction, capacity: int, quotas: Sequence[int]
) -> TaskPlan:
    return TaskPlan(
        task=found.task,
        part=part,
        source_key=found.source_key,
        lock=found.lock,
        split=found.split,
        pool=found.pool,
        lender=found.lender,
        hold_out=found.hold_out,
        rows=found.rows,
        weight=weight,
        capacity=capacity,
        jobs=tuple(
            Job(variant=variant, quota=quota, templates=templates)
            for (variant, templates), quota in zip(found.variants, quotas, strict=True)
            if quota
        ),
    )


def _sorted_plans(plans: Iterable[TaskPlan]) -> tuple[TaskPlan, ...]:
    return tuple(sorted(plans, key=lambda plan: plan.name))
