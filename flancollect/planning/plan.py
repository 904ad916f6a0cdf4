"""From a request to the exact number of rows of every job.

A mixture's size goes to its parts by weight, from a part to its tasks by min(cases, cap), cases being those of the
published collection or the source's rows, and from a task to its variants by share; what a part, task or variant
cannot fill goes to its siblings. `make_plan` is pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from flancollect.artifacts import Progress
from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog
from flancollect.cards.select import Select, select
from flancollect.cards.splits import parse_split
from flancollect.cards.styles import Styles
from flancollect.planning.quota import apportion, share_out, weight_of
from flancollect.planning.recipe import Recipe, make_recipe, refuse_missing
from flancollect.planning.released import Released, compare_with_released
from flancollect.planning.request import BuildRequest, as_request
from flancollect.planning.resolve import resolve
from flancollect.planning.selection import Selection, Skip, select_tasks
from flancollect.planning.task_plan import (
    HeldOutTask,
    ResolvedSources,
    TaskPlan,
    TaskPlanner,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BuildPlan:
    """All that a build does, decided. Tasks and skips are sorted by name.

    `held_out` has the benchmarks' tasks whose questions no row may ask. `rows_asked` is what the recipe asks for;
    `shares` is the share of it that each part should have, from which what is planned may differ. `released` compares
    parts with the released ones, where the mixture's card names published cases.
    """

    recipe: Recipe
    styles: Styles
    tasks: tuple[TaskPlan, ...]
    skipped: tuple[Skip, ...]
    held_out: tuple[HeldOutTask, ...]
    rows_asked: int
    shares: Mapping[str, Fraction]
    released: Mapping[str, Released] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line, as notebooks print what a cell gives."""
        return f"BuildPlan({self.name}: {self.rows:,} rows of {len(self.tasks)} tasks, {len(self.skipped)} skipped)"

    @property
    def name(self) -> str:
        """The name of the mixture or benchmark."""
        return self.recipe.name

    def without_rows(self, built: Collection[str] = ()) -> list[Skip]:
        """The tasks of which no row is asked, with the reason; `built` names those that gave rows all the same."""
        part_rows = Counter[str]()
        for task in self.tasks:
            part_rows[task.part] += task.quota
        return [
            Skip(
                task=task.name,
                kind="quota",
                reason=f"its share of the {part_rows[task.part]:,} rows of {task.part} rounds to 0; ask for more rows",
            )
            for task in self.tasks
            if not task.quota and task.name not in built
        ]

    def lacking_questions(self, asked: Mapping[str, int]) -> dict[str, int]:
        """By task how many questions a benchmark has and does not ask; those of skipped tasks are not known.

        A task has as many as its source, or as its card says if that is more.
        """
        if self.recipe.kind != "benchmark":
            return {}
        lacking = {
            task.name: max(task.capacity, self._declared_questions(task)) - asked.get(task.name, 0)
            for task in self.tasks
        }
        return {name: count for name, count in sorted(lacking.items()) if count > 0}

    def _declared_questions(self, task: TaskPlan) -> int:
        """The questions that the card says there are, as far as it speaks of the split asked for."""
        card, cap = task.task.card, self.recipe.parts[task.part].cap
        if card.rows is None or task.split.name != parse_split(card.counted_split).name:
            return 0
        low, high = task.split.bounds(card.rows)
        return high - low if cap is None else min(high - low, cap)

    @property
    def rows(self) -> int:
        """Rows planned over all tasks: what was asked for, or all that exists."""
        return sum(task.quota for task in self.tasks)


def plan(request: BuildRequest | str, progress: Progress | None = None) -> BuildPlan:
    """Plan a build: load the cards, look at the sources, share out the rows.

    Raises CardError for bad cards, UsageError for a name or glob that nothing has. A task whose source fails is
    a skip of the plan, not an error.
    """
    request = as_request(request)
    catalog = load_catalog(request.catalogs)
    return plan_recipe(catalog, make_recipe(catalog, request), request, progress)


def plan_again(recipe: Recipe, task: str, request: BuildRequest) -> BuildPlan:
    """Plan one task of an earlier build's recipe; of the request only catalogues, access and lock count.

    Raises CheckError when the catalogue lacks the task, or a benchmark that the recipe holds out.
    """
    catalog = load_catalog(request.catalogs)
    refuse_missing(catalog, recipe, [task])
    return plan_recipe(catalog, recipe.model_copy(update={"only": [task]}), request)


