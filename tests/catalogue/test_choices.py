"""What cards say of the choices that a question lists itself holds for every real row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.columns import column_problems, columns_read
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.task_card import TextAnswer
from flancollect.jinja.expression import compile_expression
from flancollect.sources.mirror import load_mirror
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess
from tests.catalogue.tables import facts

SHARED = Path(__file__).resolve().parents[3] / "shared"
SUBTASKS = [row["subtask"] for row in facts("bbh")]
FREE = {"dyck_languages", "multistep_arithmetic_two", "object_counting", "word_sorting"}
MISLABELLED = {
    "movie_recommendation": {163: "Monsters, Inc"},
    "ruin_names": {99: "dearth, wind, & fire", 144: "rita, sue and bob poo"},
}
"""Rows whose options the publishers cut at the commas inside them, so that the target is none of them."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def answer_of(task: Task) -> TextAnswer:
    assert isinstance(task.card.answer, TextAnswer)
    return task.card.answer


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_a_question_has_the_same_choices_asked_directly_and_step_by_step(
    catalog: Catalog, subtask: str
) -> None:
    direct, reasoned = catalog.tasks[f"bbh_{subtask}"], catalog.tasks[f"bbh_cot_{subtask}"]
    assert answer_of(direct) == answer_of(reasoned)
    assert direct.card.reshape == reasoned.card.reshape
    assert (answer_of(direct).choices is None) == (subtask in FREE)


def looked_up(task: Task, split: str, cache: Path) -> dict[str, list[Any]]:
    """For every real row of a split: the target, the choices and the labels; no lists where the card has none."""
    access = SourceAccess(mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=cache)
    table = open_shaped(task.source, split, access, None)
    assert column_problems(task, task.card.task, table.schema.names) == []
    rows = table.take(np.arange(table.rows), columns_read(task.card, table.schema.names)).rows()
    answer = answer_of(task)
    texts = {
        "targets": answer.text,
        "choices": answer.choices or "[]",
        "labels": answer.labels or answer.choices or "[]",
    }
    return {name: [compile_expression(text).evaluate(row) for row in rows] for name, text in texts.items()}


@pytest.mark.shared
@pytest.mark.parametrize("subtask", SUBTASKS)
def test_every_target_of_big_bench_hard_is_among_the_labels(
    catalog: Catalog, subtask: str, tmp_path: Path
) -> None:
    columns = looked_up(catalog.tasks[f"bbh_{subtask}"], "test", tmp_path)
    assert all((len(choices) > 1) == (subtask not in FREE) for choices in columns["choices"])
    assert list(map(len, columns["labels"])) == list(map(len, columns["choices"]))
    if subtask not in FREE:
        pairs = enumerate(zip(columns["targets"], columns["labels"], strict=True))
        assert {i: target for i, (target, labels) in pairs if target not in labels} == MISLABELLED.get(
            subtask, {}
        )


@pytest.mark.shared
def test_every_target_of_mmlu_step_by_step_is_among_the_labels(catalog: Catalog, tmp_path: Path) -> None:
    columns = looked_up(catalog.tasks["mmlu_cot_astronomy"], "validation", tmp_path)
    assert set(columns["targets"]) == {"(A)", "(B)", "(C)", "(D)"}
    assert {tuple(labels) for labels in columns["labels"]} == {("(A)", "(B)", "(C)", "(D)")}
    assert set(map(len, columns["choices"])) == {4}
