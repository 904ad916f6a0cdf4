"""The error tree. Every message says where, what, what there is, and what to do.

FlancollectError                exit code
├── UsageError                  2   the command cannot be carried out as asked
├── CardError                   3   bad cards, templates or styles: a list of problems, all at once
├── SourceError                 4   a source cannot be read
└── CheckError                  5   a check failed: verify, diff, license, contamination
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class FlancollectError(Exception):
    """Any failure that flancollect foresees; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(FlancollectError):
    """The command's arguments, or the folders they name, do not allow it."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one place of one file. `line` is 1-based; 0 means the whole file."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        """Render as the `file:line  what` that editors and terminals link."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}  {self.what}"


class CardError(FlancollectError):
    """Every problem found in cards, templates and styles, sorted by file and line."""

    exit_code = 3

    def __init__(self, problems: Iterable[Problem]) -> None:
        # A set: one wrong line of a card that expands to twelve tasks is met twelve times.
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[CardError], tuple[tuple[Problem, ...]]]:
        """Let worker processes hand the error back whole."""
        # Without it pickle would call CardError(text), with the joined text that Exception has in `args`.
        return type(self), (self.problems,)


class MisfitError(CardError):
    """Cards that do not fit their sources, so that no task of a build is left: why, one line per task."""

    def __init__(self, reasons: str) -> None:
        # The reasons name files and lines already, in the words of the skipped tasks.
        self.problems = ()
        FlancollectError.__init__(self, reasons)

    def __reduce__(self) -> tuple[type[MisfitError], tuple[str]]:  # type: ignore[override]
        """Let worker processes hand the error back whole."""
        return type(self), (str(self),)


class SourceError(FlancollectError):
    """A source is missing, unreachable or not what its card says."""

    exit_code = 4


class HoldOutError(SourceError):
    """What a mixture must not ask cannot be read, so that no row of it can be trusted."""


class CheckError(FlancollectError):
    """A check of a finished build failed."""

    exit_code = 5


def did_you_mean(word: str, choices: Iterable[str], label: str = "Known", most: int = 12) -> str:
    """Say what exists, and the nearest spelling if one is near: ` Known: a, b. Did you mean "a"?`.

    `choices` keep their order; past `most` entries the rest is counted, not listed.
    """
    names = list(choices)
    if not names:
        return f" {label}: none."
    listing = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    # 0.6 is difflib's own threshold, 2 * matching letters / all letters: "itms" is near "items" (8 / 9), and "rte"
    # suggests nothing among "boolq" and "mnli". The search is over all names, not only the listed ones.
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f" {label}: {listing}." + (f' Did you mean "{near[0]}"?' if near else "")
