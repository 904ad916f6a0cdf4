"""The cards as written: one frozen pydantic model per kind of file.

Strict YAML hands every scalar over as the text that was written (`null` and empty as None), and the field
here gives it its type; so `[no, yes]` stays two words and `weight: 0.40` becomes a number. Text in
`fields`, `answer`, `where` and `exemplars` is a Jinja expression over the source row.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

NAME = r"^[\w.+()&' -]+$"


def _listed(value: object) -> object:
    """Text where a list is expected is split at `;`, so that one index cell can hold several values."""
    return [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=NAME, max_length=200)]
Expression = Annotated[str, Field(min_length=1, max_length=2000)]
Texts = Annotated[list[str], BeforeValidator(_listed)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FieldType = Literal["text", "number", "list", "turns", "any"]
VariantName = Literal[
    "zs_opt", "fs_opt", "zs_noopt", "fs_noopt", "zs_opt_inv", "fs_opt_inv", "zs_noopt_inv", "fs_noopt_inv"
]
SplitName = Literal["train", "validation", "test"]
CardSplit = Literal["train", "validation", "test", "exemplars"]
StyleKind = Literal["options", "shots", "dialogs"]
Metric = Literal["accuracy", "exact_match", "f1", "squad", "bleu", "rouge", "pearson", "number"]


class Card(BaseModel):
    """Any card: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- sources -----------------------------------------------------------------------------------------------


class HubSource(Card):
    """A dataset on the Hugging Face Hub. `revision` is a branch, tag or commit; the lock pins the commit.

    An id without an owner is one of the Hub's old names, which it forwards.
    """

    hub: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    config: str = "default"
    revision: str = "main"


class FileSource(Card):
    """Files by URL or by a path inside the catalogue; `.gz` and `.zst` are unpacked on the way.

    `files`: one location or a list (read one after the other) for the split `train`, or a mapping of split
    to those. `rows`: dotted path to the list of rows inside a JSON document; the rest of the document is
    `doc` in expressions. `columns`: names for headerless csv/tsv and for text (default `text`).
    `quoting: none` takes quotes in csv/tsv as plain characters. `beside`: text files joined by line as
    further columns, `{column: location}` or `{split: {column: location}}`.
    """

    files: str | list[str] | dict[str, str | list[str]]
    format: Literal["parquet", "json", "jsonl", "csv", "tsv", "text"]
    rows: str | None = None
    columns: list[str] | None = None
    encoding: str = "utf-8"
    quoting: Literal["csv", "none"] = "csv"
    beside: dict[str, str] | dict[str, dict[str, str]] = Field(default_factory=dict)

    def files_of(self) -> dict[str, list[str]]:
        """Locations by source split, in reading order."""
        by_split = self.files if isinstance(self.files, dict) else {"train": self.files}
        return {
            split: [where] if isinstance(where, str) else list(where) for split, where in by_split.items()
        }

    def beside_of(self, split: str) -> dict[str, str]:
        """The line files joined to one source split: column name to location."""
        nested = self.beside.get(split)
        if isinstance(nested, dict):
            return nested
        return {column: where for column, where in self.beside.items() if isinstance(where, str)}


class SyntheticSource(Card):
    """A generator of `sources/synthetic/`. Other keys are the generator's own parameters, all text.

    `rows`, `validation_rows` and `test_rows` are the most that each split holds; a small input space holds
    fewer. Splits are disjoint by content.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    synthetic: str
    rows: Positive = 4000
    validation_rows: Count = 200
    test_rows: Count = 200

    def parameters(self) -> dict[str, str]:
        """The generator's own parameters."""
        return {name: str(value) for name, value in sorted((self.model_extra or {}).items())}


SOURCES: dict[str, type[Card]] = {"hub": HubSource, "files": FileSource, "synthetic": SyntheticSource}


def _choose_source(value: object) -> object:
    """Pick the source model by the key that names it, so that errors speak of that model alone."""
    if isinstance(value, Card) or not isinstance(value, dict):
        return value
    kinds = [kind for kind in SOURCES if kind in value]
    if len(kinds) != 1:
        raise ValueError("a source needs exactly one of the keys: hub, files, synthetic")
    return SOURCES[kinds[0]].model_validate(value)


Source = Annotated[HubSource | FileSource | SyntheticSource, BeforeValidator(_choose_source)]


# --- tasks -------------------------------------------------------------------------------------------------


class ChoicesAnswer(Card):
    """One of a fixed list. `index` gives the position (0-based); a negative one means unlabelled."""

    choices: Annotated[list[str], Field(min_length=2)]
    index: Expression


class OptionsAnswer(Card):
    """One of the row's own options. `options` gives a list of text, `index` the position (0-based)."""

    options: Expression
    index: Expression


class TextAnswer(Card):
    """Free text; `also` gives a list of further accepted answers (for scoring, never for training)."""

    text: Expression
    also: Expression | None = None


