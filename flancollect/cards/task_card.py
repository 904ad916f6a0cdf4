"""Task cards as written: where a task's rows are, what they mean, and whose template presents them.

Text in `fields`, `answer`, `where` and `exemplars` is a Jinja expression over the source row.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from flancollect.cards.card import (
    Card,
    Count,
    ExpressionText,
    LintRules,
    Metric,
    Name,
    Positive,
    Texts,
    model_by_key,
)
from flancollect.cards.source_card import Source

CardSplit = Literal["train", "validation", "test", "exemplars"]


class ChoicesAnswer(Card):
    """One of a fixed list. `index` gives the position (0-based); a negative one means unlabelled."""

    choices: Annotated[list[str], Field(min_length=2)]
    index: ExpressionText


class OptionsAnswer(Card):
    """One of the row's own options. `options` gives a list of text, `index` the position (0-based)."""

    options: ExpressionText
    index: ExpressionText


class TextAnswer(Card):
    """Free text. The other keys are for scoring, never for training: they leave every rendered row as it is.

    `also` gives a list of further accepted answers; empty texts in it count for nothing. `choices` gives the
    list of answer texts that the question itself lists, in its order; it is empty for a row that lists none.
    `labels` gives, for each of them, what the target would be if it were the right one; without it, that is
    the choices themselves.
    """

    text: ExpressionText
    also: ExpressionText | None = None
    choices: ExpressionText | None = None
    labels: ExpressionText | None = None

    @model_validator(mode="after")
    def _check_labels(self) -> TextAnswer:
        if self.labels is not None and self.choices is None:
            raise ValueError("`labels` goes with `choices`")
        return self


class RenderedAnswer(Card):
    """The target that the template renders is the answer: for templates made elsewhere, that work it out.

    Rows for which such a template fails, or whose prompt or target comes out empty, are dropped.
    """

    rendered: Literal["target"]


ANSWERS: dict[str, type[Card]] = {
    "choices": ChoicesAnswer,
    "options": OptionsAnswer,
    "text": TextAnswer,
    "rendered": RenderedAnswer,
}
Answer = Annotated[
    ChoicesAnswer | OptionsAnswer | TextAnswer | RenderedAnswer, model_by_key("an answer", ANSWERS)
]


class ExemplarSourceCard(Card):
    """Rows of another source that serve as exemplars, and what they mean for the same family.

    `fields` and `answer` are those of the card where they are not given.
    """

    source: Source
    split: str = "train"
    reshape: Name | None = None
    where: ExpressionText | None = None
    fields: dict[str, ExpressionText] | None = None
    answer: Answer | None = None


class PublishedCard(Card):
    """Texts of a published prompt, such as its head or the words before an answer, read from where it is published.

    `texts` are expressions over the first row of the source that passes `where`; the card's own expressions see them
    as `published.NAME`. So nobody types in, or rewords, what a score is to be compared by.
    """

    source: Source
    split: str = "train"
    reshape: Name | None = None
    where: ExpressionText | None = None
    texts: Annotated[dict[Name, ExpressionText], Field(min_length=1)]


class InvertedShares(Card):
    """Of how many templates of ten the published collection's are inverted, as a share: 0.3 is three of ten."""

    zero_shot: Annotated[float, Field(ge=0, le=1)]
    few_shot: Annotated[float, Field(ge=0, le=1)]


class TaskCard(Card):
    """One task: where its rows are, what they mean, and whose template presents them.

    `splits` maps train, validation and test to source splits, sliced like datasets does:
    `train[:-200]`, `train[90%:]`; `exemplars` is the split that few-shot exemplars come from, by default
    train. `rows` is the published size of the train split (of the first one named, if there is none), for
    planning before the source was locked.
    `split_answers` is for splits whose rows hold their answer otherwise than the others do: by split, in place of
    `answer`.
    `reshape` names a shape of `flancollect/sources/shapes/` that makes other rows of the source's rows; expressions
    see those. `templates` narrows the family's templates to the named ones. `exemplars` gives a list of rows
    inside the document, `exemplars_from` another source: few-shot prompts then take their exemplars there.
    `exemplar_explanation` is why an exemplar of the document has its answer, for mixtures that show it.
    `published` names texts that are read from another source, for all expressions of the card.

    `draws_as` is a name that rows, templates, styles and exemplars are drawn under in place of the task's own. Tasks
    that share it, over as many rows of the source, are a paired comparison: they draw the same rows.

    `metric` is how answers are scored. `subject` says what part of a benchmark the task is: a field of study, a
    subtask or a language.

    A card whose source cannot be had says `status: unavailable` and why; it is planned as a skip.
    `substitute` says which source stands for the original one, `original_rows` how many rows the published
    collection counts (mixtures weigh the task by that), `original_few_shot_rows` how many of them in few-shot prompts,
    where long texts leave room for an exemplar in far fewer, `original_inverted` how many of its prompts there are
    inverted, `differs` what else is not as in the original task.
    """

    task: Name
    submix: Name
    status: Literal["available", "unavailable"] = "available"
    reason: str | None = None
    source: Source
    splits: dict[CardSplit, str] = Field(
        default={"train": "train", "validation": "validation", "test": "test"}
    )
    rows: Count | None = None  # a declaration: what is known of the source itself goes before it
    reshape: Name | None = None
    where: ExpressionText | None = None
    family: Name
    templates: Texts | None = None
    fields: dict[str, ExpressionText]
    answer: Answer
    split_answers: dict[CardSplit, Answer] = Field(default_factory=dict)
    exemplars: ExpressionText | None = None
    exemplar_explanation: ExpressionText | None = None
    exemplars_from: ExemplarSourceCard | None = None
    published: PublishedCard | None = None
    draws_as: Name | None = None
    metric: Metric = "exact_match"
    license: str  # ids as in `cards/licenses.py`; several are joined by ";", and then all hold
    languages: Texts
    cluster: str
    subject: str | None = None
    citation: str | None = None
    substitute: str | None = None
    original_rows: Positive | None = None  # rounded to tens, as the published collection gives it
    original_few_shot_rows: Positive | None = None
    original_inverted: InvertedShares | None = None
    differs: str | None = None
    lint: LintRules | None = None

    @property
    def counted_split(self) -> str:
        """The split, as the card writes it, whose size `rows` is: that of training, or else the first."""
        return self.splits.get("train") or next(iter(self.splits.values()))

    @model_validator(mode="after")
    def _check_reason(self) -> TaskCard:
        if (self.status == "unavailable") != (self.reason is not None):
            raise ValueError("`reason` goes with `status: unavailable`, and with nothing else")
        return self

    @model_validator(mode="after")
    def _check_few_shot_rows(self) -> TaskCard:
        if (self.original_few_shot_rows or 0) > (self.original_rows or 0):
            raise ValueError(
                "`original_few_shot_rows` are some of `original_rows`: give both, the second as the larger"
            )
        return self

    @model_validator(mode="after")
    def _check_split_answers(self) -> TaskCard:
        for split in self.split_answers:
            if split not in self.splits:
                splits = ", ".join(self.splits)
                raise ValueError(f'split_answers: no split "{split}" in `splits`. Splits: {splits}.')
        return self
