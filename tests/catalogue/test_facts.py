"""Every name, cluster, kind of options, cap and rate of the collection against the tables of Flan 2022."""

from __future__ import annotations

import re

import pytest

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
        if row["n_zero_shot"]:
            assert card.original_rows == int(row["n_zero_shot"]), card.task


CATEGORIES = {"trivia_qa_wiki_missing": "extractive_qa"}


def test_the_193_tasks_of_t0_have_their_names_and_clusters(catalog: Catalog) -> None:
    table = facts("t0sf")
    tasks = tasks_of(catalog, "t0")
    assert len(table) == 193
    assert {name: task.card.cluster for name, task in tasks.items()} == {
        row["p3_task"]: row["category"] for row in table
    }
    for row in table:
        assert tasks[row["p3_task"]].card.original_rows // 10 * 10 == int(row["n_zero_shot"]), row["p3_task"]


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


@pytest.mark.parametrize("mixture", ["flan2022", "chung2022-a", "chung2022-b"])
def test_tasks_have_their_published_shares_of_each_part(mixture: str) -> None:
    """Total variation against min(cap, cases) of the fact tables, in each part under one percent."""
    cases = {row["task"]: row["n_zero_shot"] for row in facts("muffin")}
    cases |= {row["p3_task"]: row["n_zero_shot"] for row in facts("t0sf")}
    cases |= {row["task"]: row["number_examples"] for row in facts("niv2")}
    cases |= {row["task"]: row["lines_declared"] for row in facts("cot")}
    plan = make_plan(BuildRequest(mixture, resolve_from="declared"))
    for name, part in plan.recipe.parts.items():
        assert part.cap is not None
        tasks = {task.name: task for task in plan.tasks if task.part == name}
        # Of seven tasks of program synthesis no count is published: their own stands.
        weights = {
            task: min(part.cap, int(cases[task]) if cases[task] else plan_of_task.rows)
            for task, plan_of_task in tasks.items()
        }
        quotas = {task: plan_of_task.quota for task, plan_of_task in tasks.items()}
        whole, rows = sum(weights.values()), sum(quotas.values())
        distance = sum(abs(quotas[task] / rows - weights[task] / whole) for task in tasks) / 2
        assert distance < 0.01, name
        assert float(plan.distance_to_original(name)) == pytest.approx(distance, abs=0.005)


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
