"""Checks of cards against each other: names, needs, expressions, selections. Each yields problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flancollect.cards.entries import Catalog, Task, exemplar_task
from flancollect.cards.licenses import DENIED, LICENSES, OTHER, UNKNOWN, license_ids, misspelled
from flancollect.cards.mixture_card import LicenseRule
from flancollect.cards.select import Select, matches, select
from flancollect.cards.splits import parse_split
from flancollect.cards.styles import unknown_styles
from flancollect.cards.task_card import (
    Answer,
    ChoicesAnswer,
    OptionsAnswer,
    RenderedAnswer,
    TaskCard,
    TextAnswer,
)
from flancollect.errors import Problem, did_you_mean
from flancollect.jinja.expression import ExpressionError, compile_expression


def task_problems(task: Task) -> Iterator[Problem]:
    """What is wrong with a task card, given its family."""
    card, family = task.card, task.family
    for name in sorted(set(family.needs) - set(card.fields)):
        yield task.problem(
            "fields", f'family {family.name} needs "{name}". Given: {", ".join(card.fields) or "none"}.'
        )
    for name in sorted(set(card.fields) - set(family.needs)):
        yield task.problem(
            f"fields.{name}",
            f"family {family.name} does not need it." + did_you_mean(name, family.needs, "Needs"),
        )
    for place, text in expressions(card):
        message = _expression_error(text)
        if message:
            yield task.problem(place, message)
    for split, text in card.splits.items():
        try:
            parse_split(text)
        except ValueError as error:
            yield task.problem(f"splits.{split}", str(error))
    for name in card.templates or []:
        known = [w.name for w in family.templates]
        if name not in known:
            yield task.problem(
                "templates",
                f'family {family.name} has no template "{name}".' + did_you_mean(name, known, "Templates"),
            )
    yield from _license_problems(task)
    exemplars = exemplar_task(task)
    if exemplars is not None:
        yield from task_problems(exemplars)
    if family.options == "closed" and not isinstance(card.answer, ChoicesAnswer):
        yield task.problem("answer", f"family {family.name} has closed options; give `choices` and `index`")
    if family.options == "open" and isinstance(card.answer, TextAnswer | RenderedAnswer):
        yield task.problem(
            "answer", f"family {family.name} lists options; give `options` (or `choices`) and `index`"
        )


def _license_problems(task: Task) -> Iterator[Problem]:
    """Licenses that look like known ones misspelled; any other text stands for terms not known here."""
    for name in license_ids(task.card.license):
        meant = misspelled(name)
        if meant:
            what = f'no license "{name}". Did you mean "{meant}"? Another license is written `other`, or'
            yield task.problem("license", f"{what} `LicenseRef-` and its name.")


def expressions(card: TaskCard) -> Iterator[tuple[str, str]]:
    """Every expression of a card with its dotted place, in the card's order."""
    if card.where is not None:
        yield "where", card.where
    for name, text in card.fields.items():
        yield f"fields.{name}", text
    yield from _answer_expressions(card.answer)
    if card.exemplars is not None:
        yield "exemplars", card.exemplars


def _answer_expressions(answer: Answer) -> Iterator[tuple[str, str]]:
    if isinstance(answer, TextAnswer):
        parts = {"text": answer.text, "also": answer.also, "choices": answer.choices, "labels": answer.labels}
        yield from ((f"answer.{name}", text) for name, text in parts.items() if text is not None)
    elif isinstance(answer, ChoicesAnswer | OptionsAnswer):
        if isinstance(answer, OptionsAnswer):
            yield "answer.options", answer.options
        yield "answer.index", answer.index


def _expression_error(text: str) -> str | None:
    try:
        compile_expression(text)
    except ExpressionError as error:
        return str(error)
    return None


