"""Benchmarks ask as published: exemplars from their own sources, all of them, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flancollect.building.jobs import render_batches
from flancollect.building.settings import render_settings
from flancollect.planning.plan import BuildPlan, plan
from flancollect.planning.request import BuildRequest
from flancollect.planning.task_plan import TaskPlan
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = pytest.mark.shared

EXAM = "The following are multiple choice questions (with answers) about"


def planned(name: str, task: str, folder: Path) -> tuple[BuildPlan, SourceAccess]:
    access = SourceAccess(mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=folder)
    return plan(BuildRequest(name, only=(task,), access=access)), access


def prompts(name: str, task: str, folder: Path) -> Iterator[tuple[TaskPlan, dict[str, object]]]:
    build_plan, access = planned(name, task, folder)
    (found,) = build_plan.tasks
    settings = render_settings(build_plan, access, folder)
    for batch in render_batches(found, found.jobs[0], settings):
        for row in batch.to_pylist():
            yield found, row


@pytest.mark.parametrize(
    ("benchmark", "task", "shots", "opening", "ending"),
    [
        ("mmlu", "mmlu_astronomy", 5, f"{EXAM} astronomy.\n\n", "Answer:"),
        # A row of dev stands there twice.
        ("mmlu", "mmlu_college_physics", 5, f"{EXAM} college physics.\n\n", "Answer:"),
        ("mmlu-cot", "mmlu_cot_astronomy", 5, f"{EXAM} astronomy.\n\nQ: ", "A: Let's think step by step."),
        ("mmlu-cot", "mmlu_cot_formal_logic", 4, f"{EXAM} formal logic.\n\nQ: ", "step by step."),
        ("bbh", "bbh_word_sorting", 3, "Sort a list of words.\n\nQ: ", "\nA:"),
        (
            "bbh-cot",
            "bbh_cot_word_sorting",
            3,
            "Sort a list of words.\n\nQ: ",
            "A: Let's think step by step.\n",
        ),
        ("mgsm", "mgsm_de", 8, "Frage: Roger hat 5", "\nAntwort:"),
        ("mgsm-cot", "mgsm_cot_de", 8, "Frage: Roger hat 5", "Schritt-für-Schritt-Antwort:"),
        ("tydiqa-en", "tydiqa_en", 1, "", "A:"),
    ],
)
def test_every_question_shows_all_published_exemplars(
    benchmark: str, task: str, shots: int, opening: str, ending: str, tmp_path: Path
) -> None:
    rows = [row for _, row in prompts(benchmark, task, tmp_path)]
    assert rows
    for row in rows:
        assert str(row["inputs"]).startswith(opening)
        assert str(row["inputs"]).endswith(ending)
        assert str(row["targets"]).strip()
        assert len(row["provenance"]["exemplars"]) == shots  # type: ignore[index]


@pytest.mark.parametrize(
    ("benchmark", "task"),
    [("mmlu", "mmlu_astronomy"), ("bbh-cot", "bbh_cot_navigate"), ("mgsm-cot", "mgsm_cot_te")],
)
def test_the_same_exemplars_stand_before_every_question(benchmark: str, task: str, tmp_path: Path) -> None:
    rows = [row for _, row in prompts(benchmark, task, tmp_path)]
    heads = {tuple(row["provenance"]["exemplars"]) for row in rows}  # type: ignore[index]
    assert len(heads) == 1
    (numbers,) = heads
    assert list(numbers) == sorted(numbers)


def test_exemplars_reason_and_questions_are_answered_in_a_word(tmp_path: Path) -> None:
    task, row = next(prompts("bbh-cot", "bbh_cot_navigate", tmp_path))
    assert task.exemplar_source is not None
    assert "navigate.txt" in task.exemplar_source.source_key
    assert str(row["inputs"]).count("So the answer is") == 3
    assert row["targets"] in ("Yes", "No")


def test_direct_exemplars_are_answered_in_a_word_too(tmp_path: Path) -> None:
    _, row = next(prompts("bbh", "bbh_navigate", tmp_path))
    assert "the answer is" not in str(row["inputs"])
    assert str(row["inputs"]).count("\nA: Yes") + str(row["inputs"]).count("\nA: No") == 3


def test_a_subtask_without_its_prompt_file_is_skipped_with_the_reason(tmp_path: Path) -> None:
    plan, _ = planned("bbh", "bbh_snarks", tmp_path)
    (skip,) = plan.skipped
    assert skip.kind == "source"
    assert skip.reason.startswith("exemplars: https://raw.githubusercontent.com/suzgunmirac/")
