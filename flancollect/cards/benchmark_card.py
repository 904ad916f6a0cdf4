"""Benchmark cards as written: a set of questions, how they are asked, and what mixtures hold out for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flancollect.cards.card import Card, Count, Name, Positive, Texts
from flancollect.cards.score_card import Score
from flancollect.cards.select import Select
from flancollect.cards.style_card import StyleKind
from flancollect.cards.variants import VariantName

SplitName = Literal["train", "validation", "test"]
TemplateChoice = Literal["trained", "hold_out", "all"] | list[str]
"""Which of a family's templates: those of training, those held out from it, all, or some by name."""


class Ask(Card):
    """How a benchmark asks: `shots` exemplars exactly, one variant, and which templates and styles.

    `exemplars: first` shows the first ones of the pool in its order, as published prompts do. Fewer are shown
    where a prompt would exceed `max_input_bytes`.
    """

    variant: VariantName = "zs_opt"
    templates: TemplateChoice = "all"
    shots: Count = 0
    exemplars: Literal["drawn", "first"] = "drawn"
    max_input_bytes: Positive = 7600  # as in training; published prompts are longer, and their cards say so
    styles: dict[StyleKind, Annotated[Texts, Field(min_length=1)]] = Field(default_factory=dict)


class BenchmarkCard(Card):
    """A set of questions. `hold_out`: what of it training mixtures that hold it out must not contain.

    `hold_out_tasks` names, by globs, further tasks: those of other submixes that were made from its data.
    `score` says how answers are got and scored; without it each question's whole generation is scored by the `metric`
    of the task that asks.
    """

    benchmark: Name
    title: str = ""
    select: Select
    split: SplitName = "test"
    rows_per_task: Positive | None = None
    ask: Ask = Ask()
    score: Score | None = None
    hold_out: list[Literal["tasks", "rows", "templates"]] = Field(default_factory=list)
    hold_out_tasks: Texts = Field(default_factory=list)
