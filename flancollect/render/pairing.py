"""Which shot styles a template goes with: one cue before the answer, neither two nor none. Pure.

A template may ask by itself for the answer ("Answer:"), end in a question or an instruction, or end in the row's own
text. A style may put a cue of its own between question and answer. Two cues read `Correct letter:` and then `A:`, and
after the row's own text nothing says where the answer begins if there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from flancollect.cards.family import Template
from flancollect.cards.style_card import OptionStyle, ShotStyle
from flancollect.jinja.expression import compile_template

Ending = Literal["cue", "words", "data"]
"""How a prompt ends before the answer: in a cue such as "Answer:", in words of the template, or in the row's text."""
Cue = Literal["label", "mark", "none"]
"""What a style puts before the answer: a label such as "A:", a mark such as "=>", or nothing but white space."""

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TARGET = re.compile(r"\{\{-?\s*target\b")
_OPTIONS = re.compile(r"\{\{-? *options\b[^}]*\}\}\Z")
_LABEL = re.compile(r"\W*[\w' ]{1,40}:\s*\Z")
_OPENING_LABEL = re.compile(r"\s*[\w' ]{1,40}:")


@cache
def ending(text: str, *, options: bool = True) -> Ending:
    """How a template's input ends, where options are listed or where they are not."""
    text = text.rstrip()
    if not options:
        text = _OPTIONS.sub("", text).rstrip()
    if text.endswith(("}}", "%}")):
        return "data"
    return "cue" if text.endswith((":", "=>", "->", "=")) else "words"


@cache
def cue_of(exemplar: str) -> Cue:
    """What a style's exemplar has between input and target."""
    # A style of somebody's own may write its target in any way, so the last variable stands for it.
    target = _TARGET.search(exemplar)
    *_, before_target = _JINJA.split(exemplar[: target.start() if target else exemplar.rindex("{{")])
    between = before_target.strip()
    if not between:
        return "none"
    return "label" if _LABEL.fullmatch(between) else "mark"


def pairs(template: Template, style: ShotStyle, *, options: bool = True) -> bool:
    """Whether a prompt of this template in this style has one cue before its answer."""
    return _pair(template.input, template.target, style.exemplar, options)


def _pair(text: str, target: str, exemplar: str, options: bool) -> bool:
    cue = cue_of(exemplar)
    if _OPENING_LABEL.match(target) and cue == "label":
        return False  # "A: Answer: yes"
    match ending(text, options=options):
        case "cue":
            return cue == "none"
        case "data":
            return cue != "none"
        case "words":
            return True


def templates_beside(
    template: Template, templates: Sequence[Template], style: ShotStyle, *, options: bool = True
) -> tuple[Template, ...]:
    """The templates that exemplars of a question in this template may stand in: itself, and those like it.

    They have its opening, which is said once for all; they go with its shot style; and they list options where it does,
    or the answers of exemplars could be letters that no answer of the question is.
    """
    return tuple(
        other
        for other in templates
        if other.id == template.id
        or (
            other.intro == template.intro
            and (not options or other.shows_options == template.shows_options)
            and pairs(other, style, options=options)
        )
    )


def option_styles_for(template: Template, styles: Mapping[str, OptionStyle]) -> list[str]:
    """The option styles to draw from for a template: all, or those that do not ask for the answer alone."""
    if compile_template(template.target).variables <= {"answer"}:
        return list(styles)
    return [name for name, style in styles.items() if not style.only] or list(styles)


def styles_for(template: Template, styles: Mapping[str, ShotStyle], *, options: bool = True) -> Sequence[str]:
    """The styles to draw from for a template: those that it pairs with; all of them if there is none such."""
    exemplars = tuple([(name, style.exemplar) for name, style in styles.items()])
    return _names_that_pair(template.input, template.target, exemplars, options)


@cache
def _names_that_pair(
    text: str, target: str, exemplars: tuple[tuple[str, str], ...], options: bool
) -> tuple[str, ...]:
    # A family's templates meet the same styles in each of its tasks' jobs.
    names = tuple([name for name, exemplar in exemplars if _pair(text, target, exemplar, options)])
    return names or tuple([name for name, _ in exemplars])
