"""Plans: integers that add up, capacities that hold, and a reason for every task left out."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.artifacts import SourceLock, SplitLock
from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog
from flancollect.cards.mixture_card import MixtureCard
from flancollect.errors import FlancollectError, SourceError
from flancollect.planning.plan import BuildPlan, make_plan
from flancollect.planning.quota import share_out
from flancollect.planning.recipe import Recipe, implicit_mixture, make_recipe, recipe_of_card
from flancollect.planning.request import BuildRequest
from flancollect.planning.selection import select_tasks
from flancollect.planning.task_plan import ResolvedSources
from tests.catalogs import FAMILY, TASK, write

COLUMNS = {"thing": "string", "label": "string"}


def catalogue(folder: Path, names: list[str], **more: str) -> Catalog:
    write(folder / "embedded", {"task_cards/x": "", "templates/x": ""})
    cards = {f"{name}.yaml": TASK.replace("task: colours", f"task: {name}") for name in names}
    write(folder / "mine", {"colour.yaml": FAMILY, **cards, **more})
    return load_catalog([folder / "mine"], embedded=folder / "embedded")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return catalogue(tmp_path_factory.mktemp("three"), ["a", "b", "c"])


def locked(rows: int, **splits: int) -> SourceLock:
    return SourceLock(
        revision="r",
        splits={n: SplitLock(rows=k, columns=COLUMNS) for n, k in {"train": rows, **splits}.items()},
    )


def planned(
    catalog: Catalog, card: dict[str, object], rows: dict[str, int], asked: int | None = None
) -> BuildPlan:
    mixture = MixtureCard.model_validate(card)
    recipe = recipe_of_card(mixture, BuildRequest(mixture.mixture, rows=asked))
    return plan_of(catalog, recipe, {name: locked(count) for name, count in rows.items()})


def plan_of(
    catalog: Catalog, recipe: Recipe, sources: Mapping[str, SourceLock | FlancollectError]
) -> BuildPlan:
    """The plan of a recipe where every task's source goes by the task's name."""
    resolved = ResolvedSources(keys={name: name for name in sources}, entries=sources)
    return make_plan(catalog, recipe, select_tasks(catalog, recipe), resolved)


def parts(cap: int | None = None, **variants: float) -> dict[str, object]:
    return {"mine": {"cap": cap, "variants": variants or {"zs_opt": 1}}}


@given(
    rows=st.tuples(*[st.integers(1, 500)] * 3),
    cap=st.one_of(st.none(), st.integers(1, 300)),
    repeat=st.integers(1, 3),
    asked=st.integers(1, 5000),
    share=st.floats(0.1, 3),
)
@settings(deadline=None, max_examples=60)
def test_quotas_add_up_and_respect_caps(
    three: Catalog, rows: tuple[int, int, int], cap: int | None, repeat: int, asked: int, share: float
) -> None:
    card = {
        "mixture": "m",
        "size": 1,
        "max_repeat": repeat,
        "parts": parts(cap, zs_opt=1, fs_noopt=share, zs_opt_inv=0.3),
    }
    plan = planned(three, card, dict(zip("abc", rows, strict=True)), asked)
    exists = sum(min(3 * n * repeat, cap * repeat if cap else 3 * n * repeat) for n in rows)
    assert plan.rows == min(asked, exists)
    for task, count in zip(plan.tasks, rows, strict=True):
        assert cap is None or task.quota <= cap * repeat
        assert task.quota <= task.capacity
        assert all(job.quota <= count * repeat for job in task.jobs)


def test_tasks_weigh_their_rows_up_to_the_cap(three: Catalog) -> None:
    plan = planned(three, {"mixture": "m", "size": 90, "parts": parts(100)}, {"a": 50, "b": 100, "c": 10_000})
    assert [task.quota for task in plan.tasks] == [18, 36, 36]


def test_parts_share_by_weight_and_give_what_they_cannot_fill(three: Catalog) -> None:
    card = {
        "mixture": "m",
        "size": 100,
        "parts": {
            "x": {"select": {"tasks": "a"}, "weight": 0.4},
            "y": {"select": {"tasks": "b"}, "weight": 0.4},
            "z": {"select": {"tasks": "c"}, "weight": 0.2},
        },
    }
    plan = planned(three, card, {"a": 10, "b": 1000, "c": 1000})
    assert [task.quota for task in plan.tasks] == [10, 60, 30]


def test_many_tiny_tasks_still_give_every_variant_its_share() -> None:
    shares = [{"zs": Fraction(1), "inv": Fraction(3, 10)}] * 1300
    split = share_out([1] * 1300, shares, [10] * 1300)
    assert sum(row["inv"] for row in split) == 300


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), max_size=30))
def test_shares_add_up_row_by_row_within_capacity(rows: list[tuple[int, int]]) -> None:
    quotas = [min(quota, 3 * capacity) for quota, capacity in rows]
    weights = {"x": Fraction(1), "y": Fraction(1, 3), "z": Fraction(5)}
    split = share_out(quotas, [weights] * len(rows), [capacity for _, capacity in rows])
    assert [sum(row.values()) for row in split] == quotas
    assert all(
        count <= capacity for row, (_, capacity) in zip(split, rows, strict=True) for count in row.values()
    )


def test_hold_out_templates_never_train_and_options_follow_the_variant(three: Catalog) -> None:
    card = {"mixture": "m", "size": 9, "parts": parts(None, zs_opt=1, zs_noopt=1, zs_opt_inv=1)}
    jobs = {
        job.variant.name: [w.name for w in job.templates]
        for job in planned(three, card, dict.fromkeys("abc", 9)).tasks[0].jobs
    }
    assert jobs == {"zs_opt": ["ask", "list"], "zs_noopt": ["ask", "name"], "zs_opt_inv": ["find"]}


def test_every_task_left_out_has_a_reason_and_the_rest_is_planned(three: Catalog) -> None:
    sources = {
        "a": SourceError("the host does not answer"),
        "b": SourceLock(
            revision="r", splits={"train": SplitLock(rows=5, columns={"thing": "string", "lable": "int64"})}
        ),
        "c": locked(0),
    }
    mixture = MixtureCard.model_validate({"mixture": "m", "size": 9, "parts": parts()})
    plan = plan_of(three, recipe_of_card(mixture, BuildRequest("m")), sources)
    assert [skip.kind for skip in plan.skipped] == ["source", "card", "source"]
    assert "b.yaml:7" in plan.skipped[1].reason
    assert 'no column "label" in b. Columns: thing, lable. Did you mean "lable"?' in plan.skipped[1].reason
    assert plan.rows == 0


def test_a_split_that_is_not_there_is_named_with_those_that_are(three: Catalog) -> None:
    sources = dict.fromkeys(
        "abc", SourceLock(revision="r", splits={"all": SplitLock(rows=5, columns=COLUMNS)})
    )
    mixture = MixtureCard.model_validate({"mixture": "m", "size": 9, "parts": parts()})
    plan = plan_of(three, recipe_of_card(mixture, BuildRequest("m")), sources)
    assert 'no split "train" in a. Splits: all.' in plan.skipped[0].reason


BENCHMARK = "benchmark: held\nselect: {{tasks: [b]}}\nsplit: train\nask: {{templates: hold_out}}\nhold_out: [{what}]\n"


@pytest.mark.parametrize("what", ["tasks", "rows", "templates"])
def test_benchmarks_keep_out_what_they_say(tmp_path: Path, what: str) -> None:
    catalog = catalogue(tmp_path, ["a", "b"], **{"held.yaml": BENCHMARK.format(what=what)})
    card = {"mixture": "m", "size": 4, "hold_out": ["held"], "parts": parts()}
    plan = planned(catalog, card, {"a": 9, "b": 9})
    if what == "tasks":
        assert [task.name for task in plan.tasks] == ["a"]
        assert [(s.task, s.kind) for s in plan.skipped] == [("b", "hold_out")]
    else:
        held = {task.task.card.task: [split.name for split in task.splits] for task in plan.held_out}
        assert held == ({"b": ["train"]} if what == "rows" else {})


def test_a_benchmark_asks_in_its_templates_at_most_so_many_rows_a_task(tmp_path: Path) -> None:
    text = (
        "benchmark: q\nselect: {submix: mine}\nsplit: train\nrows_per_task: 3\nask: {templates: hold_out}\n"
    )
    catalog = catalogue(tmp_path, ["a", "b"], **{"q.yaml": text})
    recipe = make_recipe(catalog, BuildRequest("q"))
    plan = plan_of(catalog, recipe, {"a": locked(2), "b": locked(9)})
    assert [(task.quota, [w.name for w in task.jobs[0].templates]) for task in plan.tasks] == [
        (2, ["spare"]),
        (3, ["spare"]),
    ]


def test_a_task_or_submix_by_name_is_a_mixture_of_all_it_has(three: Catalog) -> None:
    mixture = implicit_mixture(three, "b")
    assert mixture is not None
    plan = plan_of(three, recipe_of_card(mixture, BuildRequest("b")), {n: locked(7) for n in "abc"})
    assert [(task.name, task.quota) for task in plan.tasks] == [("b", 14)]
    assert implicit_mixture(three, "nothing") is None


def test_adding_a_task_leaves_the_jobs_of_others_alone_when_their_quota_stays(three: Catalog) -> None:
    one = planned(
        three,
        {"mixture": "m", "size": 6, "parts": {"p": {"select": {"tasks": "a"}}}},
        {"a": 9, "b": 9, "c": 9},
    )
    two = planned(
        three,
        {"mixture": "m", "size": 12, "parts": {"p": {"select": {"tasks": "a;b"}}}},
        {"a": 9, "b": 9, "c": 9},
    )
    assert one.tasks[0].jobs == two.tasks[0].jobs


def test_few_shot_prompts_weigh_as_many_as_were_published(tmp_path: Path) -> None:
    card = TASK.replace("task: colours", "task: a") + "original_rows: 100\noriginal_few_shot_rows: 20\n"
    catalog = catalogue(tmp_path, ["b"], **{"a.yaml": card})
    shares = parts(None, zs_opt=1, fs_opt=1)
    plan = planned(catalog, {"mixture": "m", "size": 160, "parts": shares}, {"a": 1000, "b": 100})
    assert {task.name: {job.variant.name: job.quota for job in task.jobs} for task in plan.tasks} == {
        "a": {"zs_opt": 50, "fs_opt": 10},
        "b": {"zs_opt": 50, "fs_opt": 50},
    }
