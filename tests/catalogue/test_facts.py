"""Every name, cluster, kind of options, cap and rate of the collection against the tables of Flan 2022."""

from __future__ import annotations

import re

import pytest

from flancollect.cards.cases import Cases
from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.select import select
from flancollect.cards.task_card import ChoicesAnswer, OptionsAnswer
from flancollect.planning.plan import plan as make_plan
from flancollect.planning.request import BuildRequest
from tests.catalogue.tables import ORIGINS, copied, facts, original

SUBMIXES = {"Flan2021": "flan2021", "Dialog": "dialog", "ProgramSynthesis": "program"}
EVALUATION = ["mmlu", "bbh", "tydiqa", "mgsm"]
LADDER = {"flan2022-9": 9, "flan2022-89": 89, "flan2022-282": 282, "flan2022-1836": 1836}
BEYOND_THE_PAPER = 2
"""Natural Instructions has 1,556 names in the published list where the paper counts 1,554."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def tasks_of(catalog: Catalog, *submixes: str) -> dict[str, Task]:
    return {name: task for name, task in catalog.tasks.items() if task.card.submix in submixes}


def snake(category: str) -> str:
    return re.sub(r"\W+", "_", category.lower()).strip("_")


@pytest.mark.shared
@pytest.mark.parametrize("name", list(ORIGINS))
def test_the_copy_of_the_facts_is_true_to_its_origin(name: str) -> None:
    assert copied(name) == original(name)


def test_the_80_tasks_of_muffin_have_their_names_clusters_and_kinds_of_options(catalog: Catalog) -> None:
    table = facts("muffin")
    tasks = tasks_of(catalog, *SUBMIXES.values())
    assert len(table) == 80
    assert set(tasks) == {row["task"] for row in table}
    for row in table:
        card = tasks[row["task"]].card
        assert card.submix == SUBMIXES[row["submixture"]], card.task
        assert card.cluster == (row["cluster_v1"] or CATEGORIES.get(row["task"]) or snake(row["category"])), (
            card.task
        )
        if row["options_kind"] == "fixed":
            assert isinstance(card.answer, ChoicesAnswer), card.task
            assert set(card.answer.choices) == set(row["fixed_options"].split("|")), card.task
        elif row["options_kind"] == "per_example":
            assert isinstance(card.answer, OptionsAnswer | ChoicesAnswer), card.task
            assert tasks[row["task"]].family.options != "none", card.task
        else:
            assert tasks[row["task"]].family.options == "none", card.task


CATEGORIES = {"trivia_qa_wiki_missing": "extractive_qa"}


def test_the_193_tasks_of_t0_have_their_names_and_clusters(catalog: Catalog) -> None:
    table = facts("t0sf")
    tasks = tasks_of(catalog, "t0")
    assert len(table) == 193
    assert {name: task.card.cluster for name, task in tasks.items()} == {
        row["p3_task"]: row["category"] for row in table
    }


def test_natural_instructions_have_their_names_categories_and_sizes(catalog: Catalog) -> None:
    found = {
        name: (task.card.cluster, str(task.card.rows)) for name, task in tasks_of(catalog, "niv2").items()
    }
    assert len(found) == 1554 + BEYOND_THE_PAPER
    assert found == {row["task"]: (row["category"], row["number_examples"]) for row in facts("niv2")}


def test_the_nine_chain_of_thought_tasks_invert(catalog: Catalog) -> None:
    tasks = tasks_of(catalog, "cot")
    assert {name: str(task.card.original_rows) for name, task in tasks.items()} == {
        row["task"]: row["lines_declared"] for row in facts("cot")
    }
    for task in tasks.values():
        assert any(w.direction == "inverted" for w in task.family.templates), task.family.name


@pytest.mark.parametrize("mixture", ["flan2022", "chung2022-a", "chung2022-b"])
def test_mixtures_have_the_published_caps_and_rates(catalog: Catalog, mixture: str) -> None:
    parts = catalog.mixtures[mixture].card.parts
    published = {row["part"]: row for row in facts("mixtures") if row["mixture"] == mixture}
    assert {name: (part.cap, part.weight) for name, part in parts.items()} == {
        name: (int(row["cap"]), float(row["rate"])) for name, row in published.items()
    }


@pytest.mark.parametrize("mixture", ["flan2022", "chung2022-a", "chung2022-b", *LADDER])
def test_variants_and_inverted_prompts_come_as_often_as_in_the_published_mixtures(
    catalog: Catalog, mixture: str
) -> None:
    four = {"zs_opt": 1, "fs_opt": 1, "zs_noopt": 1, "fs_noopt": 1}
    two = {"zs_opt": 1, "fs_opt": 1}
    inverted = {"zs_opt_inv": 0.3, "fs_opt_inv": 0.3}
    styles = {"t0": four, "niv2": two, "cot": two | inverted, "dialog": two | inverted}
    for name, part in catalog.mixtures[mixture].card.parts.items():
        assert part.variants == styles.get(name, four), name
        # In Flan 2021 the inverted templates are some of the ten, in every style, and not of every task.
        assert part.inverted == (None if name in styles else "original"), name


def test_the_tasks_of_flan_2021_are_inverted_as_often_as_their_published_templates(catalog: Catalog) -> None:
    for row in facts("muffin"):
        inverted = catalog.tasks[row["task"]].card.original_inverted
        shares = (inverted.zero_shot, inverted.few_shot) if inverted else (0, 0)
        if row["submixture"] == "Flan2021":
            zero_shot, few_shot = (
                int(row[f"n_inversions_{style}_shot"]) / int(row[f"templates_{style}_shot"])
                for style in ("zero", "few")
            )
            assert shares == (zero_shot, few_shot), row["task"]
        elif row["n_zero_shot"]:
            assert shares == (pytest.approx(3 / 13, abs=1e-6),) * 2, row["task"]


def test_a_plan_of_flan_2021_has_those_shares_where_families_invert(catalog: Catalog) -> None:
    plan = make_plan(BuildRequest("flan2022", resolve_from="declared"))
    for task in plan.tasks:
        inverted = task.task.card.original_inverted
        if task.part != "flan2021" or inverted is None:
            continue
        assert any(template.direction == "inverted" for template in task.task.family.templates), task.name
        for shots, share in (("zs", inverted.zero_shot), ("fs", inverted.few_shot)):
            quotas = {job.variant.inverted: 0 for job in task.jobs}
            for job in task.jobs:
                quotas[job.variant.inverted] += job.quota * job.variant.name.startswith(shots)
            assert quotas.get(True, 0) / sum(quotas.values()) == pytest.approx(share, abs=0.01), task.name


def published_cases() -> dict[str, Cases]:
    """What the fact tables count of every released task."""
    cases = {
        row[name]: Cases(
            zero_shot=int(row["n_zero_shot"]), x_shot=int(row["n_x_shot"]), five_shot=int(row["n_five_shot"])
        )
        for table, name in (("muffin", "task"), ("t0sf", "p3_task"), ("cot", "task"))
        for row in facts(table)
        if row["n_zero_shot"]
    }
    for row in facts("niv2"):
        count = int(row["number_examples"])
        cases[row["task"]] = Cases(zero_shot=count, x_shot=count, five_shot=count)
    return cases


def test_mixtures_name_the_published_cases(catalog: Catalog) -> None:
    assert set(catalog.cases) == {
        *LADDER, "flan2022", "chung2022-a", "chung2022-b", "flan2021", "t0", "niv2", "cot", "dialog"
    }  # fmt: skip
    for cases in catalog.cases.values():
        assert cases == published_cases()


def test_tasks_weigh_as_many_rows_as_were_published(catalog: Catalog) -> None:
    caps = {"flan2021": 30_000, "dialog": 200_000, "t0": 20_000, "niv2": 5_000, "cot": 100_000}
    for name, cases in published_cases().items():
        card = catalog.tasks[name].card
        assert card.original_rows is not None, name
        # Cards of T0 and of chain of thought have whole counts, of which up to 13 rows are too long or rounded off.
        assert 0 <= card.original_rows - cases.zero_shot <= 13, name
        few_shot, cap = card.original_few_shot_rows or card.original_rows, caps[card.submix]
        assert min(few_shot, cap) == pytest.approx(min(cases.x_shot, cap), rel=0.02), name


@pytest.mark.parametrize("mixture", ["flan2022", "chung2022-a", "chung2022-b"])
def test_tasks_have_their_published_shares_of_each_part(mixture: str) -> None:
    """Total variation against min(cap, cases) in the styles of a part, each of equal rate: under one percent."""
    cases, plan = published_cases(), make_plan(BuildRequest(mixture, resolve_from="declared"))
    for name, part in plan.recipe.parts.items():
        cap = part.cap or 0
        quotas = {task.name: task.quota for task in plan.tasks if task.part == name and task.name in cases}
        # Tasks that cannot be had are not planned, and were released.
        released = [*quotas, *(skip.task for skip in plan.skipped if skip.task in cases and name in OPINIONS)]
        zero_shot = {task: min(cap, cases[task].zero_shot) for task in released}
        x_shot = {task: min(cap, cases[task].x_shot) for task in released}
        few_shot = {task: x_shot[task] + min(cap, cases[task].five_shot) for task in released}
        styles = (
            [zero_shot, few_shot, zero_shot, x_shot] if "zs_noopt" in part.variants else [zero_shot, few_shot]
        )
        rows = sum(quotas.values())
        distance = 0.0
        for task in released:
            share = sum(style[task] / sum(style.values()) for style in styles) / len(styles)
            distance += abs(quotas.get(task, 0) / rows - share) / 2
        assert distance < 0.01, name
        assert float(plan.released[name].distance) == pytest.approx(distance, abs=1e-9)


OPINIONS = {"flan2021", "muffin"}
"""Parts of which two released tasks cannot be had."""


def test_the_ladder_has_the_papers_steps(catalog: Catalog) -> None:
    for name, count in LADDER.items():
        parts = catalog.mixtures[name].card.parts.values()
        chosen = [p.select.submix if p.select else None for p in parts]
        submixes = [s for listed in chosen if listed for s in listed] + [
            part for part, p in catalog.mixtures[name].card.parts.items() if not p.select
        ]
        beyond = BEYOND_THE_PAPER if "niv2" in submixes else 0
        assert len(tasks_of(catalog, *submixes)) == count + beyond, name


@pytest.mark.parametrize(
    ("submix", "per_way", "names"),
    [("mmlu", 57, "subject"), ("bbh", 27, "subtask"), ("tydiqa", 9, ""), ("mgsm", 11, "")],
)
def test_evaluation_tasks_are_complete(catalog: Catalog, submix: str, per_way: int, names: str) -> None:
    tasks = tasks_of(catalog, submix)
    direct = {name for name in tasks if not name.startswith(f"{submix}_cot_")}
    ways = 1 if submix == "tydiqa" else 2
    assert (len(direct), len(tasks)) == (per_way, per_way * ways)
    if names:
        assert {name.removeprefix(f"{submix}_") for name in direct} == {row[names] for row in facts(submix)}


def test_big_bench_hard_has_its_sizes(catalog: Catalog) -> None:
    for row in facts("bbh"):
        assert catalog.tasks[f"bbh_{row['subtask']}"].card.rows == int(row["examples"])


@pytest.mark.parametrize(
    ("benchmark", "tasks", "shots"),
    [
        ("mmlu", 57, 5), ("mmlu-cot", 57, 5), ("bbh", 27, 3), ("bbh-cot", 27, 3), ("tydiqa", 8, 1),
        ("tydiqa-en", 1, 1), ("mgsm", 10, 8), ("mgsm-cot", 10, 8), ("mgsm-en", 1, 8), ("mgsm-en-cot", 1, 8),
    ],
)  # fmt: skip
def test_benchmarks_ask_with_the_papers_shots(
    catalog: Catalog, benchmark: str, tasks: int, shots: int
) -> None:
    card = catalog.benchmarks[benchmark].card
    assert len(select(catalog.tasks.values(), card.select)) == tasks
    assert (card.ask.shots, card.ask.variant) == (shots, "fs_opt")
    assert card.split == ("validation" if benchmark.startswith("mmlu") else "test")


@pytest.mark.parametrize("benchmark", ["chain-cot-longer", "chain-direct-longer", "mgsm", "mgsm-cot"])
def test_answers_that_are_numbers_are_compared_as_numbers(catalog: Catalog, benchmark: str) -> None:
    names = select(catalog.tasks.values(), catalog.benchmarks[benchmark].card.select)
    assert {catalog.tasks[name].card.metric for name in names} == {"number"}
