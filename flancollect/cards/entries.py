"""What a loaded catalogue holds: tasks with their family looked up, mixtures and benchmarks in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.family import Family
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.strict_yaml import Document
from flancollect.cards.styles import Styles
from flancollect.cards.task_card import TaskCard
from flancollect.errors import Problem

C = TypeVar("C", MixtureCard, BenchmarkCard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task card with its family looked up. `root` is the folder that relative files start from."""

    card: TaskCard
    family: Family
    root: Path
    file: str
    lines: Mapping[str, int]

    def problem(self, place: str, what: str) -> Problem:
        """A problem of this card at a dotted place such as `fields.premise`."""
        return Problem(
            self.file,
            self.lines.get(place, self.lines.get(place.split(".", maxsplit=1)[0], 1)),
            f"{place}: {what}",
        )


def exemplar_task(task: Task) -> Task | None:
    """The task that a card's `exemplars_from` describes: the same family over another source.

    It carries the card's name with an addition, so that its source has a key of its own.
    """
    card, other = task.card, task.card.exemplars_from
    if other is None:
        return None
    given = {
        "task": f"{card.task} (exemplars)",
        "source": other.source,
        "splits": {"train": other.split},
        "reshape": other.reshape,
        "where": other.where,
        "fields": other.fields or card.fields,
        "answer": other.answer or card.answer,
        "exemplars": None,
        "exemplars_from": None,
    }
    lines = {place.removeprefix("exemplars_from."): line for place, line in task.lines.items()}
    return replace(task, card=card.model_copy(update=given), lines={**task.lines, **lines})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCard(Generic[C]):
    """A mixture or benchmark card and the document it came from."""

    card: C
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All cards by name, names sorted; styles in file order."""

    tasks: Mapping[str, Task]
    families: Mapping[str, Family]
    mixtures: Mapping[str, LoadedCard[MixtureCard]]
    benchmarks: Mapping[str, LoadedCard[BenchmarkCard]]
    styles: Styles
