"""Family cards as written: the templates of one shape of task."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from flancollect.cards.card import Card, LintRules, Name

# `turns` is a list of utterances, which dialog styles write out; `any` is for what no need of ours checks.
FieldType = Literal["text", "number", "list", "turns", "any"]


class TemplateCard(Card):
    """One template. `intro` is said once at the head of a prompt, before exemplars.

    Variables: the family's `needs`, `answer`, `options` (the rendered list, or empty) and `choices` (the
    option texts); where a need is `turns`, `turns_form` shows how the row's style writes them ("A: ...", "B: ...").
    `options: required` keeps the template out of variants without options, `never` out of those with. A `hold_out`
    template is never trained on; benchmarks ask with it.
    """

    intro: str | None = None
    input: str
    target: str
    options: Literal["either", "required", "never"] = "either"
    hold_out: bool = False


class FamilyCard(Card):
    """The templates of one shape of task, and the contract (`needs`) between them and the cards.

    `long` names the need, a text, that may lose its end where a mixture's limits say `too_long: shorten`: an article to
    sum up, not a passage of which the end may decide between yes and no.
    `options`: closed (a fixed label set), open (the row's own options) or none. `example` is one row
    (the needs, plus `answer`, and `options` unless there are none): documentation, preview and golden test;
    a family made from templates of elsewhere may have none, and is then not tried by `cards check`.
    """

    family: Name
    extends: Name | None = None
    needs: dict[str, FieldType] = Field(default_factory=dict)
    long: str | None = None
    options: Literal["closed", "open", "none"] = "none"
    example: dict[str, Any] = Field(default_factory=dict)
    forward: dict[Name, TemplateCard]
    inverted: dict[Name, TemplateCard] = Field(default_factory=dict)
    lint: LintRules | None = None
