"""What jobs lack is asked of others: the total stands as long as rows exist, and nothing is asked twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.cards.entries import Catalog
from flancollect.planning.make_up import JobName, make_up
from flancollect.planning.plan import BuildPlan
from tests.planning.test_plan import catalogue, planned

NAMES = ["a", "b", "c", "d"]
PARTS = {
    "one": {"select": {"tasks": ["a", "b"]}, "weight": 0.75, "variants": {"zs_opt": 2, "fs_opt": 1}},
    "two": {"select": {"tasks": ["c", "d"]}, "weight": 0.25, "variants": {"zs_opt": 1}},
}


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return catalogue(tmp_path_factory.mktemp("four"), NAMES)


def plan_of_four(four: Catalog, sizes: Mapping[str, int], asked: int) -> BuildPlan:
    return planned(four, {"mixture": "m", "size": asked, "parts": PARTS}, dict(sizes))


def quotas(plan: BuildPlan) -> dict[JobName, int]:
    return {(task.name, job.variant.name): job.quota for task in plan.tasks for job in task.jobs}


def rendered(plan: BuildPlan, has: Mapping[JobName, int]) -> dict[JobName, int]:
    """What rendering a plan gives where jobs have so many rows at most."""
    return {name: min(quota, has.get(name, quota)) for name, quota in quotas(plan).items() if quota}


def settled(plan: BuildPlan, has: Mapping[JobName, int]) -> tuple[BuildPlan, dict[JobName, int]]:
    current = plan
    while True:
        rows = rendered(current, has)
        following = make_up(plan, current, rows)
        if quotas(following) == quotas(current):
            return current, rows
        current = following


def test_nothing_missing_changes_nothing(four: Catalog) -> None:
    plan = plan_of_four(four, dict.fromkeys(NAMES, 100), 100)
    assert quotas(make_up(plan, plan, rendered(plan, {}))) == quotas(plan)


def test_the_other_variant_of_the_task_comes_first(four: Catalog) -> None:
    plan = plan_of_four(four, dict.fromkeys(NAMES, 100), 80)
    assert quotas(plan)["a", "fs_opt"] == 10
    _, rows = settled(plan, {("a", "fs_opt"): 4})
    assert (rows["a", "zs_opt"], rows["a", "fs_opt"]) == (26, 4)
    assert sum(rows.values()) == 80


def test_then_the_other_tasks_of_the_part_then_other_parts(four: Catalog) -> None:
    plan = plan_of_four(four, dict.fromkeys(NAMES, 30), 80)
    _, rows = settled(plan, {("a", "zs_opt"): 0, ("a", "fs_opt"): 0})
    assert sum(n for (task, _), n in rows.items() if task == "b") == 60
    assert sum(rows.values()) == 80
    _, rows = settled(plan, {("a", "zs_opt"): 0, ("a", "fs_opt"): 0, ("b", "fs_opt"): 5})
    # b has 35 rows, so part two gives 25 more than its 20.
    assert sum(n for (task, _), n in rows.items() if task in "cd") == 45


def test_a_task_that_failed_is_asked_for_nothing(four: Catalog) -> None:
    plan = plan_of_four(four, dict.fromkeys(NAMES, 100), 80)
    rows = {name: quota for name, quota in quotas(plan).items() if name[0] != "a"}
    following = make_up(plan, plan, rows)
    assert {name: quota for name, quota in quotas(following).items() if name[0] == "a"} == {
        name: quota for name, quota in quotas(plan).items() if name[0] == "a"
    }
    assert sum(quota for (task, _), quota in quotas(following).items() if task != "a") == 80


def test_a_task_whose_quota_was_nothing_stands_by(tmp_path: Path) -> None:
    catalog = catalogue(tmp_path, ["large", "tiny"])
    parts = {"p": {"select": {"tasks": ["large", "tiny"]}, "variants": {"zs_opt": 1}}}
    plan = planned(catalog, {"mixture": "m", "size": 10, "parts": parts}, {"large": 1000, "tiny": 5})
    assert quotas(plan) == {("large", "zs_opt"): 10, ("tiny", "zs_opt"): 0}
    _, rows = settled(plan, {("large", "zs_opt"): 7})
    assert rows == {("large", "zs_opt"): 7, ("tiny", "zs_opt"): 3}


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(*[st.integers(0, 12)] * 4),
    st.integers(1, 70),
    st.dictionaries(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(["zs_opt", "fs_opt"])), st.integers(0, 12)
    ),
)
def test_the_total_stands_as_long_as_rows_exist(
    four: Catalog, sizes: tuple[int, ...], asked: int, has: dict[JobName, int]
) -> None:
    plan = plan_of_four(four, dict(zip(NAMES, sizes, strict=True)), asked)
    final, rows = settled(plan, has)
    exists = sum(
        min(has.get((task.name, job.variant.name), task.job_rows), task.job_rows)
        for task in plan.tasks
        for job in task.jobs
    )
    assert sum(rows.values()) == min(plan.rows, exists)
    assert all(quotas(final)[name] >= quota for name, quota in quotas(plan).items())
    assert all(
        sum(j.quota for j in task.jobs if rows.get((task.name, j.variant.name), 0) >= j.quota)
        <= task.capacity
        for task in final.tasks
    )
