"""Which tasks a mixture's part or a benchmark means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
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
    for glob in globs:
        if glob.startswith("!"):
            chosen = chosen and not fnmatchcase(name, glob[1:])
        else:
            chosen = chosen or fnmatchcase(name, glob)
    return chosen


def select(tasks: Iterable[HasCard], wanted: Select) -> list[str]:
    """Names of the tasks that match every key of `wanted`, sorted."""
    return sorted(
        task.card.task
        for task in tasks
        if (wanted.submix is None or task.card.submix == wanted.submix)
        and (wanted.tasks is None or matches(task.card.task, wanted.tasks))
        and (wanted.clusters is None or matches(task.card.cluster, wanted.clusters))
    )
