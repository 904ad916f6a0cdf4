"""A step-by-step prompt begins with the published prompt, byte for byte, and goes on with one question more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import flancollect as fc
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = [pytest.mark.shared, pytest.mark.slow]

Ask = Callable[[str], list[fc.Question]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The questions of a benchmark, built from the mirror as far as its sources are there."""
    folder = tmp_path_factory.mktemp("benchmarks")

    @cache
    def questions_of(name: str) -> list[fc.Question]:
        access = SourceAccess(
            mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=folder / "cache"
        )
        options = fc.BuildOptions(allow_incomplete=True)
        fc.build(fc.BuildRequest(name, access=access), folder / name, options)
        return list(fc.questions(folder / name))

    return questions_of


@cache
def mmlu_prompts() -> dict[str, str]:
    """The published prompts by subject, without the blank line above two of them."""
    (file,) = (SHARED / "data" / "mmlu_cot_prompts").glob("*.json")
    prompts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return {subject: prompt.strip("\n") for subject, prompt in prompts.items()}


def bbh_prompt(subtask: str) -> str:
    file = SHARED / "data" / "bbh" / "cot-prompts" / f"{subtask}.txt"
    # Above the hyphens stands a warning not to train on the file.
    return file.read_text(encoding="utf-8").split("-----\n", maxsplit=1)[1].rstrip("\n")


@cache
def mgsm_prompt(code: str) -> str:
    rows = pq.read_table(SHARED / "hub" / "juletxara" / "mgsm" / code / "train.parquet").to_pylist()
    return "\n\n".join(f"{row['question']}\n{row['answer']}" for row in rows)


@pytest.mark.parametrize("benchmark", ["mmlu-cot", "mmlu-test-cot"])
def test_mmlu_step_by_step(benchmark: str, ask: Ask) -> None:
    for question in ask(benchmark):
        prompt = mmlu_prompts()[question.task.removeprefix("mmlu_cot_")]
        assert question.prompt.startswith(f"{prompt}\n\nQ: "), question.id
        assert question.prompt.endswith("\nA: Let's think step by step."), question.id


def test_mmlu_shows_five_exemplars_step_by_step_save_for_three_subjects(ask: Ask) -> None:
    # What follows the published exemplars is the question alone.
    exemplars = {
        question.task.removeprefix("mmlu_cot_"): mmlu_prompts()[
            question.task.removeprefix("mmlu_cot_")
        ].count("\nA: Let's think step by step.")
        for question in ask("mmlu-cot")
    }
    assert Counter(exemplars.values()) == {5: 54, 4: 3}
    assert {subject for subject, shots in exemplars.items() if shots == 4} == {
        "college_chemistry",
        "formal_logic",
        "human_aging",
    }


def test_bbh_step_by_step(ask: Ask) -> None:
    for question in ask("bbh-cot"):
        prompt = bbh_prompt(question.task.removeprefix("bbh_cot_"))
        assert question.prompt.startswith(f"{prompt}\n\nQ: "), question.id


@pytest.mark.parametrize("benchmark", ["mgsm-cot", "mgsm-en-cot"])
def test_mgsm_step_by_step(benchmark: str, ask: Ask) -> None:
    for question in ask(benchmark):
        assert question.prompt.startswith(f"{mgsm_prompt(question.subject)}\n\n"), question.id


def test_mgsm_asks_directly_with_the_published_questions(ask: Ask) -> None:
    for question in [*ask("mgsm"), *ask("mgsm-en")]:
        rows = pq.read_table(
            SHARED / "hub" / "juletxara" / "mgsm" / question.subject / "train.parquet"
        ).to_pylist()
        answer_word = question.prompt.rsplit("\n", maxsplit=1)[1]
        published = "\n\n".join(f"{row['question']}\n{answer_word} {row['answer_number']}" for row in rows)
        assert question.prompt.startswith(f"{published}\n\n"), question.id
