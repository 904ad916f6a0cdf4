"""Which tasks of a mixture or benchmark could be built, and why the others cannot. Pure.

A candidate has its source known, its splits found, its columns checked and its templates chosen; it lacks
only the number of rows. Everything else is a Skip with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from flancollect.artifacts import SourceLock
from flancollect.cards.benchmark_card import Ask, BenchmarkCard, SplitName
from flancollect.cards.columns import column_problems
from flancollect.cards.entries import Catalog, Task, exemplar_task
from flancollect.cards.family import Template
from flancollect.cards.licenses import Policy, PolicyName, named_policy
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.select import matches, select
from flancollect.cards.splits import SplitSlice, parse_split
from flancollect.cards.variants import VARIANTS, Variant
from flancollect.errors import FlancollectError

SkipKind = Literal["source", "card", "plan", "hold_out", "license", "unavailable"]
EXPECTED_SKIPS: frozenset[SkipKind] = frozenset({"hold_out", "license", "unavailable"})
"""The kinds of skips that are no failure: what the user asked for, and what a card says beforehand."""

Known = Mapping[str, "SourceLock | FlancollectError"]


Serving = tuple[tuple[Variant, tuple[Template, ...]], ...]
"""The variants open to a task, each with the templates that serve it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Skip:
    """A task of the mixture that is not built, and why."""

    task: str
    kind: SkipKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """Another source that a task's exemplars come from, as the task that reads it."""

    task: Task
    source_key: str
    lock: SourceLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A task that could be built: a TaskPlan without quotas, with the variants open to it."""

    task: Task
    source_key: str
    lock: SourceLock
    split: SplitSlice
    pool: SplitSlice
    lender: Lender | None
    hold_out: tuple[SplitSlice, ...]
    rows: int
    variants: Serving


def policies_of(card: MixtureCard | BenchmarkCard, named: PolicyName | None) -> tuple[Policy, ...]:
    """The license policies that a task must pass: the mixture's own and the one asked for by name."""
    policies = [] if named is None else [named_policy(named)]
    if isinstance(card, MixtureCard) and card.license is not None:
        rule = card.license
        allow, deny = (frozenset(map(str.lower, names)) for names in (rule.allow, rule.deny))
        policies.append(Policy(name=f"mixture {card.mixture}", allow=allow, deny=deny))
    return tuple(policies)


def asked_in(template: Template, ask: Ask) -> bool:
    """Whether a benchmark asks in this template."""
    if isinstance(ask.templates, list):
        return template.name in ask.templates
    return ask.templates == "all" or template.hold_out == (ask.templates == "hold_out")


def hold_out_by(
    catalog: Catalog, benchmarks: Iterable[str]
) -> tuple[dict[str, str], dict[str, frozenset[str]], dict[str, tuple[SplitSlice, ...]]]:
    """What benchmarks keep out: tasks (and for which benchmark), and by task templates and slices of rows."""
    tasks: dict[str, str] = {}
    templates: dict[str, frozenset[str]] = {}
    rows: dict[str, tuple[SplitSlice, ...]] = {}
    for card in (catalog.benchmarks[name].card for name in benchmarks):
        derived = [
            name for name in catalog.tasks if card.hold_out_tasks and matches(name, card.hold_out_tasks)
        ]
        tasks = {**dict.fromkeys(derived, card.benchmark), **tasks}
        for name in select(catalog.tasks.values(), card.select):
            task = catalog.tasks[name]
            if "tasks" in card.hold_out:
                tasks.setdefault(name, card.benchmark)
            if "templates" in card.hold_out:
                asked = frozenset(w.id for w in task.family.templates if asked_in(w, card.ask))
                templates[name] = templates.get(name, frozenset()) | asked
            if "rows" in card.hold_out and card.split in task.card.splits:
                rows[name] = tuple({*rows.get(name, ()), parse_split(task.card.splits[card.split])})
    return tasks, templates, rows


def open_variants(
    task: Task,
    variants: Iterable[str],
    allowed: Callable[[Template], bool],
) -> Serving:
    """The variants that the task's family has templates for, with those templates."""
    found = []
    for variant in (VARIANTS[name] for name in variants):
        wanted = task.card.templates if variant.direction == "forward" else None
        serving = tuple(
            w for w in task.family.serving(variant) if allowed(w) and (wanted is None or w.name in wanted)
        )
        if serving:
            found.append((variant, serving))
    return tuple(found)


def candidate(
    task: Task,
    split: SplitName,
    hold_out: tuple[SplitSlice, ...],
    known: Known,
    keys: Mapping[str, str],
    variants: Serving,
) -> Candidate | Skip:
    """A task as it could be built from one of its splits, or why it cannot.

    `known` says what is known of each source, `keys` gives the source key of every task.
    """
    name, key = task.card.task, keys[task.card.task]
    if task.card.reason is not None:
        return Skip(task=name, kind="unavailable", reason=task.card.reason)
    lock = known[key]
    if isinstance(lock, FlancollectError):
        return Skip(task=name, kind="source", reason=str(lock))
    unfit = _misfit(task, split, key, lock)
    if unfit is not None:
        return unfit
    if not variants:
        reason = f"family {task.family.name} has no template for any variant asked for"
        return Skip(task=name, kind="plan", reason=reason)
    slice_ = parse_split(task.card.splits[split])
    low, high = slice_.bounds(lock.splits[slice_.name].rows)
    few_shot = any(variant.few_shot for variant, _ in variants)
    lender = _lender(task, known, keys) if few_shot else None
    if isinstance(lender, Skip):
        return lender
    return Candidate(
        task=task,
        source_key=key,
        lock=lock,
        split=slice_,
        pool=_pool(task, lock, slice_, lender),
        lender=lender,
        hold_out=tuple(s for s in sorted(hold_out, key=repr) if s.name in lock.splits),
        rows=high - low,
        variants=variants,
    )


def _misfit(task: Task, split: SplitName, key: str, lock: SourceLock) -> Skip | None:
    """Why the source has no rows for the card, as far as the lock tells."""
    name = task.card.task
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
        reason = f"{key}: the split {task.card.splits[split]} has no rows"
        return Skip(task=name, kind="source", reason=reason)
    return None


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
