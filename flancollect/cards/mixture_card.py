"""Mixture cards as written: which tasks, how much of each, in which variants."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from flancollect.cards.card import Card, Name, Positive, Share, Texts
from flancollect.cards.select import Select
from flancollect.cards.style_card import StyleKind
from flancollect.cards.variants import VARIANTS, VariantName


class Shots(Card):
    """Few-shot prompts: `min`..`max` exemplars drawn per row, fewer where `max_input_bytes` is reached.

    `pool` is how many rows of a task serve as exemplars; with `disjoint` they are never asked themselves.
    With `order: first` nothing is drawn: every prompt shows the first `max` of the pool, in the source's order.
    `explained` is for tasks whose cards have worked examples (Natural Instructions): that share of their prompts shows
    one of these with its explanation, the others two rows of the task, as in Flan 2022; without it all prompts show
    worked examples, and no explanation.

    `templates` says in which templates exemplars stand: `same` as the question, or `mixed`, each in one of its own, of
    those with the same opening that pair with the shot style. `flan2022` is the rule of FLAN's code (flan/v2/tasks.py),
    which says how many exemplars there are, too: half of the prompts with options show five in mixed templates; the
    others, and all without options, show two or three in the question's template: what is left of 25 drawn over ten
    templates. Prompts of `explained` tasks mix nothing there.
    """

    min: Positive = 1
    max: Positive = 5
    max_input_bytes: Positive = 7600  # about 1,920 tokens of T5; Flan's code allows 2,048
    pool: Positive = 512
    disjoint: bool = False
    order: Literal["drawn", "first"] = "drawn"
    explained: Annotated[float, Field(ge=0, le=1)] = 0.0
    templates: Literal["same", "mixed", "flan2022"] = "same"

    @model_validator(mode="after")
    def _check_range(self) -> Shots:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        return self

    @model_validator(mode="after")
    def _check_templates(self) -> Shots:
        if self.templates == "flan2022" and (self.min, self.max, self.order) != (1, 5, "drawn"):
            raise ValueError(
                "`templates: flan2022` says how many exemplars are drawn: leave out `min`, `max` and `order`"
            )
        return self


class Limits(Card):
    """How long a row may be, in bytes of UTF-8 (about four to a token of English); longer ones are left out, counted.

    Few-shot prompts show fewer exemplars first (`shots.max_input_bytes`); this bounds prompts without any, and targets.
    With `too_long: shorten` a zero-shot prompt that is too long loses the end of its family's `long` field, in whole
    words, in place of being left out; the row says how much (`provenance.cut_bytes`).
    An inverted prompt that shows a label alone ("Write a headline about sports.") is the same for all rows of the
    label: of a task and variant `targets_per_inverted_input` rows have it, and further ones are left out, counted.
    """

    input_bytes: Positive | None = None
    target_bytes: Positive | None = None
    too_long: Literal["drop", "shorten"] = "drop"
    targets_per_inverted_input: Positive | None = 20


class PartCard(Card):
    """One part of a mixture: which tasks, how much of the whole, in which variants.

    Without `select` the part is the submix of its own name. A task weighs as many rows as the published collection
    counts of it (`original_rows` and `original_few_shot_rows` of its card), or as its source has; `cap` bounds that
    and, times the mixture's `max_repeat`, its rows. Shares of variants are relative. With `inverted: original` each
    forward variant is divided among itself and its inverted one as each task's card says (`original_inverted`); then
    no inverted one is named.
    """

    select: Select | None = None
    weight: Share = 1.0  # of the sum of all parts' weights, which need not be 1
    cap: Positive | None = None
    variants: dict[VariantName, Share] = Field(default={"zs_opt": 1.0}, min_length=1)
    inverted: Literal["original"] | None = None

    @model_validator(mode="after")
    def _check_inverted(self) -> PartCard:
        named = [name for name in self.variants if VARIANTS[name].inverted]
        if self.inverted and named:
            raise ValueError(f"`inverted: {self.inverted}` says how often, and variants name {named[0]}, too")
        return self


Dedup = Literal["exact", "none"]
"""Which rows of a mixture count as doubles: those of equal input and target, or none at all."""


class LicenseRule(Card):
    """Which source licenses a mixture takes, by id (`cc-by-4.0`) or, in `deny`, by what they ask.

    `deny` takes the words nc (no commercial use), nd (no adaptations), sa (share alike) and by
    (attribution). `allow` names licenses that pass whatever `deny` says; without `deny`, only those pass.
    Unknown licenses never pass unless `allow` names them.
    """

    allow: Texts = Field(default_factory=list)
    deny: Texts = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_names(self) -> LicenseRule:
        contradictions = sorted(set(self.allow) & set(self.deny))
        if contradictions:
            raise ValueError(f"{', '.join(contradictions)}: allowed and denied at once")
        if not self.allow and not self.deny:
            raise ValueError("give `allow`, `deny` or both")
        return self


class MixtureCard(Card):
    """A training mixture. `size` is rows in total; `max_repeat` how often one row may serve one variant.

    `hold_out` names benchmarks whose tasks, rows or templates (as each benchmark says) never enter.
    `styles` narrows the option, shot and dialog styles to the named ones. `license` keeps out tasks whose
    licenses it does not take. `limits` leaves out rows that are longer than a model could read. With `dedup: exact`
    no two rows have the same input and target: of doubles, the row of the first task by name stays, and other rows are
    drawn in place of the rest.
    `cases` names a CSV beside the card with the published cases of each task (`cards/cases.py`), which `plan` compares
    the shares of tasks with.
    """

    mixture: Name
    title: str = ""
    size: Positive
    max_repeat: Positive = 1
    shots: Shots = Shots()
    limits: Limits = Limits()
    dedup: Dedup = "exact"
    hold_out: Texts = Field(default_factory=list)
    license: LicenseRule | None = None
    styles: dict[StyleKind, Annotated[Texts, Field(min_length=1)]] = Field(default_factory=dict)
    cases: str | None = None
    parts: Annotated[dict[Name, PartCard], Field(min_length=1)]
