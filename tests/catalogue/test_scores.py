"""Published answers, said as published exemplars say them, are read by the patterns of benchmark cards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.score_card import GenerationScore
from flancollect.dataset.answers import comparable, extract
from flancollect.sources.shapes import prompt_file

SHARED = Path(__file__).resolve().parents[3] / "shared"
LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")

pytestmark = pytest.mark.shared


class Said(NamedTuple):
    """What a model may say, in which language, and the answer that is right."""

    generation: str
    language: str
    answer: str


def of_prompt(prompt: str) -> Iterator[Said]:
    for exemplar in prompt_file.exemplars(prompt):
        yield Said(exemplar["chain"], "en", exemplar["answer"])


def mmlu_exemplars() -> Iterator[Said]:
    (file,) = (SHARED / "data" / "mmlu_cot_prompts").glob("*.json")
    for prompt in json.loads(file.read_text(encoding="utf-8")).values():
        # Of a question of college chemistry the published prompt has a fifth choice, and says that it is right.
        yield from (said for said in of_prompt(prompt) if said.answer != "(E)")


def bbh_exemplars() -> Iterator[Said]:
    for file in sorted((SHARED / "data" / "bbh" / "cot-prompts").glob("*.txt")):
        yield from of_prompt(file.read_text(encoding="utf-8"))


def bbh_answers(before: str = " ", after: str = "") -> Iterator[Said]:
    for file in sorted((SHARED / "hub" / "lukaemon" / "bbh").glob("*/test.parquet")):
        for target in pq.read_table(file)["target"].to_pylist():
            yield Said(f"{before}{target.strip()}{after}", "en", target.strip())


def mgsm_exemplars(*languages: str, direct: bool = False) -> Iterator[Said]:
    for language in languages:
        rows = pq.read_table(SHARED / "hub" / "juletxara" / "mgsm" / language / "train.parquet").to_pylist()
        for row in rows:
            number = str(row["answer_number"])
            yield Said(f" {number}" if direct else row["answer"], language, number)


@pytest.mark.parametrize(
    ("benchmark", "said"),
    [
        ("mmlu-cot", mmlu_exemplars()),
        ("mmlu-test-cot", mmlu_exemplars()),
        ("bbh-cot", bbh_exemplars()),
        ("bbh-cot", bbh_answers("So the answer is ", ".")),
        ("bbh", bbh_answers()),
        ("mgsm-cot", mgsm_exemplars(*(code for code in LANGUAGES if code != "en"))),
        ("mgsm-en-cot", mgsm_exemplars("en")),
        ("mgsm", mgsm_exemplars(*LANGUAGES, direct=True)),
        ("mgsm-en", mgsm_exemplars("en", direct=True)),
    ],
)
def test_every_published_answer_is_right(benchmark: str, said: Iterator[Said]) -> None:
    score, rows = load_catalog().benchmarks[benchmark].card.score, list(said)
    assert rows
    assert isinstance(score, GenerationScore)
    for extraction in (score.strict, score.flexible):
        if extraction is not None:
            answers = extract([row.generation for row in rows], [row.language for row in rows], extraction)
            wrong = [
                (row, answer)
                for row, answer in zip(rows, answers, strict=True)
                if answer is None
                or comparable(answer, score.normalise) != comparable(row.answer, score.normalise)
            ]
            assert not wrong
