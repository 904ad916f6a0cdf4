from dataclasses import FrozenInstanceError
from hashlib import sha256

import pytest

from flancollect.dataset.dataset_files import refresh
from flancollect.dataset.questions import questions
from flancollect.dataset.reader import open_build
from flancollect.errors import CheckError, UsageError
from tests.builds import build, question_jobs, question_rows, small_jobs


def test_questions_come_in_mixture_order_with_all_that_scoring_needs(tmp_path):
    build(tmp_path, question_jobs(), kind="benchmark")
    rows, all_questions = list(open_build(tmp_path)), list(questions(tmp_path))
    assert [question.id for question in all_questions] == [row["question"]["id"] for row in rows]
    for question, row in zip(all_questions, rows, strict=True):
        assert (question.task, question.prompt, question.target) == (
            row["task_name"],
            row["inputs"],
            row["targets"],
        )
        for name, value in row["question"].items():
            assert getattr(question, name) == (tuple(value) if isinstance(value, list) else value)
        assert question.prompt_sha256 == sha256(question.prompt.encode()).hexdigest()


def test_choices_and_free_text(tmp_path):
    build(tmp_path, {("mmlu", "zs_opt"): question_rows("mmlu", "zs_opt", 6)}, kind="benchmark")
    by_id = {question.id: question for question in questions(open_build(tmp_path))}
    closed, free = by_id["mmlu/test/1"], by_id["mmlu/test/2"]
    assert (closed.choices, closed.labels) == (("sí", "no", "vielleicht 日本"), ("(A)", "(B)", "(C)"))
    assert (closed.answer, closed.accepted) == (1, ("answer 1", "ünother"))
    assert (free.choices, free.labels, free.answer, free.metric) == ((), (), -1, "exact_match")
    with pytest.raises(FrozenInstanceError):
        free.answer = 0


def test_a_question_has_the_same_name_in_every_variant(tmp_path):
    jobs = {("mmlu", variant): question_rows("mmlu", variant, 5) for variant in ("zs_opt", "fs_noopt")}
    build(tmp_path, jobs, kind="benchmark")
    names = [question.id for question in questions(tmp_path)]
    assert sorted(names) == sorted(2 * [f"mmlu/test/{i}" for i in range(5)])


def test_a_mixture_has_none_and_says_what_to_build(tmp_path):
    build(tmp_path, small_jobs())
    for opened in (tmp_path, open_build(tmp_path)):
        with pytest.raises(UsageError, match=r"holds small, a mixture build, .* `flancollect build NAME"):
            questions(opened)


def test_a_folder_without_a_build_and_a_missing_shard(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        questions(tmp_path / "nowhere")
    manifest = build(tmp_path, question_jobs(), kind="benchmark")
    (tmp_path / manifest.shards[1].file).unlink()
    with pytest.raises(CheckError, match="cannot be read"):
        list(questions(tmp_path))


def test_a_benchmark_without_rows_has_no_questions(tmp_path):
    build(tmp_path, {("mmlu", "zs_opt"): question_rows("mmlu", "zs_opt", 0)}, kind="benchmark")
    assert list(questions(tmp_path)) == []


def test_a_question_carries_how_the_benchmark_is_scored(tmp_path):
    score = {"generate": 8, "strict": {"pattern": "is (?P<answer>.+)"}, "metrics": ["f1", "exact_match"]}
    manifest = build(tmp_path, question_jobs(), kind="benchmark")
    for recipe, metrics, tokens in (
        ({"score": score}, {("f1", "exact_match")}, 8),
        ({"score": {"generate": 9}}, {("accuracy",), ("exact_match",)}, 9),
        ({"score": None}, {("accuracy",), ("exact_match",)}, None),
    ):
        refresh(tmp_path, manifest.model_copy(update={"recipe": recipe}))
        asked = list(questions(tmp_path))
        assert {question.metrics for question in asked} == metrics
        assert {question.score and question.score.generate for question in asked} == {tokens}