class RenderedAnswer(Card):
    """The target that the wording renders is the answer: for wordings made elsewhere, that work it out.

    Rows for which such a wording fails, or whose prompt or target comes out empty, are dropped.
    """

    rendered: Literal["target"]


ANSWERS: dict[str, type[Card]] = {
    "choices": ChoicesAnswer,
    "options": OptionsAnswer,
    "text": TextAnswer,
    "rendered": RenderedAnswer,
}


def _choose_answer(value: object) -> object:
    if isinstance(value, Card) or not isinstance(value, dict):
        return value
    kinds = [kind for kind in ANSWERS if kind in value]
    if len(kinds) != 1:
        raise ValueError("an answer needs exactly one of the keys: choices, options, text, rendered")
    return ANSWERS[kinds[0]].model_validate(value)


Answer = Annotated[
    ChoicesAnswer | OptionsAnswer | TextAnswer | RenderedAnswer, BeforeValidator(_choose_answer)
]


class LintRules(Card):
    """What the linter shall not say of a card: lint to the reason why it does not apply."""

    ignore: Annotated[dict[Name, Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class ExemplarSource(Card):
    """Rows of another source that serve as exemplars, and what they mean for the same family.

    `fields` and `answer` are those of the card where they are not given.
    """

    source: Source
    split: str = "train"
    reshape: Name | None = None
    where: Expression | None = None
    fields: dict[str, Expression] | None = None
    answer: Answer | None = None


class TaskCard(Card):
    """One task: where its rows are, what they mean, and whose wording presents them.

    `splits` maps train, validation and test to source splits, sliced like datasets does:
    `train[:-200]`, `train[90%:]`; `exemplars` is the split that few-shot exemplars come from, by default
    train. `rows` is the published size of the train split (of the first one named, if there is none), for
    planning before the source was locked.
    `reshape` names a shape of `flancollect/reshape/` that makes other rows of the source's rows; expressions
    see those. `templates` narrows the family's wordings to the named ones. `exemplars` gives a list of rows
    inside the document, `exemplars_from` another source: few-shot prompts then take their exemplars there.

    A card whose source cannot be had says `status: unavailable` and why; it is planned as a skip.
    `substitute` says which source stands for the original one, `original_rows` how many rows the published
    collection counts, `note` what else differs.
    """

    task: Name
    submix: Name
    status: Literal["available", "unavailable"] = "available"
    reason: str | None = None
    source: Source
    splits: dict[CardSplit, str] = {"train": "train", "validation": "validation", "test": "test"}
    rows: Count | None = None
    reshape: Name | None = None
    where: Expression | None = None
    family: Name
    templates: Texts | None = None
    fields: dict[str, Expression]
    answer: Answer
    exemplars: Expression | None = None
    exemplars_from: ExemplarSource | None = None
    metric: Metric = "exact_match"
    license: str
    languages: Texts
    cluster: str
    citation: str | None = None
    substitute: str | None = None
    original_rows: Count | None = None
    note: str | None = None
    lint: LintRules | None = None

    @model_validator(mode="after")
    def _reason_when_unavailable(self) -> TaskCard:
        if (self.status == "unavailable") != (self.reason is not None):
            raise ValueError("`reason` goes with `status: unavailable`, and with nothing else")
        return self


class Expand(Card):
    """How one file becomes many cards. `over` is a CSV beside the card or the word `templates`."""

    over: str


# --- families and styles -----------------------------------------------------------------------------------


class Template(Card):
    """One wording. `intro` is said once at the head of a prompt, before exemplars.

    Variables: the family's `needs`, `answer`, `options` (the rendered list, or empty) and `choices` (the
    option texts). `options: required` keeps the wording out of variants without options, `never` out of
    those with. A `held_out` wording is never trained on; benchmarks ask with it.
    """

    intro: str | None = None
    input: str
    target: str
    options: Literal["either", "required", "never"] = "either"
    held_out: bool = False


class Family(Card):
    """The wordings of one shape of task, and the contract (`needs`) between them and the cards.

    `options`: closed (a fixed label set), open (the row's own options) or none. `example` is one row
    (the needs, plus `answer`, and `options` unless there are none): documentation, preview and golden test;
    a family made from wordings of elsewhere may have none, and is then not tried by `cards check`.
    """

    family: Name
    extends: Name | None = None
    needs: dict[str, FieldType] = Field(default_factory=dict)
    options: Literal["closed", "open", "none"] = "none"
    example: dict[str, Any] = Field(default_factory=dict)
    forward: dict[Name, Template]
    inverted: dict[Name, Template] = Field(default_factory=dict)
    lint: LintRules | None = None


class OptionStyle(Card):
    """How answer options are listed. `item` sees text, number, lower, upper, roman (1-based enumerators).

    With `answer: label` the target is the rendered `label` in place of the option's text.
    """

    header: str = ""
    item: str
    between: str = "\n"
    answer: Literal["text", "label"] = "text"
    label: str | None = None

    @model_validator(mode="after")
    def _label_when_asked(self) -> OptionStyle:
        if (self.answer == "label") != (self.label is not None):
            raise ValueError("`label` goes with `answer: label`, and with nothing else")
        return self


class ShotStyle(Card):
    """How exemplars and the question stand in one prompt. All see `number` (1-based position).

    `exemplar` sees input and target; `query` sees input. `intro` sees intro, the template's own opening.
    """

    intro: str = "{{ intro }}"
    exemplar: str
    query: str
    between: str = "\n\n"


class DialogStyle(Card):
    """How turns are written out. `turn` sees speaker and text; speakers alternate from the first."""

    speakers: Annotated[list[str], Field(min_length=2)]
    turn: str
    between: str = "\n"


class Styles(Card):
    """The file templates/_styles.yaml: every option, shot and dialog style by name."""

    options: dict[Name, OptionStyle] = Field(default_factory=dict)
    shots: dict[Name, ShotStyle] = Field(default_factory=dict)
    dialogs: dict[Name, DialogStyle] = Field(default_factory=dict)


# --- mixtures and benchmarks -------------------------------------------------------------------------------


class Shots(Card):
    """Few-shot prompts: `min`..`max` exemplars drawn per row, fewer where `max_input_bytes` is reached.

    `pool` is how many rows of a task serve as exemplars; with `disjoint` they are never asked themselves.
    With `order: first` nothing is drawn: every prompt shows the first `max` of the pool, in the source's order.
    """

    min: Positive = 1
    max: Positive = 5
    max_input_bytes: Positive = 7600
    pool: Positive = 512
    disjoint: bool = False
    order: Literal["drawn", "first"] = "drawn"

    @model_validator(mode="after")
    def _ordered(self) -> Shots:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        return self


class Select(Card):
    """Which tasks: all that match every key given. Globs over names; `tasks` may exclude with `!glob`."""

    submix: Texts | None = None
    tasks: Texts | None = None
    clusters: Texts | None = None


class Part(Card):
    """One part of a mixture: which tasks, how much of the whole, in which variants.

    Without `select` the part is the submix of its own name. `cap` bounds a task's weight and, times the
    mixture's `max_repeat`, its rows. Shares of variants are relative.
    """

    select: Select | None = None
    weight: Share = 1.0
    cap: Positive | None = None
    variants: Annotated[dict[VariantName, Share], Field(min_length=1)] = {"zs_opt": 1.0}


class LicenseRule(Card):
    """Which source licences a mixture takes, by id (`cc-by-4.0`) or, in `deny`, by what they ask.

    `deny` takes the words nc (no commercial use), nd (no adaptations), sa (share alike) and by
    (attribution). `allow` names licences that pass whatever `deny` says; without `deny`, only those pass.
    Unknown licences never pass unless `allow` names them.
    """

    allow: Texts = Field(default_factory=list)
    deny: Texts = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_way(self) -> LicenseRule:
        both = sorted(set(self.allow) & set(self.deny))
        if both:
            raise ValueError(f"{', '.join(both)}: allowed and denied at once")
        if not self.allow and not self.deny:
            raise ValueError("give `allow`, `deny` or both")
        return self


class Mixture(Card):
    """A training mixture. `size` is rows in total; `max_repeat` how often one row may serve one variant.

    `hold_out` names benchmarks whose tasks, rows or wordings (as each benchmark says) never enter.
    `styles` narrows the option, shot and dialog styles to the named ones. `license` keeps out tasks whose
    licences it does not take.
    """

    mixture: Name
    title: str = ""
    size: Positive
    max_repeat: Positive = 1
    shots: Shots = Shots()
    hold_out: Texts = Field(default_factory=list)
    license: LicenseRule | None = None
    styles: dict[StyleKind, Annotated[Texts, Field(min_length=1)]] = Field(default_factory=dict)
    parts: Annotated[dict[Name, Part], Field(min_length=1)]


class Ask(Card):
    """How a benchmark asks: `shots` exemplars exactly, one variant, and which wordings and styles.

    `exemplars: first` shows the first ones of the pool in its order, as published prompts do. Fewer are shown
    where a prompt would exceed `max_input_bytes`.
    """

    variant: VariantName = "zs_opt"
    templates: Literal["trained", "held_out", "all"] | list[str] = "all"
    shots: Count = 0
    exemplars: Literal["drawn", "first"] = "drawn"
    max_input_bytes: Positive = 7600
    styles: dict[StyleKind, Annotated[Texts, Field(min_length=1)]] = Field(default_factory=dict)


class Benchmark(Card):
    """A set of questions. `holds_out`: what of it training mixtures that hold it out must not contain.

    `derived` names, by globs, tasks of other submixes that were made from its data: held out with it.
    """

    benchmark: Name
    title: str = ""
    select: Select
    split: SplitName = "test"
    rows_per_task: Positive | None = None
    ask: Ask = Ask()
    score: Metric = "exact_match"
    holds_out: list[Literal["tasks", "rows", "templates"]] = Field(default_factory=list)
    derived: Texts = Field(default_factory=list)
