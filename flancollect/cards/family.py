"""Families as resolved: every template with its name, place, and what it shows.

A Template carries its texts, not compiled templates, so that plans can travel to worker processes; rendering
compiles each text once per process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flancollect.cards.family_card import FamilyCard, FieldType, TemplateCard
from flancollect.cards.strict_yaml import Document
from flancollect.cards.variants import Variant
from flancollect.errors import Problem, did_you_mean
from flancollect.jinja.expression import ExpressionError, compile_template

RESERVED = ("answer", "options", "choices", "range", "dict", "zip", "namespace")


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

    `silenced` names lints that do not apply to it, with the reason.
    """

    name: str
    needs: Mapping[str, FieldType]
    options: Literal["closed", "open", "none"]
    example: Mapping[str, Any]
    templates: tuple[Template, ...]
    file: str
    silenced: Mapping[str, str] = field(default_factory=dict)

    def serving(self, variant: Variant) -> tuple[Template, ...]:
        """The templates that a variant may use, held out or not."""
        unfit = "never" if variant.options else "required"
        return tuple(
            w
            for w in self.templates
            if w.direction == variant.direction and (self.options == "none" or w.options != unfit)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFamily:
    """A family card and the document it came from."""

    card: FamilyCard
    document: Document


def resolve_families(written: Mapping[str, LoadedFamily]) -> tuple[dict[str, Family], list[Problem]]:
    """Fill in `extends` and check every template; a family with problems is left out."""
    resolved: dict[str, Family] = {}
    problems: list[Problem] = []
    for name, family in sorted(written.items()):
        found = _extends_problem(name, written)
        if found is None:
            spec = _merge(family, written)
            found_here = list(_family_problems(spec, family))
            resolved |= {} if found_here else {name: spec}
            problems += found_here
        else:
            problems.append(found)
    return resolved, problems


def _extends_problem(name: str, written: Mapping[str, LoadedFamily]) -> Problem | None:
    family, seen = written[name], {name}
    while (parent := family.card.extends) is not None:
        line = family.document.line_of(("extends",))
        if parent not in written:
            return Problem(
                family.document.file,
                line,
                f'no family "{parent}".' + did_you_mean(parent, written, "Families"),
            )
        if parent in seen:
            return Problem(family.document.file, line, f'family "{name}" extends itself through "{parent}"')
        seen.add(parent)
        family = written[parent]
    return None


def _merge(family: LoadedFamily, written: Mapping[str, LoadedFamily]) -> Family:
    card = family.card
    own = tuple(_templates(family))
    if card.extends is None:
        needs, options, example, templates = card.needs, card.options, card.example, own
    else:
        parent = _merge(written[card.extends], written)
        replaced = {(w.direction, w.name) for w in own}
        kept = tuple(w for w in parent.templates if (w.direction, w.name) not in replaced)
        needs = {**parent.needs, **card.needs}
        options = card.options if "options" in card.model_fields_set else parent.options
        example, templates = {**parent.example, **card.example}, own + kept
    return Family(
        name=card.family,
        needs=needs,
        options=options,
        example=example,
        templates=templates,
        file=family.document.file,
        silenced={} if card.lint is None else card.lint.ignore,
    )


def _templates(family: LoadedFamily) -> Iterator[Template]:
    groups: tuple[tuple[Literal["forward", "inverted"], dict[str, TemplateCard]], ...] = (
        ("forward", family.card.forward),
        ("inverted", family.card.inverted),
    )
    for direction, templates in groups:
        for name, template in templates.items():
            yield Template(
                id=f"{family.card.family}/{direction}/{name}",
                direction=direction,
                name=name,
                intro=template.intro,
                input=template.input,
                target=template.target,
                options=template.options,
                shows_options="options" in _variables(template.input)
                or "options" in _variables(template.intro or ""),
                hold_out=template.hold_out,
                file=family.document.file,
                line=family.document.line_of((direction, name)),
            )


def _variables(text: str) -> frozenset[str]:
    try:
        return compile_template(text).variables
    except ExpressionError:
        return frozenset()  # reported with its place by _template_problems


def _family_problems(spec: Family, family: LoadedFamily) -> Iterator[Problem]:
    document = family.document
    for name in spec.needs:
        if name in RESERVED or not name.isidentifier():
            reason = "is taken" if name in RESERVED else "is not a variable name"
            yield Problem(
                document.file,
                document.line_of(("needs", name)),
                f"needs.{name}: the name {reason}; choose another",
            )
    expected = {*spec.needs, "answer"} | ({"options"} if spec.options != "none" else set())
    for name in sorted(expected ^ set(spec.example)) if spec.example else ():
        what = "lacks" if name in expected else "has, but the family does not need,"
        yield Problem(document.file, document.line_of(("example",)), f'the example {what} "{name}"')
    for template in spec.templates:
        if template.file == document.file:
            yield from _template_problems(template, spec, document)
    if spec.options != "none" and not any(_tells_options(w) for w in spec.templates):
        yield Problem(
            document.file,
            document.line_of(("options",)),
            f"options: {spec.options}, but no template shows {{{{ options }}}} or tells {{{{ choices }}}}",
        )


def _tells_options(template: Template) -> bool:
    return template.shows_options or "choices" in _variables(template.input)


def _template_problems(template: Template, spec: Family, document: Document) -> Iterator[Problem]:
    known = [*spec.needs, "answer", "choices"] + (["options"] if spec.options != "none" else [])
    for part, text in (("intro", template.intro), ("input", template.input), ("target", template.target)):
        if text is None:
            continue
        line = document.line_of((template.direction, template.name, part))
        place = f"{template.direction}.{template.name}.{part}"
        try:
            used = compile_template(text).variables
        except ExpressionError as error:
            yield Problem(document.file, line, f"{place}: {error}")
            continue
        for name in sorted(used - set(known)):
            yield Problem(
                document.file,
                line,
                f'{place}: no variable "{name}".' + did_you_mean(name, known, "Variables"),
            )
        if "options" in used and (
            template.direction == "inverted" or part == "target" or template.options == "never"
        ):
            yield Problem(
                document.file,
                line,
                f"{place}: options are shown in the input of forward templates that allow them, not here",
            )
    if template.options == "required" and not template.shows_options:
        yield Problem(
            document.file,
            template.line,
            f"{template.direction}.{template.name}: options: required, but no {{{{ options }}}} in the input",
        )
