"""What the published mixtures plan without looking at any source."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import pytest

from flancollect.cli.app import app
from flancollect.planning.plan import BuildPlan
from flancollect.planning.plan import plan as make_plan
from flancollect.planning.request import BuildRequest

CAPS = {"muffin": 30_000, "t0": 20_000, "cot": 100_000, "niv2": 5_000}
LADDER = ("flan2022-9", "flan2022-89", "flan2022-282", "flan2022-1836")
UNAVAILABLE = {
    "dr_repair_error_comments", "dr_repair_line_numbers", "dr_repair_no_errors", "dr_repair_plain_code",
    "opinion_abstracts_idebate", "opinion_abstracts_rotten_tomatoes",
}  # fmt: skip


@cache
def planned(name: str) -> BuildPlan:
    return make_plan(BuildRequest(name, resolve_from="declared"))


def shares(plan: BuildPlan) -> dict[str, float]:
    rows = dict.fromkeys(plan.shares, 0)
    for task in plan.tasks:
        rows[task.part] += task.quota
    return {name: 100 * count / plan.rows for name, count in rows.items()}


def test_proportions_b_come_out_as_in_the_paper_with_all_caps_respected() -> None:
    plan = planned("chung2022-b")
    published = {"muffin": 46.0, "t0": 27.9, "cot": 1.8, "niv2": 24.2}
    total = sum(published.values())
    assert shares(plan) == {
        name: pytest.approx(100 * share / total, abs=0.1) for name, share in published.items()
    }
    assert plan.rows == plan.rows_asked == 3_000_000
    for task in plan.tasks:
        assert task.quota <= CAPS[task.part], task.name
        assert all(job.quota <= task.rows for job in task.jobs), task.name
    assert {skip.task for skip in plan.skipped} == UNAVAILABLE
    assert {skip.kind for skip in plan.skipped} == {"unavailable"}


@pytest.mark.parametrize("name", ["flan2022", "chung2022-a", "flan2021", "dialog", "niv2", "cot", *LADDER])
def test_shares_are_those_that_the_card_asks_for(name: str) -> None:
    plan = planned(name)
    assert shares(plan) == {part: pytest.approx(100 * float(s), abs=0.1) for part, s in plan.shares.items()}
    assert plan.rows == plan.rows_asked


@pytest.mark.parametrize("name", ["chung2022-a", *LADDER])
def test_no_task_is_repeated_in_the_papers_mixtures(name: str) -> None:
    plan = planned(name)
    assert plan.recipe.max_repeat == 1
    for task in plan.tasks:
        assert task.quota <= min(task.rows * len(task.jobs), CAPS[task.part]), task.name


def test_the_plan_says_each_parts_rows_and_how_far_its_share_is_from_the_one_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app(["plan", "flan2022-9", "--rows", "2000", "--json"], standalone_mode=False)
    (part,) = json.loads(capsys.readouterr().out)["parts"].values()
    assert part == {
        "tasks": 9, "weight": 74_771.0, "rows": 2000, "share": 1.0, "asked_share": 1.0, "difference": 0.0,
        "released": {"distance": 0.00042, "tasks": 9, "uncounted": []},
    }  # fmt: skip
    app(["plan", "chung2022-b"], standalone_mode=False)
    said = capsys.readouterr().out
    assert (
        "part muffin: 74 tasks, 1,381,381 rows (46.0%; asked 46.0%, +0.0 points)\n  its tasks' shares are 0.31% from "
        "the released ones (total variation; 73 tasks released, and no cases of 7 others)\n" in said
    )


@pytest.mark.parametrize(
    ("part", "task", "percent"),
    [
        ("cot", "cot_esnli", 48.4),
        ("cot", "cot_gsm8k", 10.0),
        ("cot", "cot_qasc", 1.5),
        ("dialog", "qrecc", 4.8),
    ],
)
def test_the_size_of_a_substitute_is_no_weight(part: str, task: str, percent: float) -> None:
    quotas = {
        planned_task.name: planned_task.quota
        for planned_task in planned("flan2022").tasks
        if planned_task.part == part
    }
    assert 100 * quotas[task] / sum(quotas.values()) == pytest.approx(percent, abs=0.06)


def test_prompts_of_flan_2021_are_inverted_as_often_as_released() -> None:
    rows = Counter[tuple[str, bool]]()
    for task in planned("flan2022").tasks:
        if task.part == "flan2021":
            for job in task.jobs:
                rows[job.variant.name[:2], job.variant.inverted] += job.quota
    inverted = {
        shots: 100 * rows[shots, True] / (rows[shots, True] + rows[shots, False]) for shots in ("zs", "fs")
    }
    assert inverted == {"zs": pytest.approx(18.1, abs=0.1), "fs": pytest.approx(24.0, abs=0.1)}


def test_a_plan_of_some_tasks_alone_is_not_compared() -> None:
    assert make_plan(BuildRequest("flan2022-9", resolve_from="declared", only=("cot_gsm8k",))).released == {}


def test_the_languages_of_tydiqa_have_their_own_sizes() -> None:
    assert {task.task.card.subject: task.quota for task in planned("tydiqa").tasks} == {
        "arabic": 921, "bengali": 113, "finnish": 782, "indonesian": 565, "korean": 276, "russian": 812,
        "swahili": 499, "telugu": 669,
    }  # fmt: skip


def test_tasks_of_wiki_qa_have_the_rows_that_their_cards_say() -> None:
    sizes = {task.name: task.rows for task in planned("t0").tasks if task.name.startswith("wiki_qa_")}
    assert sorted(sizes.values()) == [1_040] * 6 + [20_360] * 5
    assert sizes["wiki_qa_Jeopardy_style"] == 1_040
