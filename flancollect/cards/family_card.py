"""Family cards as written: the wordings of one shape of task."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from flancollect.cards.card import Card, LintRules, Name

FieldType = Literal["text", "number", "list", "turns", "any"]


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
