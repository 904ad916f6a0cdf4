"""Lints of task cards and of styles as written."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from flancollect.cards.entries import Catalog, Task
from flancollect.cards.licenses import UNKNOWN, license_ids
from flancollect.errors import Problem
from flancollect.lint.finding import Finding, at_task, template_variables, templates_of
from flancollect.lint.templates import LOST, lost_characters_message
from flancollect.lint.text import literal
from flancollect.render.options import answer_text

STYLES = "_styles.yaml"

_LABEL_WORD = re.compile(r"\b(?:letter|number|numeral|label|digit)s?\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not|without|no|never)\b", re.IGNORECASE)


def unshown_field(catalog: Catalog) -> Iterator[Finding]:
    """Fields that a card reads from its source, and that no template open to its tasks shows."""
    by_file: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in catalog.tasks.values():
        by_file[task.file, task.family.name].append(task)
    for tasks in by_file.values():
        family = tasks[0].family
        # One task for each narrowing: the 1,556 tasks of one card leave their templates as they are.
        narrowings = {tuple(task.card.templates or ()): task for task in tasks}.values()
        templates = {template.id: template for task in narrowings for template in templates_of(task)}
        used = {name for template in templates.values() for name in template_variables(template)}
        unused = {name for template in family.templates for name in template_variables(template)} - used
        for name in sorted(unused & set(family.needs)):
            what = f"none of the templates that the card takes from {family.name} shows it"
            yield at_task(tasks[0], f"fields.{name}", what, case=tasks[0].card.task)


def unknown_license(catalog: Catalog) -> Iterator[Finding]:
    """Tasks whose license is not known, by submix: no license policy takes them."""
    for task in catalog.tasks.values():
        if UNKNOWN in license_ids(task.card.license):
            what = "license: unknown; look it up, so that policies and dataset cards can go by it"
            # The submix in place of a file makes one finding of hundreds, with the tasks as its cases.
            place = f"submix {task.card.submix}"
            yield Finding(problem=Problem(place, 0, what), cards=(task, task.family), case=task.card.task)


def label_style(catalog: Catalog) -> Iterator[Finding]:
    """Option styles that ask for a label and take text as the answer, or take a label and do not ask for it."""
    for name, style in catalog.styles.options.items():
        text = f"{literal(style.header)} {literal(style.item)}"
        # A header may also name the first label itself ("Pick A or another:"), or say "not the letter".
        asks = (style.label is not None and answer_text(style, "", 0) in style.header) or (
            bool(_LABEL_WORD.search(text)) and not _NEGATION.search(text)
        )
        if asks != (style.answer == "label"):
            what = (
                "its header asks for a label, but the answer is the option's text"
                if asks
                else "the answer is a label, but nothing asks for one"
            )
            yield _at_style("options", name, f"{what}; change `header` or `answer`")


def lost_in_styles(catalog: Catalog) -> Iterator[Finding]:
    """Option, shot and dialog styles with characters of their own that T5 cannot read."""
    for kind in ("options", "shots", "dialogs"):
        for name, style in getattr(catalog.styles, kind).items():
            texts = [literal(value) for value in style.model_dump().values() if isinstance(value, str)]
            lost = {character for text in texts for run in LOST.findall(text) for character in run}
            if lost:
                yield _at_style(kind, name, lost_characters_message(lost))


def _at_style(kind: str, name: str, what: str) -> Finding:
    # Styles belong to no card, so nothing can silence what is found in them.
    return Finding(problem=Problem(STYLES, 0, f"{kind}.{name}: {what}"), cards=())
