"""Which columns a card reads, and which of them its source lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.columns import column_problems, columns_read
from flancollect.cards.entries import Task
from tests.catalogs import TASK, colours
from tests.lint.small_cards import TEXT_FAMILY

COLUMNS = ["thing", "label", "listed", "letters"]


def card(folder: Path, answer: str) -> Task:
    """The one task of the small catalogue, with a free-text answer."""
    task = TASK.replace("{choices: [green, red], index: label | int}", answer)
    return load_catalog([colours(folder, family=TEXT_FAMILY, task=task)], embedded=folder / "none").tasks[
        "colours"
    ]


@pytest.mark.parametrize(
    ("answer", "columns"),
    [
        ("{text: label}", ["thing", "label"]),
        ("{text: label, choices: listed}", ["thing", "label", "listed"]),
        ("{text: label, choices: listed, labels: letters | list}", COLUMNS),
        ("{text: label, also: row.listed}", COLUMNS),
    ],
)
def test_a_card_reads_the_columns_of_its_expressions(tmp_path: Path, answer: str, columns: list[str]) -> None:
    task = card(tmp_path, answer)
    assert columns_read(task.card, COLUMNS) == columns
    assert column_problems(task, "mine", COLUMNS) == []


@pytest.mark.parametrize(
    ("answer", "place", "column"),
    [
        ("{text: labl}", "answer.text", "labl"),
        ("{text: label, also: others}", "answer.also", "others"),
        ("{text: label, choices: lsited}", "answer.choices", "lsited"),
        ("{text: label, choices: listed, labels: leters}", "answer.labels", "leters"),
    ],
)
def test_a_column_that_the_source_lacks_is_a_problem_at_its_place(
    tmp_path: Path, answer: str, place: str, column: str
) -> None:
    (problem,) = column_problems(card(tmp_path, answer), "mine", COLUMNS)
    assert (problem.line, problem.file) == (7, str(tmp_path / "colours.yaml"))
    assert problem.what.startswith(f'{place}: no column "{column}" in mine. Columns: thing, label,')
