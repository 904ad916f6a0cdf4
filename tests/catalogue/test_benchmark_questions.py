"""A benchmark build holds what scoring needs: compared with the published files, read by other means."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import flancollect as fc
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = [pytest.mark.shared, pytest.mark.slow]

Ask = Callable[..., list[fc.Question]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The questions of a benchmark, built once."""
    folder = tmp_path_factory.mktemp("benchmarks")

    @cache
    def questions_of(name: str) -> list[fc.Question]:
        access = SourceAccess(
            mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=folder / "cache"
        )
        # 15 of 27 subtasks of BBH and one language of TyDiQA can be asked here.
        options = fc.BuildOptions(allow_incomplete=True)
        fc.build(fc.BuildRequest(name, access=access), folder / name, options)
        return list(fc.questions(folder / name))

    return questions_of


@cache
def hub_rows(path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(SHARED / "hub" / f"{path}.parquet").to_pylist()
    return rows


def published_mmlu(question: fc.Question) -> dict[str, Any]:
    task, split, row = question.id.split("/")
    subject = task.removeprefix("mmlu_").removeprefix("cot_")
    return hub_rows(f"cais/mmlu/{subject}/{split}")[int(row)]


def published_bbh(question: fc.Question) -> dict[str, str]:
    task, _, row = question.id.split("/")
    subtask = task.removeprefix("bbh_").removeprefix("cot_")
    content = json.loads((SHARED / "data" / "bbh" / "bbh" / f"{subtask}.json").read_text(encoding="utf-8"))
    example: dict[str, str] = content["examples"][int(row)]
    return example


@pytest.mark.parametrize("benchmark", ["mmlu", "mmlu-cot", "bbh", "bbh-cot", "tydiqa", "mgsm", "mgsm-cot"])
def test_every_question_has_an_id_a_metric_and_the_hash_of_its_prompt(benchmark: str, ask: Ask) -> None:
    questions = ask(benchmark)
    assert len({question.id for question in questions}) == len(questions) > 0
    for question in questions:
        assert question.prompt_sha256 == sha256(question.prompt.encode()).hexdigest()
        assert question.accepted[0] == question.target
        assert all(text.strip() for text in question.accepted)
        assert len(question.labels) == len(question.choices)
        assert question.metric
        assert question.cluster
        assert question.languages
        assert question.subject


@pytest.mark.parametrize("benchmark", ["mmlu", "mmlu-cot"])
def test_mmlu_has_four_choices_and_the_published_answer(benchmark: str, ask: Ask) -> None:
    questions = ask(benchmark)
    assert len({question.subject for question in questions}) == 57
    letters = ("A", "B", "C", "D") if benchmark == "mmlu" else ("(A)", "(B)", "(C)", "(D)")
    for question in questions:
        published = published_mmlu(question)
        assert question.choices == tuple(published["choices"])
        assert question.labels == letters
        assert question.answer == published["answer"]
        assert question.target == letters[published["answer"]]
        assert question.accepted == (question.target, published["choices"][published["answer"]])
    assert {question.metric for question in questions} == {
        "accuracy" if benchmark == "mmlu" else "exact_match"
    }


@pytest.mark.parametrize("benchmark", ["bbh", "bbh-cot"])
def test_bbh_has_the_choices_that_its_questions_list(benchmark: str, ask: Ask) -> None:
    questions = ask(benchmark)
    outside = Counter()
    for question in questions:
        published = published_bbh(question)
        listed = re.findall(
            r"^(\([A-Z]\)) (.*)$", published["input"].partition("Options:\n")[2], re.MULTILINE
        )
        if listed:
            assert question.labels == tuple(label for label, _ in listed)
            assert question.choices == tuple(text.strip() for _, text in listed)
        elif question.choices:
            assert question.labels == question.choices
        else:
            assert question.subject in ("dyck_languages", "word_sorting")
        target = published["target"].strip()
        texts = [text.strip() for label, text in listed if label == target]
        assert question.accepted == (target, *texts)
        if published["target"] in question.labels:
            assert question.labels[question.answer] == published["target"]
        else:
            assert question.answer == -1
            outside[question.subject] += bool(question.choices)
    # Published with targets that are no letter of the question: "ruin_names" twice, one of the films.
    assert outside == {"ruin_names": 2, "movie_recommendation": 1, "dyck_languages": 0, "word_sorting": 0}


def test_tydiqa_accepts_every_answer_that_annotators_gave(ask: Ask) -> None:
    questions = ask("tydiqa")
    published = hub_rows("google-research-datasets/tydiqa/secondary_task/validation")
    assert any(len(question.accepted) > 1 for question in questions)
    for question in questions:
        answers = published[int(question.id.rsplit("/", 1)[1])]["answers"]["text"]
        assert question.accepted == tuple(dict.fromkeys(answers))
        assert (question.choices, question.answer, question.metric) == ((), -1, "squad")


@pytest.mark.parametrize("benchmark", ["mgsm", "mgsm-cot"])
def test_mgsm_accepts_the_published_number(benchmark: str, ask: Ask) -> None:
    questions = ask(benchmark)
    assert {question.subject for question in questions} == {
        "bn",
        "de",
        "es",
        "fr",
        "ja",
        "ru",
        "sw",
        "te",
        "th",
        "zh",
    }
    for question in questions:
        rows = hub_rows(f"juletxara/mgsm/{question.subject}/test")
        assert question.accepted == (str(rows[int(question.id.rsplit("/", 1)[1])]["answer_number"]),)
        assert (question.choices, question.metric) == ((), "number")
