"""Published cases beside a mixture card: read by task, and refused line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.cards.cases import Cases
from flancollect.cards.catalog import load_catalog
from flancollect.errors import CardError
from tests.catalogs import colours, write

MIXTURE = "mixture: mix\nsize: 9\ncases: cases.csv\nparts: {mine: {}}\n"
HEADER = "task,zero_shot,x_shot,five_shot\n"


def catalogue(folder: Path, text: str) -> Path:
    return write(colours(folder, more=MIXTURE), {"cases.csv": text})


def test_an_empty_cell_is_the_number_of_zero_shot_cases(tmp_path: Path) -> None:
    catalog = load_catalog([catalogue(tmp_path, HEADER + "colours,100,,60\n")])
    assert catalog.cases["mix"] == {"colours": Cases(zero_shot=100, x_shot=100, five_shot=60)}


def test_every_wrong_line_is_told_with_what_to_do(tmp_path: Path) -> None:
    text = HEADER + "colour,1,1,1\ncolours,5,five,5\ncolours,5,5,5\ncolours,6,6,6\n"
    with pytest.raises(CardError) as error:
        load_catalog([catalogue(tmp_path, text)])
    said = str(error.value)
    assert 'cases.csv:2  no task "colour".' in said
    assert 'Did you mean "colours"?' in said
    assert "cases.csv:3  5, five, 5: write whole numbers of cases" in said
    assert 'cases.csv:5  the task "colours" is counted twice; leave one line out' in said


def test_other_columns_are_refused_with_those_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(
        CardError, match=r"cases\.csv:1  the columns are task, rows; write task, zero_shot, x_shot"
    ):
        load_catalog([catalogue(tmp_path, "task,rows\ncolours,5\n")])


@pytest.mark.parametrize("name", ["missing.csv", "../cases.csv"])
def test_a_file_that_is_not_beside_the_card_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"cases.csv": HEADER + "colours,1,1,1\n"})
    folder = colours(tmp_path / "mine", more=MIXTURE.replace("cases.csv", name))
    with pytest.raises(
        CardError, match=r"no such file beside the mixture card\. CSV files there: colours\.csv"
    ):
        load_catalog([folder])
