"""Families as resolved: every template with its name, place, and what it shows.

A Template carries its texts, not compiled templates, so that plans can travel to worker processes; rendering
compiles each text once per process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from flancollect.cards.card import LoadedCard
from flancollect.cards.family_card import FamilyCard, FieldType
from flancollect.cards.strict_yaml import Document
from flancollect.cards.variants import Variant
from flancollect.errors import Problem, did_you_mean
from flancollect.jinja.expression import ExpressionError, compile_template

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")

# What a template sees beside its family's needs, and what Jinja itself defines.
TURNS_FORM = "turns_form"
"""How a row's dialog style writes turns, with dots for what is said: what a prompt asks a dialog to look like."""
RESERVED = (
    TURNS_FORM,
    *("answer", "options", "choices", "range", "dict", "zip", "namespace"),
    *("self", "loop", "super", "caller", "varargs", "kwargs"),
    *("none", "None", "true", "True", "false", "False"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template of one family. `id` is `family/forward/name`; `line` is where it starts in `file`."""

    id: str
    direction: Literal["forward", "inverted"]
    name: str
    intro: str | None
    input: str
    target: str
    options: Literal["either", "required", "never"]
    shows_options: bool
    hold_out: bool
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family with its parents' parts filled in, templates in the order of the files.

    `long` is the need that limits may shorten.

    `ignored_lints` has the lints that do not apply to it, with the reason.
    """

    name: str
    needs: Mapping[str, FieldType]
    options: Literal["closed", "open", "none"]
    example: Mapping[str, Any]
    templates: tuple[Template, ...]
    file: str
    long: str | None = None
    ignored_lints: Mapping[str, str] = field(default_factory=dict)

    def serving(self, variant: Variant) -> tuple[Template, ...]:
        """The templates that a variant may use, held out or not."""
        unfit = "never" if variant.options else "required"
        return tuple(
            template
            for template in self.templates
            # Without options to list, `zs_opt` and `zs_noopt` are one prompt, and every template makes both.
            if template.direction == variant.direction
            and (self.options == "none" or template.options != unfit)
        )


def resolve_families(
    cards: Mapping[str, LoadedCard[FamilyCard]],
) -> tuple[dict[str, Family], list[Problem]]:
    """Fill in `extends` and check every template; a family with problems is left out."""
    families: dict[str, Family] = {}
    problems: list[Problem] = []
    for name, loaded in sorted(cards.items()):
        extends_problem = _extends_problem(name, cards)
        if extends_problem is not None:
            problems.append(extends_problem)
            continue
        family = _resolve(loaded, cards)
        family_problems = list(_family_problems(family, loaded.document))
        problems += family_problems
        if not family_problems:
            families[name] = family
    return families, problems


def _extends_problem(name: str, cards: Mapping[str, LoadedCard[FamilyCard]]) -> Problem | None:
    """What is wrong with the families that one extends, one through the other: one is missing, or a circle."""
    # A circle is reported at each of its members; none of them can be resolved.
    loaded, chain = cards[name], {name}
    while (parent := loaded.card.extends) is not None:
        if parent not in cards:
            what = f'no family "{parent}".' + did_you_mean(parent, cards, "Families")
            return loaded.document.problem(("extends",), what)
        if parent in chain:
            return loaded.document.problem(("extends",), f'family "{name}" extends itself through "{parent}"')
        chain.add(parent)
        loaded = cards[parent]
    return None


def _resolve(loaded: LoadedCard[FamilyCard], cards: Mapping[str, LoadedCard[FamilyCard]]) -> Family:
    """A family with the parts of the one that it extends, which comes first with its own parent's parts."""
    card = loaded.card
    family = Family(
        name=card.family,
        needs=card.needs,
        options=card.options,
        example=card.example,
        templates=tuple(_templates(loaded)),
        file=loaded.document.file,
        long=card.long,
        ignored_lints={} if card.lint is None else card.lint.ignore,
    )
    if card.extends is None:
        return family
    parent = _resolve(cards[card.extends], cards)
    own = {(template.direction, template.name) for template in family.templates}
    inherited = tuple(t for t in parent.templates if (t.direction, t.name) not in own)
    return replace(
        family,
        needs={**parent.needs, **card.needs},
        long=card.long or parent.long,
        # `options: none` is also the default, so only what is written can replace the parent's.
        options=card.options if "options" in card.model_fields_set else parent.options,
        example={**parent.example, **card.example},
        templates=family.templates + inherited,
    )


def _templates(loaded: LoadedCard[FamilyCard]) -> Iterator[Template]:
    card, document = loaded.card, loaded.document
    directions: tuple[Literal["forward", "inverted"], ...] = ("forward", "inverted")
    for direction in directions:
        for name, template in (card.forward if direction == "forward" else card.inverted).items():
            variables = _variables(template.input) | _variables(template.intro or "")
            yield Template(
                id=f"{card.family}/{direction}/{name}",
                direction=direction,
                name=name,
                intro=template.intro,
                input=template.input,
                target=template.target,
                options=template.options,
                shows_options="options" in variables,
                hold_out=template.hold_out,
                file=document.file,
                line=document.line_of((direction, name)),
            )


def _variables(text: str) -> frozenset[str]:
    try:
        return compile_template(text).variables
    except ExpressionError:
        return frozenset()  # reported with its place by _template_problems


def _family_problems(family: Family, document: Document) -> Iterator[Problem]:
    for name in family.needs:
        if name in RESERVED or not name.isidentifier():
            reason = "is taken" if name in RESERVED else "is not a variable name"
            yield document.problem(("needs", name), f"needs.{name}: the name {reason}; choose another")
    if family.long is not None and family.needs.get(family.long) != "text":
        texts = [name for name, kind in family.needs.items() if kind == "text"]
        what = f'long: no need "{family.long}" that is a text.' + did_you_mean(family.long, texts, "Texts")
        yield document.problem(("long",), what)
    # The example is a whole row of the family; one that lacks it (made from templates of elsewhere) is not tried.
    parts = {*family.needs, "answer"} | ({"options"} if family.options != "none" else set())
    for name in sorted(parts ^ set(family.example)) if family.example else ():
        what = "lacks" if name in parts else "has, but the family does not need,"
        yield document.problem(("example",), f'the example {what} "{name}"')
    for name, kind in family.needs.items():
        if name in family.example and (misfit := _misfit(family.example[name], kind)):
            yield document.problem(("example", name), f"example.{name}: {misfit}")
    for template in family.templates:
        if template.file == document.file:  # those of a parent are reported with the parent
            yield from _template_problems(template, family, document)
    if family.options != "none" and not any(
        template.shows_options or "choices" in _variables(template.input) for template in family.templates
    ):
        what = (
            f"options: {family.options}, but no template shows {{{{ options }}}} or tells {{{{ choices }}}}"
        )
        yield document.problem(("options",), what)


def _misfit(value: Any, kind: str) -> str | None:
    """What is wrong with a value of the example, which strict YAML gives as text, for a need of this kind."""
    is_text = isinstance(value, str)
    if kind == "text" and not is_text:
        return "the family needs a text"
    if kind == "number" and not (is_text and _NUMBER.fullmatch(value)):
        return "the family needs a number"
    if kind in ("list", "turns") and not (
        isinstance(value, list) and all(isinstance(part, str) for part in value)
    ):
        return "the family needs a list of texts"
    return None


def _template_problems(template: Template, family: Family, document: Document) -> Iterator[Problem]:
    # `choices` is there in every family, and empty where the options are none.
    variables = [*family.needs, "answer", "choices"] + (["options"] if family.options != "none" else [])
    if "turns" in family.needs.values():
        variables.append(TURNS_FORM)
    for part, text in (("intro", template.intro), ("input", template.input), ("target", template.target)):
        if text is None:
            continue
        path = (template.direction, template.name, part)
        place = ".".join(path)
        try:
            used = compile_template(text).variables
        except ExpressionError as error:
            yield document.problem(path, f"{place}: {error}")
            continue
        for name in sorted(used - set(variables)):
            what = f'{place}: no variable "{name}".' + did_you_mean(name, variables, "Variables")
            yield document.problem(path, what)
        if "options" in used and (
            template.direction == "inverted" or part == "target" or template.options == "never"
        ):
            what = "options are shown in the input of forward templates that allow them, not here"
            yield document.problem(path, f"{place}: {what}")
    if template.options == "required" and not template.shows_options:
        place = f"{template.direction}.{template.name}"
        what = f"{place}: options: required, but no {{{{ options }}}} in the input"
        yield Problem(document.file, template.line, what)
