"""Which tasks a mixture's part or a benchmark means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import lru_cache
from itertools import groupby
from typing import Protocol

from flancollect.cards.models import Select, TaskCard


class HasCard(Protocol):
    """Anything that carries a task card."""

    @property
    def card(self) -> TaskCard:
        """The task's card."""


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether a name matches a list of globs, in which `!glob` takes names out again, in order."""
    chosen = all(glob.startswith("!") for glob in globs)
    for takes, pattern in _runs(tuple(globs)):
        if chosen != takes and pattern.match(name):
            chosen = takes
    return chosen


@lru_cache(maxsize=1024)
def _runs(globs: tuple[str, ...]) -> tuple[tuple[bool, re.Pattern[str]], ...]:
    """Neighbouring globs of one sign as one pattern each, so that long lists of names match fast."""
    runs = groupby(globs, key=lambda glob: not glob.startswith("!"))
    return tuple(
        (takes, re.compile("|".join(translate(glob.removeprefix("!")) for glob in run)))
        for takes, run in runs
    )


def select(tasks: Iterable[HasCard], wanted: Select) -> list[str]:
    """Names of the tasks that match every key of `wanted`, sorted."""
    return sorted(
        task.card.task
        for task in tasks
        if (wanted.submix is None or task.card.submix in wanted.submix)
        and (wanted.tasks is None or matches(task.card.task, wanted.tasks))
        and (wanted.clusters is None or matches(task.card.cluster, wanted.clusters))
    )
