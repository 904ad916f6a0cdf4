"""What a lint found: where, what and what to do; which cards may silence it; and in which of many cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flancollect.cards.entries import Task
from flancollect.cards.family import FamilySpec, Wording
from flancollect.errors import Problem
from flancollect.jinja.expression import compile_template

Owner = FamilySpec | Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing in one place. Findings of one lint that share their problem are reported as one.

    `owners` are the cards whose `lint: {ignore: ...}` may silence it; `case` is what it was seen in.
    """

    problem: Problem
    owners: tuple[Owner, ...]
    case: str = ""


def at_family(family: FamilySpec, what: str, case: str = "") -> Finding:
    """A finding about a whole family."""
    return Finding(problem=Problem(family.file, 0, what), owners=(family,), case=case)


def at_wording(family: FamilySpec, wording: Wording, what: str, *others: Owner, case: str = "") -> Finding:
    """A finding about one wording of a family; `others` may silence it too."""
    said = f"{wording.direction}.{wording.name}: {what}"
    return Finding(problem=Problem(wording.file, wording.line, said), owners=(family, *others), case=case)


def at_task(task: Task, place: str, what: str, case: str = "") -> Finding:
    """A finding at a dotted place of a task's card; its family may silence it too."""
    return Finding(problem=task.problem(place, what), owners=(task, task.family), case=case or task.card.task)


def silences(owner: Owner) -> Mapping[str, str]:
    """The lints that a card silences, with the reasons."""
    if isinstance(owner, FamilySpec):
        return owner.silenced
    return owner.card.lint.ignore if owner.card.lint is not None else {}


def wordings_of(task: Task) -> tuple[Wording, ...]:
    """The wordings that may present a task: those its card narrows the forward ones to, and the inverted."""
    narrowed = task.card.templates
    return tuple(
        w for w in task.family.wordings if w.direction == "inverted" or narrowed is None or w.name in narrowed
    )


def own_wordings(family: FamilySpec) -> Iterator[Wording]:
    """The wordings that a family's own file holds, without those of the family that it extends."""
    return (w for w in family.wordings if w.file == family.file)


def prompt_variables(wording: Wording) -> frozenset[str]:
    """The variables that a wording's prompt is filled with."""
    return compile_template(wording.intro or "").variables | compile_template(wording.input).variables


def shown_variables(wording: Wording) -> frozenset[str]:
    """The variables that a wording's prompt or target is filled with."""
    return prompt_variables(wording) | compile_template(wording.target).variables
