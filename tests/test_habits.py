"""The check of names and comments, on small sources: what counts as a name, and what as a comment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.habits import MIN_COMMENT_SHARE, Habits, comment_lines, main, measure

BINDINGS = [
    "found = 1",
    "found: int = 1",
    "one, (*found, two) = x",
    "x += (found := 1)",
    "def f(found): ...",
    "def f(*found, **rest): ...",
    "def f(*, found=1): ...",
    "f = lambda found: 1",
    "def found(): ...",
    "async def found(): ...",
    "class found: ...",
    "class Found: ...",
    "class C:\n    def __init__(self):\n        self.found = 1",
    "for found in x: ...",
    "x = [1 for found in y]",
    "with open(x) as found: ...",
    "import numpy as found",
    "from numpy import array as found",
    "try: ...\nexcept ValueError as found: ...",
    "match x:\n    case [1, *found]: ...",
    "match x:\n    case {'a': 1, **found}: ...",
    "match x:\n    case int() as found: ...",
]
PARTS = ["rows_found", "found_rows", "_found", "FOUND", "MOST_FOUND_ROWS", "FoundRows", "RowsFound"]
UNCOUNTED = [
    'x = "found there"',
    "f(found=1)",
    "x = found",
    "x = y.found",
    "import found",
    "foundation = profound = 1",
    "hold_out = rows_asked = beside = 1",
]


def habits_of(tmp_path: Path, source: str) -> Habits:
    (tmp_path / "module.py").write_text(source)
    return measure(tmp_path)


@pytest.mark.parametrize("source", BINDINGS)
def test_a_bad_name_is_seen_in_every_kind_of_binding(tmp_path: Path, source: str) -> None:
    habits = habits_of(tmp_path, source)
    assert [offender.split()[-1].lower() for offender in habits.offenders] == ["found"]
    assert habits.names >= 1


@pytest.mark.parametrize("name", PARTS)
def test_a_bad_word_is_seen_as_a_part_of_a_name(tmp_path: Path, name: str) -> None:
    assert habits_of(tmp_path, f"\n{name} = 1").offenders == (f"{tmp_path / 'module.py'}:2  {name}",)


@pytest.mark.parametrize("source", UNCOUNTED)
def test_uses_strings_other_words_and_allowed_names_are_no_offence(tmp_path: Path, source: str) -> None:
    assert habits_of(tmp_path, source).offenders == ()


def test_every_binding_counts_towards_the_share(tmp_path: Path) -> None:
    source = "import os\n\ndef f(a, b=1):\n    self.c = d = [e for e in a]\n    return 'g'\n"
    assert habits_of(tmp_path, source).names == 6  # f, a, b, c, d, e


@pytest.mark.parametrize(
    ("names", "bad", "lines", "comments", "verdicts"),
    [(1000, 5, 100, 3, 0), (1000, 6, 100, 3, 7), (1000, 5, 100, 2, 1), (1000, 6, 100, 2, 8)],
)
def test_half_a_percent_of_the_names_may_be_bad_and_three_percent_of_the_lines_hold_a_comment(
    names: int, bad: int, lines: int, comments: int, verdicts: int
) -> None:
    habits = Habits(names=names, offenders=("module.py:1  found",) * bad, lines=lines, comments=comments)
    assert len(habits.verdicts()) == verdicts


def test_comments_are_counted_by_lines_and_orders_to_tools_are_none() -> None:
    source = """#!/usr/bin/env python
# a reason
x = 1  # another one
y = "# a string"
z = 1  # noqa
z = 1  # noqa: E501, S101
z = 1  # type: ignore[arg-type]
z = 1  # fmt: skip
z = 1  # noqa: BLE001 (clients raise what they like)
z = 1  # type: ignore[arg-type]  # a TaskID is an int
"""
    assert comment_lines(source) == 4


def test_the_check_names_every_place_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "module.py").write_text("found = 1\n" * 40)
    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'module.py'}:40  found" in printed
    assert "Name each for what it is" in printed
    assert "Too few comments" in printed


def test_a_package_that_keeps_both_habits_passes_with_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "module.py").write_text("# Rows are counted from 0.\nrows = 1\n" * 10)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}: names: 0 of 10 (0.00%) say how a thing came about; comments: 10 of 20 lines (50.00%)\n"
    )
    assert MIN_COMMENT_SHARE == 0.03
