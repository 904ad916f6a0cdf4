"""Checks of cards against each other: names, needs, expressions, selections. Each yields problems."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence

from flancollect.cards.entries import Catalog, Task
from flancollect.cards.licenses import DENIED, LICENSES, OTHER, UNKNOWN, license_ids, misspelled
from flancollect.cards.mixture_card import LicenseRule
from flancollect.cards.score_card import ChoicesScore, GenerationScore, Score
from flancollect.cards.select import Select, matches, select
from flancollect.cards.splits import parse_split
from flancollect.cards.styles import unknown_styles
from flancollect.cards.task_card import (
    ChoicesAnswer,
    OptionsAnswer,
    RenderedAnswer,
    TaskCard,
    TextAnswer,
)
from flancollect.errors import Problem, did_you_mean
from flancollect.jinja.expression import ExpressionError, compile_expression

_PUBLISHED_NAME = re.compile(r"\bpublished\.(\w+)")

_ANSWER_EXPRESSIONS: dict[type, tuple[str, ...]] = {
    ChoicesAnswer: ("index",),
    OptionsAnswer: ("options", "index"),
    TextAnswer: ("text", "also", "choices", "labels"),
    RenderedAnswer: (),
}
"""The fields of each kind of answer that are expressions over the source row."""


def expressions(card: TaskCard) -> Iterator[tuple[str, str]]:
    """Every expression of a card with its dotted place, in the card's order."""
    if card.where is not None:
        yield "where", card.where
    for name, text in card.fields.items():
        yield f"fields.{name}", text
    for name in _ANSWER_EXPRESSIONS[type(card.answer)]:
        text = getattr(card.answer, name)
        if text is not None:
            yield f"answer.{name}", text
    if card.exemplars is not None:
        yield "exemplars", card.exemplars
    if card.exemplar_explanation is not None:
        yield "exemplar_explanation", card.exemplar_explanation


def task_problems(task: Task) -> Iterator[Problem]:
    """What is wrong with a task card, given its family, and with the exemplars that it takes elsewhere."""
    card = task.card
    yield from _family_problems(task)
    yield from _expression_problems(task, expressions(card))
    for split in card.split_answers:
        asked = task.in_split(split)
        yield from _answer_problems(asked)
        of_answer = [(place, text) for place, text in expressions(asked.card) if place.startswith("answer.")]
        yield from _expression_problems(asked, of_answer)
    for split, text in card.splits.items():
        try:
            parse_split(text)
        except ValueError as error:
            yield task.problem(f"splits.{split}", str(error))
    for name in license_ids(card.license):
        # Any text may stand for terms not known here; only what looks like a known license misspelled is refused.
        if meant := misspelled(name):
            what = f'no license "{name}". Did you mean "{meant}"? Another license is written `other`, or'
            yield task.problem("license", f"{what} `LicenseRef-` and its name.")
    if task.exemplar_task is not None:
        yield from task_problems(task.exemplar_task)
    if task.published_task is not None:
        yield from _expression_problems(task.published_task, expressions(task.published_task.card))
        yield from _published_problems(task, task.published_task.card.fields)


def _published_problems(task: Task, texts: Collection[str]) -> Iterator[Problem]:
    """Texts that expressions take from `published`, and that it does not read; `texts` are those that it does."""
    for reader in (task, task.exemplar_task):
        for place, text in expressions(reader.card) if reader is not None else ():
            for name in _PUBLISHED_NAME.findall(text):
                if name not in texts:
                    what = f'no text "{name}" under `published`.' + did_you_mean(name, texts, "Texts")
                    yield (reader or task).problem(place, what)


