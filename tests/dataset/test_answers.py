"""Answers are found in what a model says, in linear time, and compared without what does not count."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards.catalog import load_catalog
from flancollect.cards.score_card import Extraction, GenerationScore, Normalisation
from flancollect.dataset.answers import comparable, extract
from flancollect.dataset.dataset_files import refresh
from flancollect.dataset.questions import questions
from tests.builds import build, question_jobs

BENCHMARKS = {name: loaded.card for name, loaded in load_catalog().benchmarks.items()}
SCORES = {name: card.score for name, card in BENCHMARKS.items() if isinstance(card.score, GenerationScore)}


@pytest.mark.parametrize(
    ("benchmark", "language", "generation", "strict", "flexible"),
    [
        ("bbh-cot", "en", "A is left of B. So the answer is (D).", "(D)", "(D)"),
        ("bbh-cot", "en", "So the answer is (A). No: the answer is (B).\n", "(B)", "(B)"),
        ("bbh-cot", "en", "It can only be (C), I think", None, "(C)"),
        ("bbh-cot", "en", "so the answer is 4.5.", "4.5", "4.5"),
        ("bbh-cot", "en", "So the answer is ] } ).", "] } )", "] } )"),
        ("bbh-cot", "en", "not True is False, so it is: False", None, "False"),
        ("bbh-cot", "en", "Thus there are 12 of them", None, "12"),
        ("bbh-cot", "en", "I do not know.", None, None),
        ("bbh", "en", "The answer is (D).", "The answer is (D)", "(D)"),
        ("bbh", "en", "(D)", "(D)", "(D)"),
        ("bbh", "en", " True.\nQ", "True", "True"),
        ("bbh", "en", " Yes, it does.", "Yes, it does", "Yes"),
        ("bbh", "en", " no other valley", "no other valley", "no other valley"),
        ("bbh", "en", "\n", None, None),
        ("mmlu-cot", "en", "Hence 3. The answer is (C).", "(C)", "(C)"),
        ("mmlu-cot", "en", "(A) is wrong, so (B).", None, "(B)"),
        ("mmlu-cot", "en", "So the answer is: C", None, "C"),
        ("mgsm-cot", "de", "5 + 6 = 11. Die Antwort lautet 11.", "11.", "11."),
        ("mgsm-cot", "ja", "5+6=11。答えは11です。", "11", "11"),
        ("mgsm-cot", "zh", "5 + 6 = 11。答案是 11。", "11", "11"),
        ("mgsm-cot", "fr", "Il en reste 1,234. La réponse est 1,234.", "1,234.", "1,234."),
        ("mgsm-cot", "de", "The answer is 11.", None, "11."),
        ("mgsm", "sw", " 11", None, "11"),
    ],
)
def test_an_answer_is_read_out_of_a_generation(
    benchmark: str, language: str, generation: str, strict: str | None, flexible: str | None
) -> None:
    score = SCORES[benchmark]
    for extraction, expected in ((score.strict, strict), (score.flexible, flexible)):
        if extraction is not None:
            assert extract([generation], [language], extraction) == [expected]


def test_each_question_has_the_pattern_of_its_language() -> None:
    extraction = Extraction(pattern="is (?P<answer>[0-9]+)", languages={"de": "ist (?P<answer>[0-9]+)"})
    generations = ["it is 3", "es ist 4", "it is 5", ""]
    assert extract(generations, ["en", "de", "de", "en"], extraction) == ["3", "4", None, None]


def test_of_several_patterns_the_first_that_matches_counts() -> None:
    extraction = Extraction(pattern=[r"is (?P<answer>\d+)", r"(?P<answer>\d+)"], take="last")
    generations = ["9 is 3 is 4, not 5", "5, not 6", "five"]
    assert extract(generations, 3 * ["en"], extraction) == ["4", "6", None]


@pytest.mark.parametrize(("pattern", "answer"), [("(?P<answer>x*)", "xx"), ("(?P<answer>x)?y", "x")])
def test_an_empty_answer_is_none(pattern: str, answer: str) -> None:
    extraction = Extraction(pattern=pattern)
    assert extract(["y", f"y{answer}y", "\x01x\x02"], 3 * ["en"], extraction)[:2] == [None, answer]


@given(st.text(), st.sampled_from(["bbh", "bbh-cot", "mmlu-cot", "mgsm-en", "mgsm-en-cot"]))
def test_what_is_read_strictly_is_read_flexibly_too(generation: str, benchmark: str) -> None:
    score = SCORES[benchmark]
    assert score.flexible is not None
    (flexible,) = extract([generation], ["en"], score.flexible)
    if score.strict is not None and extract([generation], ["en"], score.strict) != [None]:
        assert flexible is not None


def test_a_hostile_generation_takes_no_time() -> None:
    extraction = Extraction(pattern="(?:a|aa)+(?P<answer>b)", take="last")
    started = time.perf_counter()
    assert extract(["a" * 200_000 + "c"], ["en"], extraction) == [None]
    assert time.perf_counter() - started < 60, "a backtracking engine would not end"


@pytest.mark.parametrize(
    ("answer", "normalise", "expected"),
    [
        ("(D)", [], "(D)"),
        (" True ", ["case"], "true"),
        ("The  Cat, a dog!", ["case", "punctuation", "articles", "spaces"], "cat dog"),
        ("$1,234.50.", ["number"], "1234.5"),
        ("-007", ["number"], "-7"),
        ("-0.0", ["number"], "0"),
        ("11.", ["number"], "11"),
        ("１１", ["number"], "11"),
        ("many", ["number"], "many"),
        ("9" * 5000, ["number"], "9" * 5000),
    ],
)
def test_answers_are_compared_without_what_does_not_count(
    answer: str, normalise: list[Normalisation], expected: str
) -> None:
    assert comparable(answer, normalise) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9))
def test_a_number_is_the_same_however_it_is_written(number) -> None:
    assert comparable(f"${number:,}", ["number"]) == comparable(f"{number:.4f}", ["number"])


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_every_benchmark_of_the_collection_says_how_it_is_scored(name: str) -> None:
    assert BENCHMARKS[name].score is not None


def test_a_question_carries_how_its_answer_is_scored(tmp_path: Path) -> None:
    manifest = build(tmp_path, question_jobs(), kind="benchmark")
    assert {question.score for question in questions(tmp_path)} == {None}
    for name, card in BENCHMARKS.items():
        assert card.score is not None, name
        recipe = {"score": card.score.model_dump(mode="json")}
        refresh(tmp_path, manifest.model_copy(update={"recipe": recipe}))
        asked = list(questions(tmp_path))
        assert all(question.score == card.score for question in asked)
        assert len(set(asked)) == len(asked)
