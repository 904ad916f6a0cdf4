"""The file of styles as written: how options, exemplars and dialogs are laid out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from flancollect.cards.card import Card, Name

StyleKind = Literal["options", "shots", "dialogs"]


class OptionStyle(Card):
    """How answer options are listed. `item` sees text, number, lower, upper, roman (1-based enumerators).

    With `answer: label` the target is the rendered `label` in place of the option's text. A style with `only: true`
    asks for that and nothing else: templates whose target has more, such as a chain of thought, are not shown in it.
    """

    header: str = ""
    item: str
    between: str = "\n"
    answer: Literal["text", "label"] = "text"
    label: str | None = None
    only: bool = False

    @model_validator(mode="after")
    def _check_label(self) -> OptionStyle:
        # `item` may show a letter that is no label: "A. yes" is answered by "yes" unless the style says otherwise.
        if (self.answer == "label") != (self.label is not None):
            raise ValueError("`label` goes with `answer: label`, and with nothing else")
        return self


class ShotStyle(Card):
    """How exemplars and the question stand in one prompt. All see `number` (1-based position).

    `exemplar` sees input, target and explanation (empty for most exemplars); `query` sees input. `intro` sees intro,
    the template's own opening. A style with `drawn: false` serves only who names it.
    """

    intro: str = "{{ intro }}"
    exemplar: str
    query: str
    between: str = "\n\n"
    drawn: bool = True


class DialogStyle(Card):
    """How turns are written out. `turn` sees speaker and text; speakers alternate from the first."""

    speakers: Annotated[list[str], Field(min_length=2)]
    turn: str
    between: str = "\n"


class StylesCard(Card):
    """The file templates/_styles.yaml: every option, shot and dialog style by name."""

    options: dict[Name, OptionStyle] = Field(default_factory=dict)
    shots: dict[Name, ShotStyle] = Field(default_factory=dict)
    dialogs: dict[Name, DialogStyle] = Field(default_factory=dict)
