"""What a lint finds: where, what and what to do; which cards may silence it; and in which of many cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flancollect.cards.entries import Task
from flancollect.cards.family import Family, Template
from flancollect.errors import Problem
from flancollect.jinja.expression import compile_template

LintedCard = Family | Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing in one place. Findings of one lint that share their problem are reported as one.

    `cards` are those whose `lint: {ignore: ...}` may silence it; `case` is the task or template that shows it.
    """

    problem: Problem
    cards: tuple[LintedCard, ...]
    case: str = ""


def at_family(family: Family, what: str, case: str = "") -> Finding:
    """A finding about a whole family."""
    # Line 0 is the whole file: no single line of a family is at fault.
    return Finding(problem=Problem(family.file, 0, what), cards=(family,), case=case)


def at_template(
    family: Family, template: Template, what: str, *others: LintedCard, case: str = ""
) -> Finding:
    """A finding about one template of a family; `others` may silence it too."""
    problem = Problem(template.file, template.line, f"{template.direction}.{template.name}: {what}")
    return Finding(problem=problem, cards=(family, *others), case=case)


def at_task(task: Task, place: str, what: str, case: str = "") -> Finding:
    """A finding at a dotted place of a task's card; its family may silence it too."""
    return Finding(problem=task.problem(place, what), cards=(task, task.family), case=case or task.card.task)


def ignored_lints(card: LintedCard) -> Mapping[str, str]:
    """The lints that a card silences, with the reasons."""
    if isinstance(card, Family):
        return card.ignored_lints
    return card.card.lint.ignore if card.card.lint is not None else {}


def templates_of(task: Task) -> tuple[Template, ...]:
    """The templates that may present a task: those its card narrows the forward ones to, and the inverted."""
    names = task.card.templates
    return tuple(
        template
        for template in task.family.templates
        if template.direction == "inverted" or names is None or template.name in names
    )


def own_templates(family: Family) -> Iterator[Template]:
    """The templates that a family's own file holds, without those of the family that it extends."""
    return (template for template in family.templates if template.file == family.file)


def prompt_variables(template: Template) -> frozenset[str]:
    """The variables that a template's prompt is filled with."""
    return compile_template(template.intro or "").variables | compile_template(template.input).variables


def template_variables(template: Template) -> frozenset[str]:
    """The variables that a template's prompt or target is filled with."""
    return prompt_variables(template) | compile_template(template.target).variables
