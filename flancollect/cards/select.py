"""Which tasks a mixture's part or a benchmark means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from functools import lru_cache
from itertools import groupby
from typing import Protocol

from flancollect.cards.card import Card, Texts
from flancollect.cards.task_card import TaskCard


class Select(Card):
    """Which tasks: all that match every key given. Globs over names; `tasks` may exclude with `!glob`."""

    submix: Texts | None = None
    tasks: Texts | None = None
    clusters: Texts | None = None


class HasCard(Protocol):
    """Anything that carries a task card."""

    @property
    def card(self) -> TaskCard:
        """The task's card."""


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether a name matches a list of globs, in which `!glob` takes names out again, in order."""
    return _matcher(tuple(globs))(name)


@lru_cache(maxsize=1024)
def _matcher(globs: tuple[str, ...]) -> Callable[[str], bool]:
    """The same for many names: neighbouring globs of one sign are one pattern, so that long lists are fast."""
    at_first = all(glob.startswith("!") for glob in globs)
    runs = [
        (takes, re.compile("|".join(translate(glob.removeprefix("!")) for glob in run)).match)
        for takes, run in groupby(globs, key=lambda glob: not glob.startswith("!"))
    ]

    def chosen(name: str) -> bool:
        taken = at_first
        for takes, match in runs:
            if taken != takes and match(name):
                taken = takes
        return taken

    return chosen


def select(tasks: Iterable[HasCard], wanted: Select) -> list[str]:
    """Names of the tasks that match every key of `wanted`, sorted."""
    by_name = _matcher(tuple(wanted.tasks or ()))
    by_cluster = _matcher(tuple(wanted.clusters or ()))
    return sorted(
        card.task
        for card in (task.card for task in tasks)
        if (wanted.submix is None or card.submix in wanted.submix)
        and (wanted.tasks is None or by_name(card.task))
        and (wanted.clusters is None or by_cluster(card.cluster))
    )
