"""What a lint found: where, what and what to do; which cards may silence it; and in which of many cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flancollect.cards.entries import Task
from flancollect.cards.family import Family, Template
from flancollect.errors import Problem
from flancollect.jinja.expression import compile_template

Owner = Family | Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing in one place. Findings of one lint that share their problem are reported as one.

    `owners` are the cards whose `lint: {ignore: ...}` may silence it; `case` is what it was seen in.
    """

    problem: Problem
    owners: tuple[Owner, ...]
    case: str = ""


def at_family(family: Family, what: str, case: str = "") -> Finding:
    """A finding about a whole family."""
    return Finding(problem=Problem(family.file, 0, what), owners=(family,), case=case)


def at_template(family: Family, template: Template, what: str, *others: Owner, case: str = "") -> Finding:
    """A finding about one template of a family; `others` may silence it too."""
    diagnostic = f"{template.direction}.{template.name}: {what}"
    return Finding(
        problem=Problem(template.file, template.line, diagnostic), owners=(family, *others), case=case
    )


def at_task(task: Task, place: str, what: str, case: str = "") -> Finding:
    """A finding at a dotted place of a task's card; its family may silence it too."""
    return Finding(problem=task.problem(place, what), owners=(task, task.family), case=case or task.card.task)


def silences(owner: Owner) -> Mapping[str, str]:
    """The lints that a card silences, with the reasons."""
    if isinstance(owner, Family):
        return owner.ignored_lints
    return owner.card.lint.ignore if owner.card.lint is not None else {}


def templates_of(task: Task) -> tuple[Template, ...]:
    """The templates that may present a task: those its card narrows the forward ones to, and the inverted."""
    narrowed = task.card.templates
    return tuple(
        w
        for w in task.family.templates
        if w.direction == "inverted" or narrowed is None or w.name in narrowed
    )


def own_templates(family: Family) -> Iterator[Template]:
    """The templates that a family's own file holds, without those of the family that it extends."""
    return (w for w in family.templates if w.file == family.file)


def prompt_variables(template: Template) -> frozenset[str]:
    """The variables that a template's prompt is filled with."""
    return compile_template(template.intro or "").variables | compile_template(template.input).variables


def shown_variables(template: Template) -> frozenset[str]:
    """The variables that a template's prompt or target is filled with."""
    return prompt_variables(template) | compile_template(template.target).variables