def _expression_problems(task: Task, places: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """The expressions among these that cannot be compiled."""
    for place, text in places:
        try:
            compile_expression(text)
        except ExpressionError as error:
            yield task.problem(place, str(error))


def _family_problems(task: Task) -> Iterator[Problem]:
    """Where a card does not give what its family needs, or asks for what the family does not have."""
    card, family = task.card, task.family
    for name in sorted(set(family.needs) - set(card.fields)):
        fields = ", ".join(card.fields) or "none"
        yield task.problem("fields", f'family {family.name} needs "{name}". Given: {fields}.')
    for name in sorted(set(card.fields) - set(family.needs)):
        what = f"family {family.name} does not need it." + did_you_mean(name, family.needs, "Needs")
        yield task.problem(f"fields.{name}", what)
    templates = [template.name for template in family.templates]
    for name in card.templates or []:
        if name not in templates:
            what = f'family {family.name} has no template "{name}".'
            yield task.problem("templates", what + did_you_mean(name, templates, "Templates"))
    yield from _answer_problems(task)


def _answer_problems(task: Task) -> Iterator[Problem]:
    """Where the answer is not of the kind that the family's templates list options of."""
    card, family = task.card, task.family
    # A closed label set may serve where options are open, but the options of each row not where they are closed.
    if family.options == "closed" and not isinstance(card.answer, ChoicesAnswer):
        yield task.problem("answer", f"family {family.name} has closed options; give `choices` and `index`")
    if family.options == "open" and isinstance(card.answer, TextAnswer | RenderedAnswer):
        what = f"family {family.name} lists options; give `options` (or `choices`) and `index`"
        yield task.problem("answer", what)


def name_problems(catalog: Catalog) -> Iterator[Problem]:
    """Names of one kind that differ in case or in their Unicode form alone, and names that say two things to `build`.

    Names become folders, which many file systems could not tell apart.
    """
    submixes = {task.card.submix: task for task in reversed(tuple(catalog.tasks.values()))}
    for kind, places in (
        ("task", {name: task.problem for name, task in catalog.tasks.items()}),
        ("submix", {name: task.problem for name, task in sorted(submixes.items())}),
    ):
        first_of: dict[str, str] = {}
        for name, problem_at in places.items():
            first = first_of.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
            if first != name:
                what = f'{kind} "{name}" differs from "{first}" in case or Unicode form alone; rename one'
                yield problem_at(kind, what)
    for name, loaded in catalog.benchmarks.items():
        if name in catalog.mixtures:
            mixture = catalog.mixtures[name].document
            place = f"{mixture.file}:{mixture.line_of(('mixture',))}"
            what = f'a mixture is named "{name}", too, at {place}; rename one'
            yield loaded.document.problem(("benchmark",), what)


def mixture_problems(catalog: Catalog) -> Iterator[Problem]:
    """Names in mixtures that nothing has, selections that choose nothing, and tasks chosen twice."""
    for loaded in catalog.mixtures.values():
        card, document = loaded.card, loaded.document
        for name in card.hold_out:
            if name not in catalog.benchmarks:
                what = f'hold_out: no benchmark "{name}".'
                what += did_you_mean(name, catalog.benchmarks, "Benchmarks")
                yield document.problem(("hold_out",), what)
        for path, what in unknown_styles(catalog.styles, card.styles):
            yield document.problem(path, what)
        for key, what in _license_rule_problems(catalog, card.license):
            yield document.problem(("license", key), f"license.{key}: {what}")
        part_of: dict[str, str] = {}
        for part_name, part in card.parts.items():
            selection = part.select or Select(submix=[part_name])
            tasks = select(catalog.tasks.values(), selection)
            problems = list(_selection_problems(catalog, selection, tasks))
            repeated = [task for task in tasks if task in part_of]
            if repeated:
                what = f'task "{repeated[0]}" is in part "{part_of[repeated[0]]}" already'
                problems.append(f"{what} ({len(repeated)} such tasks); a mixture takes a task once")
            for what in problems:
                yield document.problem(("parts", part_name), f"parts.{part_name}: {what}")
            part_of |= dict.fromkeys(tasks, part_name)  # a third part would name the second


def _license_rule_problems(catalog: Catalog, rule: LicenseRule | None) -> Iterator[tuple[str, str]]:
    """Names in a license rule that are neither licenses nor words for what licenses ask."""
    if rule is None:
        return
    ids = {*LICENSES, UNKNOWN, OTHER}
    # A rule may name a license that is not in our table, if a card has it.
    ids.update(name for task in catalog.tasks.values() for name in license_ids(task.card.license))
    for key, names, words in (("allow", rule.allow, ids), ("deny", rule.deny, {*ids, *DENIED})):
        for name in names:
            if name.lower() not in words:
                yield key, f'no license "{name}".' + did_you_mean(name.lower(), sorted(words), "Known", 60)


def _selection_problems(catalog: Catalog, selection: Select, tasks: Sequence[str]) -> Iterator[str]:
    """Names in a selection that nothing has; `tasks` are those that it selects."""
    submixes = {task.card.submix for task in catalog.tasks.values()}
    unknown = [name for name in selection.submix or [] if name not in submixes]
    for name in unknown:
        yield f'no task has the submix "{name}".' + did_you_mean(name, sorted(submixes), "Submixes")
    if unknown:
        return  # that its other keys match nothing either would only be an echo
    # An exclusion that matches nothing is a misspelling, too: "!bbh_cto_*" would leave the tasks in.
    for glob in selection.tasks or []:
        name = glob.removeprefix("!")
        if name not in catalog.tasks and not any(matches(task, [name]) for task in catalog.tasks):
            yield f'no task matches "{glob}".' + did_you_mean(glob, catalog.tasks, "Tasks", 6)
    if not tasks:
        yield "no task matches all of its keys together"


def benchmark_problems(catalog: Catalog) -> Iterator[Problem]:
    """Names in benchmarks that nothing has, and selections that choose nothing."""
    for loaded in catalog.benchmarks.values():
        card, document = loaded.card, loaded.document
        tasks = select(catalog.tasks.values(), card.select)
        for what in _selection_problems(catalog, card.select, tasks):
            yield document.problem(("select",), f"select: {what}")
        for path, what in unknown_styles(catalog.styles, card.ask.styles):
            yield document.problem(("ask", *path), what)
        if isinstance(card.ask.templates, list):
            templates = sorted({t.name for name in tasks for t in catalog.tasks[name].family.templates})
            for name in card.ask.templates:
                if name not in templates:
                    what = f'ask.templates: no template "{name}".' + did_you_mean(
                        name, templates, "Templates"
                    )
                    yield document.problem(("ask", "templates"), what)
        for place, what in _score_problems(card.score, [catalog.tasks[name].card for name in tasks]):
            yield document.problem(tuple(place.split(".")), f"{place}: {what}")


def _score_problems(score: Score | None, tasks: Sequence[TaskCard]) -> Iterator[tuple[str, str]]:
    """Tasks that a score cannot serve: they have no choices to compare, or answer in a language that it cannot read."""
    if isinstance(score, ChoicesScore):
        without = [task.task for task in tasks if not _has_choices(task)]
        if without:
            yield (
                "score.choices",
                f'task "{without[0]}" has no choices; name them in its answer, or `generate`',
            )
    if not isinstance(score, GenerationScore):
        return
    languages = sorted({task.languages[0] for task in tasks if task.languages})
    for key, extraction in (("strict", score.strict), ("flexible", score.flexible)):
        patterns = {} if extraction is None else extraction.languages
        for name in sorted(set(patterns) - set(languages)):
            what = f'no task answers in the language "{name}".'
            yield f"score.{key}.languages.{name}", what + did_you_mean(name, languages, "Languages")
        unread = ", ".join(name for name in languages if name not in patterns)
        if unread and extraction is not None and extraction.pattern is None:
            yield f"score.{key}.languages", f"no pattern for {unread}; give one, or `pattern` for all others"


def _has_choices(task: TaskCard) -> bool:
    """Whether scoring knows between what a task's questions choose."""
    answer = task.answer
    return (
        answer.choices is not None
        if isinstance(answer, TextAnswer)
        else not isinstance(answer, RenderedAnswer)
    )
