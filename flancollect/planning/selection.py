"""Which tasks a recipe means, and which of them hold-outs and license policies leave out. Pure.

What is left out here needs no source: so nothing is downloaded to find out that it is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from flancollect.artifacts import SkipKind
from flancollect.cards.benchmark_card import TemplateChoice
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.family import Template
from flancollect.cards.licenses import Policy, named_policy, refusal
from flancollect.cards.select import Select, matches, select
from flancollect.cards.splits import SplitSlice, parse_split
from flancollect.errors import UsageError
from flancollect.planning.recipe import Recipe

EXPECTED_SKIPS: frozenset[SkipKind] = frozenset({"hold_out", "dedup", "license", "unavailable", "quota"})
"""The kinds of skips that are no failure: what the user asked for, and what a card says beforehand."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Skip:
    """A task of the recipe that is not built, and why."""

    task: str
    kind: SkipKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """What benchmarks keep out of training.

    `tasks` gives for each task that is kept out whole the benchmark that does so; `templates` gives, by task, ids of
    templates. `rows` gives, by a benchmark's task, the slices of its source with questions that no task may ask.
    """

    tasks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    templates: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    rows: Mapping[str, tuple[SplitSlice, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The tasks that may be built, by part of the recipe and in name order, and those that may not."""

    parts: Mapping[str, Sequence[Task]]
    skipped: tuple[Skip, ...]
    hold_out: HoldOut

    @property
    def tasks(self) -> list[Task]:
        """The tasks of all parts."""
        return [task for tasks in self.parts.values() for task in tasks]


def select_tasks(catalog: Catalog, recipe: Recipe) -> Selection:
    """The tasks of a recipe. Raises UsageError when `only` matches none of them."""
    hold_out = hold_out_of(catalog, recipe.hold_out)
    # A license must pass the policy that was asked for by name, and the mixture's own rule.
    policies = [] if recipe.license_policy is None else [named_policy(recipe.license_policy)]
    if recipe.license is not None:
        rule = (recipe.license.allow, recipe.license.deny)
        allow, deny = (frozenset(map(str.lower, names)) for names in rule)
        policies.append(Policy(name=f"mixture {recipe.name}", allow=allow, deny=deny))
    parts: dict[str, list[Task]] = {}
    skipped: list[Skip] = []
    # A task that is left out is matched, too: `--only` is wrong only where it names nothing of the recipe.
    matched = not recipe.only
    for part_name, part in recipe.parts.items():
        parts[part_name] = []
        for name in select(catalog.tasks.values(), part.select or Select(submix=[part_name])):
            if recipe.only and not matches(name, recipe.only):
                continue
            matched = True
            task = catalog.tasks[name]
            if name in hold_out.tasks:
                reason = f"held out for the benchmark {hold_out.tasks[name]}"
                skipped.append(Skip(task=name, kind="hold_out", reason=reason))
            elif refused := refusal(task.card.license, policies):
                skipped.append(Skip(task=name, kind="license", reason=refused))
            else:
                parts[part_name].append(task)
    if not matched:
        raise UsageError(f"--only {' '.join(recipe.only)}: no task of {recipe.name} matches")
    return Selection(parts=parts, skipped=tuple(skipped), hold_out=hold_out)


def missing_tasks(skipped: Iterable[Skip]) -> list[Skip]:
    """The skips by which a benchmark is another one, whatever their reason; a quota of 0 is as it was asked for."""
    return [skip for skip in skipped if skip.kind != "quota"]


def hold_out_of(catalog: Catalog, benchmarks: Sequence[str]) -> HoldOut:
    """What these benchmarks keep out of training, as each of their cards says."""
    tasks: dict[str, str] = {}
    templates: dict[str, frozenset[str]] = {}
    rows: dict[str, tuple[SplitSlice, ...]] = {}
    for card in (catalog.benchmarks[name].card for name in benchmarks):
        # A task that several benchmarks keep out is told for the first of them.
        if card.hold_out_tasks:
            matching = [name for name in catalog.tasks if matches(name, card.hold_out_tasks)]
            tasks = {**dict.fromkeys(matching, card.benchmark), **tasks}
        for name in select(catalog.tasks.values(), card.select):
            task = catalog.tasks[name]
            if "tasks" in card.hold_out:
                tasks.setdefault(name, card.benchmark)
            if "templates" in card.hold_out:
                used = frozenset(t.id for t in task.family.templates if serves(t, card.ask.templates))
                templates[name] = templates.get(name, frozenset()) | used
            if "rows" in card.hold_out and card.split in task.card.splits:
                rows[name] = tuple({*rows.get(name, ()), parse_split(task.card.splits[card.split])})
    return HoldOut(tasks=tasks, templates=templates, rows=rows)


def serves(template: Template, choice: TemplateChoice) -> bool:
    """Whether a template is one of those chosen."""
    if isinstance(choice, list):
        return template.name in choice
    return choice == "all" or template.hold_out == (choice == "hold_out")