def plan_recipe(
    catalog: Catalog, recipe: Recipe, request: BuildRequest, progress: Progress | None = None
) -> BuildPlan:
    """Plan a recipe with the cards of a catalogue and the sources as the request reaches them."""
    selection = select_tasks(catalog, recipe)
    tasks = {task.card.task: task for task in selection.tasks}
    tasks |= {name: catalog.tasks[name] for name in selection.hold_out.rows}
    return make_plan(
        catalog, recipe, selection, resolve(list(tasks.values()), request, recipe.split, progress)
    )


def make_plan(catalog: Catalog, recipe: Recipe, selection: Selection, sources: ResolvedSources) -> BuildPlan:
    """The quotas of a recipe: they add up to exactly its rows, or to all that exists if that is less."""
    planner = TaskPlanner(recipe, selection, sources)
    skipped = list(selection.skipped)
    parts: dict[str, list[TaskPlan]] = {name: [] for name in recipe.parts}
    for name, selected in selection.parts.items():
        for task in selected:
            outcome = planner.plan(task, name)
            skipped.append(outcome) if isinstance(outcome, Skip) else parts[name].append(outcome)
    # Without `rows` a benchmark asks every question it has.
    capacity = sum(task.capacity for of_part in parts.values() for task in of_part)
    rows = capacity if recipe.rows is None else recipe.rows
    weights = {name: weight_of(part.weight) for name, part in recipe.parts.items()}
    tasks = tuple(sorted(_share_rows(recipe, parts, rows), key=lambda planned: planned.name))
    return BuildPlan(
        recipe=recipe,
        styles=catalog.styles.narrowed(recipe.styles),
        tasks=tasks,
        skipped=tuple(sorted(skipped)),
        held_out=tuple(_held_out_tasks(catalog, selection, sources)),
        rows_asked=rows,
        shares={name: weight / sum(weights.values()) for name, weight in weights.items()},
        released=_released_parts(catalog, recipe, tasks),
    )


def _released_parts(catalog: Catalog, recipe: Recipe, tasks: Sequence[TaskPlan]) -> dict[str, Released]:
    """The parts of a mixture of published cases beside the released ones; none if it is narrowed to some tasks."""
    cases = catalog.cases.get(recipe.name)
    if cases is None or recipe.only:
        return {}
    comparisons = {
        name: compare_with_released(
            part,
            cases,
            select(catalog.tasks.values(), part.select or Select(submix=[name])),
            {task.name: task.quota for task in tasks if task.part == name},
        )
        for name, part in recipe.parts.items()
    }
    return {name: comparison for name, comparison in comparisons.items() if comparison is not None}


def _held_out_tasks(
    catalog: Catalog, selection: Selection, sources: ResolvedSources
) -> Iterator[HeldOutTask]:
    for name, splits in sorted(selection.hold_out.rows.items()):
        key, lock = sources.of(catalog.tasks[name])
        yield HeldOutTask(
            task=catalog.tasks[name], source_key=key, lock=lock, splits=tuple(sorted(splits, key=repr))
        )


def _share_rows(recipe: Recipe, tasks: Mapping[str, Sequence[TaskPlan]], rows: int) -> Iterator[TaskPlan]:
    """The tasks, given by part, with their quotas: parts by weight, tasks by min(rows, cap), variants by share."""
    totals = apportion(
        rows,
        [weight_of(recipe.parts[part].weight) for part in tasks],
        [sum(task.capacity for task in of_part) for of_part in tasks.values()],
    )
    for total, of_part in zip(totals, tasks.values(), strict=True):
        quotas = apportion(total, [task.weight for task in of_part], [task.capacity for task in of_part])
        # A task with quota 700 and shares zs_opt 1, fs_opt 1, zs_opt_inv 0.3 gives 304, 304 and 92 rows; one whose
        # family has no inverted templates has no such job, and gives 350 and 350.
        by_task = share_out(
            quotas,
            [{job.variant.name: job.share for job in task.jobs} for task in of_part],
            [task.job_rows for task in of_part],
        )
        for task, by_variant in zip(of_part, by_task, strict=True):
            jobs = (replace(job, quota=by_variant[job.variant.name]) for job in task.jobs)
            yield replace(task, jobs=tuple(jobs))
