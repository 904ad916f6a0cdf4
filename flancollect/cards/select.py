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
    """The same for many names, fast also for a list of hundreds: neighbouring globs of one sign are one pattern.

    `["bbh_*", "bb_*", "!bbh_cot_*", "bbh_cot_navigate"]` is three runs: in (bbh_*|bb_*), out (bbh_cot_*), in
    (bbh_cot_navigate). `bbh_cot_navigate` goes in, out and in again; `bbh_cot_snarks` in and out.
    """
    # A list of exclusions alone starts from all names: ["!bbh_*"] is everything but bbh.
    at_first = all(glob.startswith("!") for glob in globs)
    runs = [
        (includes, re.compile("|".join(translate(glob.removeprefix("!")) for glob in run)).match)
        for includes, run in groupby(globs, key=lambda glob: not glob.startswith("!"))
    ]

    def is_match(name: str) -> bool:
        included = at_first
        for includes, match in runs:
            if included != includes and match(name):  # a run that changes nothing is not tried
                included = includes
        return included

    return is_match


def select(tasks: Iterable[HasCard], selection: Select) -> list[str]:
    """Names of the tasks that match every key of a selection, sorted."""
    by_name = _matcher(tuple(selection.tasks or ()))
    by_cluster = _matcher(tuple(selection.clusters or ()))
    return sorted(
        card.task
        for card in (task.card for task in tasks)
        if (selection.submix is None or card.submix in selection.submix)
        and (selection.tasks is None or by_name(card.task))
        and (selection.clusters is None or by_cluster(card.cluster))
    )