def mixture_problems(catalog: Catalog) -> Iterator[Problem]:
    """Names in mixtures that nothing has, selections that choose nothing, and tasks chosen twice."""
    for written in catalog.mixtures.values():
        card, document = written.card, written.document
        for held in card.hold_out:
            if held not in catalog.benchmarks:
                what = f'hold_out: no benchmark "{held}".' + did_you_mean(
                    held, catalog.benchmarks, "Benchmarks"
                )
                yield Problem(document.file, document.line_of(("hold_out",)), what)
        for place, what in unknown_styles(catalog.styles, card.styles):
            yield Problem(document.file, document.line_of(place), what)
        for key, what in _rule_problems(catalog, card.license):
            yield Problem(document.file, document.line_of(("license", key)), f"license.{key}: {what}")
        taken: dict[str, str] = {}
        for part_name, part in card.parts.items():
            place_line = document.line_of(("parts", part_name))
            wanted = part.select or Select(submix=[part_name])
            chosen = select(catalog.tasks.values(), wanted)
            for what in _select_problems(catalog, wanted, chosen):
                yield Problem(document.file, place_line, f"parts.{part_name}: {what}")
            doubled = [task for task in chosen if task in taken]
            if doubled:
                other = taken[doubled[0]]
                what = f'task "{doubled[0]}" is in part "{other}" already ({len(doubled)} such tasks)'
                what = f"parts.{part_name}: {what}; a mixture takes a task once"
                yield Problem(document.file, place_line, what)
            taken |= dict.fromkeys(chosen, part_name)


def _rule_problems(catalog: Catalog, rule: LicenseRule | None) -> Iterator[tuple[str, str]]:
    """Names in a license rule that are neither licenses nor words for what licenses ask."""
    if rule is None:
        return
    ids = {*LICENSES, UNKNOWN, OTHER}
    ids.update(name for task in catalog.tasks.values() for name in license_ids(task.card.license))
    for place, names, known in (("allow", rule.allow, ids), ("deny", rule.deny, {*ids, *DENIED})):
        for name in names:
            if name.lower() not in known:
                yield place, f'no license "{name}".' + did_you_mean(name.lower(), sorted(known), "Known", 60)


def _select_problems(catalog: Catalog, wanted: Select, chosen: Sequence[str]) -> Iterator[str]:
    known = {catalog.tasks[name].card.submix for name in chosen}
    unknown = _unknown_submixes(catalog, [name for name in wanted.submix or [] if name not in known])
    yield from unknown
    if unknown:
        return
    for glob in wanted.tasks or []:
        name = glob.removeprefix("!")
        if name not in catalog.tasks and not any(matches(task, [name]) for task in catalog.tasks):
            yield f'no task matches "{glob}".' + did_you_mean(glob, catalog.tasks, "Tasks", 6)
    if not chosen:
        yield "no task matches all of its keys together"


def _unknown_submixes(catalog: Catalog, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    submixes = sorted({task.card.submix for task in catalog.tasks.values()})
    return [
        f'no task has the submix "{name}".' + did_you_mean(name, submixes, "Submixes")
        for name in names
        if name not in submixes
    ]


def benchmark_problems(catalog: Catalog) -> Iterator[Problem]:
    """Names in benchmarks that nothing has, and selections that choose nothing."""
    for written in catalog.benchmarks.values():
        card, document = written.card, written.document
        chosen = select(catalog.tasks.values(), card.select)
        for what in _select_problems(catalog, card.select, chosen):
            yield Problem(document.file, document.line_of(("select",)), f"select: {what}")
        for place, what in unknown_styles(catalog.styles, card.ask.styles):
            yield Problem(document.file, document.line_of(("ask", *place)), what)
        if isinstance(card.ask.templates, list):
            known = sorted({w.name for name in chosen for w in catalog.tasks[name].family.templates})
            for name in card.ask.templates:
                if name not in known:
                    what = f'ask.templates: no template "{name}".' + did_you_mean(name, known, "Templates")
                    yield Problem(document.file, document.line_of(("ask", "templates")), what)
