"""What a loaded catalogue holds: tasks with their family looked up, mixtures and benchmarks in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.card import LoadedCard
from flancollect.cards.cases import Cases
from flancollect.cards.family import Family
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.source_card import Source
from flancollect.cards.styles import Styles
from flancollect.cards.task_card import CardSplit, RenderedAnswer, TaskCard
from flancollect.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSource:
    """What a card says of where its rows are: the source, the folder of its relative files, and the rows' shape."""

    source: Source
    root: Path
    shape: str | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task card with its family looked up. `root` is the folder that relative files start from.

    `lines` has the 1-based line of every dotted place of the card in its `file`. `published` holds the texts that the
    card's `published` names, once they were read.
    """

    card: TaskCard
    family: Family
    root: Path
    file: str
    lines: Mapping[str, int]
    published: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> CardSource:
        """Where the rows are, and what is made of them."""
        return CardSource(source=self.card.source, root=self.root, shape=self.card.reshape)

    @cached_property
    def exemplar_task(self) -> Task | None:
        """The task that the card's `exemplars_from` describes: the same family over another source.

        It carries the card's name with an addition, so that its source has a key of its own.
        """
        card, exemplars = self.card, self.card.exemplars_from
        if exemplars is None:
            return None
        differences = {
            "task": f"{card.task} (exemplars)",
            "source": exemplars.source,
            "splits": {"train": exemplars.split},
            "reshape": exemplars.reshape,
            "where": exemplars.where,
            "fields": exemplars.fields or card.fields,
            "answer": exemplars.answer or card.answer,
            "split_answers": {},
            "exemplars": None,
            "exemplars_from": None,
        }
        # Its `fields.question` stands at `exemplars_from.fields.question` in the file.
        lines = {place.removeprefix("exemplars_from."): line for place, line in self.lines.items()}
        return replace(self, card=card.model_copy(update=differences), lines={**self.lines, **lines})

    @cached_property
    def published_task(self) -> Task | None:
        """The task that reads what the card's `published` names: its fields are those texts, and it has no answer.

        It carries the card's name with an addition, so that its source has a key of its own.
        """
        published = self.card.published
        if published is None:
            return None
        differences = {
            "task": f"{self.card.task} (published)",
            "source": published.source,
            "splits": {"train": published.split},
            "reshape": published.reshape,
            "where": published.where,
            "fields": published.texts,
            "answer": RenderedAnswer(rendered="target"),
            "split_answers": {},
            "rows": None,
            "exemplars": None,
            "exemplars_from": None,
            "published": None,
        }
        # Its `fields.head` stands at `published.texts.head` in the file.
        lines = {
            place.removeprefix("published.").replace("texts", "fields", 1): line
            for place, line in self.lines.items()
            if place.startswith("published.")
        }
        return replace(self, card=self.card.model_copy(update=differences), lines={**self.lines, **lines})

    @property
    def readers(self) -> tuple[Task, ...]:
        """The task, and those that read for it what lies in other sources: exemplars, and published texts."""
        return tuple(task for task in (self, self.exemplar_task, self.published_task) if task is not None)

    def in_split(self, split: CardSplit) -> Task:
        """The task as rows of this split of the card answer it: the same, unless the split has an answer of its own."""
        answer = self.card.split_answers.get(split)
        if answer is None:
            return self
        card = self.card.model_copy(update={"answer": answer, "split_answers": {}})
        # Its `answer.text` stands at `split_answers.validation.text` in the file.
        place = f"split_answers.{split}"
        lines = {
            name.replace(place, "answer", 1): line
            for name, line in self.lines.items()
            if name == place or name.startswith(f"{place}.")
        }
        return replace(self, card=card, lines={**self.lines, **lines})

    def problem(self, place: str, what: str) -> Problem:
        """A problem of this card at a dotted place such as `fields.premise`."""
        # What an index left out, or a default, has no line of its own: `answer.also` then goes by `answer`.
        line = self.lines.get(place, self.lines.get(place.split(".", maxsplit=1)[0], 1))
        return Problem(self.file, line, f"{place}: {what}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Catalog:
    """All cards by name, names sorted; styles in file order.

    `cases` has the published cases by task, for each mixture whose card names a file of them.
    """

    tasks: Mapping[str, Task]
    families: Mapping[str, Family]
    mixtures: Mapping[str, LoadedCard[MixtureCard]]
    benchmarks: Mapping[str, LoadedCard[BenchmarkCard]]
    styles: Styles
    cases: Mapping[str, Mapping[str, Cases]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line, as notebooks print what a cell gives."""
        return (
            f"Catalog({len(self.tasks)} tasks, {len(self.families)} families, {len(self.mixtures)} mixtures, "
            f"{len(self.benchmarks)} benchmarks)"
        )
