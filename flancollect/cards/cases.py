"""Published cases: how many prompts of each task a released collection counts, from a CSV beside a mixture card.

The columns are those of Flan 2022's own lists (flan/v2/constants.py): the `task`, and its cases in `zero_shot`,
`x_shot` (few-shot, exemplars in the question's template) and `five_shot` (few-shot, templates mixed). An empty cell
stands for the number in `zero_shot`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from flancollect.cards.expand import read_index
from flancollect.cards.paths import is_within
from flancollect.errors import CardError, Problem, did_you_mean

COLUMNS = ("task", "zero_shot", "x_shot", "five_shot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """The published cases of one task by FLAN's kinds of templates."""

    zero_shot: int
    x_shot: int
    five_shot: int


def read_cases(folder: Path, name: str, file: str, tasks: Collection[str]) -> Mapping[str, Cases]:
    """The cases by task. `name` is the file's inside `folder`, `file` stands for it in problems.

    Raises CardError: no such file, a cell that is no count, a task that is none of `tasks` or is counted twice.
    """
    path = folder / name
    if not is_within(path, folder) or not path.is_file():
        files = ", ".join(sorted(csv.name for csv in folder.glob("*.csv"))) or "none"
        raise CardError(
            [Problem(file, 0, f"no such file beside the mixture card. CSV files there: {files}.")]
        )
    rows = read_index(path, file)
    if tuple(rows[0]) != COLUMNS:
        what = f"the columns are {', '.join(rows[0])}; write {', '.join(COLUMNS)}"
        raise CardError([Problem(file, 1, what)])
    cases: dict[str, Cases] = {}
    problems = []
    for line, row in enumerate(rows, 2):
        counts = [row[column] or row["zero_shot"] for column in COLUMNS[1:]]
        if row["task"] not in tasks:
            problems.append(
                Problem(file, line, f'no task "{row["task"]}".{did_you_mean(row["task"], tasks, "Tasks", 6)}')
            )
        elif row["task"] in cases:
            problems.append(
                Problem(file, line, f'the task "{row["task"]}" is counted twice; leave one line out')
            )
        elif not all(count.isdecimal() for count in counts):
            problems.append(Problem(file, line, f"{', '.join(counts)}: write whole numbers of cases"))
        else:
            zero_shot, x_shot, five_shot = map(int, counts)
            cases[row["task"]] = Cases(zero_shot=zero_shot, x_shot=x_shot, five_shot=five_shot)
    if problems:
        raise CardError(problems)
    return cases
