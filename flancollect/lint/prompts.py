"""Lints of rows as prompts show them: answers given away, empty places, templates that do not fit the data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from flancollect.cards.entries import Task
from flancollect.cards.family import Family, Template
from flancollect.cards.task_card import RenderedAnswer
from flancollect.jinja.expression import compile_template
from flancollect.lint.finding import Finding, at_task, at_template, prompt_variables, templates_of
from flancollect.lint.samples import RenderedRow, Sample
from flancollect.lint.text import untidy, words
from flancollect.render.normalise import Row

FEWEST_ROWS = 8
"""Below so many rows a rate says nothing."""
SOME = 0.05
"""The share of rows from which empty places, stray spaces and equal options are more than the odd bad row."""
OFTEN = 0.2
"""The share of rows from which a template does not fit its data."""
MOSTLY = 0.5
"""The share of rows from which a task can be done without understanding it."""
SURE = 0.9
"""Of rows that name one option alone, how many must name the right one; chance is one half or less."""
LONG = (20, 4)
"""Characters and words from which a target does not stand in a prompt by accident."""
EXTRACTIVE = ("squad", "f1")
"""Metrics of tasks whose answers are spans of the text."""


def fails_on_row(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates that fail on a row."""
    for sample in samples:
        if isinstance(sample.task.card.answer, RenderedAnswer):
            continue
        for problem in sample.failures:
            owners = (sample.task.family, sample.task)
            yield Finding(problem=problem, owners=owners, case=sample.task.card.task)


def answer_not_in_options(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates that list options, and whose target is or holds none of them."""
    for family, template, shown in _by_template(samples):
        listed = [
            one for one in shown if one.options and "answer" in compile_template(template.target).variables
        ]
        lost = [one for one in listed if one.row.answer not in one.target]
        if lost:
            what = f'the target "{lost[0].target[:60]}" is none of the options listed; write {{{{ answer }}}} as it is'
            yield at_template(family, template, what)


def options_alike(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Tasks whose rows list the same option twice."""
    for sample in samples:
        share = _share(
            sample.rows, lambda row: len({o.casefold().strip() for o in row.options}) < len(row.options)
        )
        if share >= SOME:
            yield _at_answer(sample.task, "rows list one option twice; drop them with `where`", share)


def empty_field(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Text fields that are empty in some rows, and that a template shows without asking whether there is any."""
    for sample in samples:
        bare = {
            name for w in templates_of(sample.task) for name in prompt_variables(w) if not _guards(w, name)
        }
        for name in sorted(bare & set(sample.task.family.needs)):
            share = _share(sample.rows, lambda row, name=name: _is_empty(row.fields[name]))
            if share >= SOME:
                what = "empty in some rows, where templates show it bare; use `where`, or `| para` in the templates"
                yield at_task(sample.task, f"fields.{name}", what, case=_rate(sample.task, share))


def _guards(template: Template, name: str) -> bool:
    text = f"{template.intro or ''} {template.input}"
    if (template.intro or "").strip() == f"{{{{ {name} }}}}" and name not in template.input:
        return True  # an empty opening is left out
    return any(mark in text for mark in (f"if {name}", f"{name} | para", f"{name} | line", f"if not {name}"))


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == []


def empty_text(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates whose prompt or target comes out empty."""
    for family, template, shown in _by_template(samples):
        if any(not one.row.answer for one in shown):
            continue  # the template works out the answer, and rows beyond it are dropped
        for part in ("prompt", "target"):
            count = sum(not getattr(one, part).strip() for one in shown)
            if count:
                yield at_template(
                    family, template, f"the {part} comes out empty in some rows; say more in it"
                )


def untrimmed_field(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Fields and answers with white space around them."""
    for sample in samples:
        for name, kind in sample.task.family.needs.items():
            if kind != "text":
                continue
            share = _share(sample.rows, lambda row, name=name: _untrimmed(row.fields[name]))
            if share >= SOME:
                what = "white space around it; write `| trim`"
                yield at_task(sample.task, f"fields.{name}", what, case=_rate(sample.task, share))
        share = _share(sample.rows, lambda row: _untrimmed(row.answer) or any(map(_untrimmed, row.options)))
        if share >= SOME:
            yield _at_answer(sample.task, "white space around it; write `| trim`", share)


def _untrimmed(text: str) -> bool:
    return text != text.strip()


def untidy_rows(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates that often make stray spaces or doubled punctuation where text and filling meet."""
    for family, template, shown in _by_template(samples):
        places: dict[str, list[str]] = defaultdict(list)
        for one in shown:
            filled_in = [*_texts(one.row), one.row.answer, *one.row.options]
            for kind, place in untidy(one.prompt, filled_in):
                places[kind].append(place)
        for kind, found in places.items():
            if len(shown) >= FEWEST_ROWS and len(found) >= OFTEN * len(shown):
                yield at_template(family, template, f'{kind} in many rows, as in "{found[0]}"')


def target_in_prompt(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Prompts that hold their whole target: the task is to copy, unless that is its nature."""
    for sample in samples:
        forward = [one for one in sample.shown if one.template.direction == "forward" and not one.row.options]
        if sample.task.card.metric not in EXTRACTIVE:
            share = _copied(forward)
            if share >= MOSTLY:
                what = "the prompt holds the whole target; mend the fields, or silence this for extraction"
                yield _at_answer(sample.task, what, share)
    for family, template, shown in _by_template(samples):
        if template.direction == "inverted" and _copied(shown) >= MOSTLY:
            yield at_template(family, template, "the prompt holds the whole target; take it out of one")


def _copied(shown: Sequence[RenderedRow]) -> float:
    characters, least_words = LONG
    long = [one for one in shown if len(one.target) >= characters and len(one.target.split()) >= least_words]
    return _share(long, lambda one: one.target.strip() in one.prompt)


def label_leak(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Fields that name the right option, and it alone, in most rows, where templates ask for the option."""
    for sample in samples:
        asking = [w for w in templates_of(sample.task) if _asks_for_answer(w)]
        shown = {name for w in asking for name in prompt_variables(w)}
        rows = [row for row in sample.rows if row.index is not None and len(set(row.options)) > 1]
        for name in sorted(shown & set(sample.task.family.needs)):
            named = [found for row in rows if len(found := _named(row, name)) == 1]
            right = sum(found == {row.index} for row in rows if len(found := _named(row, name)) == 1)
            if right >= max(FEWEST_ROWS, MOSTLY * len(rows)) and right >= SURE * len(named):
                what = "names the right answer in most rows, and only that; leave it out"
                share = right / len(rows)
                yield at_task(sample.task, f"fields.{name}", what, case=_rate(sample.task, share))


def _asks_for_answer(template: Template) -> bool:
    return template.direction == "forward" and "answer" in compile_template(template.target).variables


def _named(row: Row, field: str) -> set[int]:
    """The positions of the options that a field names, word by word."""
    value = row.fields[field]
    text = words(" ".join(value) if isinstance(value, list) else str(value))
    diagnostic = [words(option) for option in row.options]
    return {i for i, option in enumerate(diagnostic) if option.strip() and option in text}


def no_exemplar(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Tasks whose rows all ask the same: few-shot prompts have no other row to show."""
    for sample in samples:
        own = sample.task.card.exemplars is not None or sample.task.card.exemplars_from is not None
        if len(sample.rows) >= FEWEST_ROWS and not own and len({row.content for row in sample.rows}) == 1:
            what = f"{len(sample.rows)} rows read, all with the same fields: few-shot can show no exemplar"
            yield at_task(sample.task, "fields", what)


def unusable_rows(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Tasks of whose rows none is of use, or many are not for a reason other than the card's `where`."""
    for sample in samples:
        dropped = {why: count for why, count in sample.dropped.items() if why != "where"}
        if dropped and sum(dropped.values()) >= OFTEN * sample.read:
            why = max(sorted(dropped), key=lambda reason: dropped[reason])
            share = sum(dropped.values()) / sample.read
            what = f'many rows are of no use: "{why}"; mend the card, or take them out with `where`'
            yield at_task(sample.task, "source", what, case=_rate(sample.task, share))


# --- rows and rates ----------------------------------------------------------------------------------------


def _by_template(samples: Sequence[Sample]) -> Iterator[tuple[Family, Template, list[RenderedRow]]]:
    """What was shown, by template, over all tasks of a family."""
    groups: Mapping[str, list[tuple[Family, RenderedRow]]] = defaultdict(list)
    for sample in samples:
        for one in sample.shown:
            groups[f"{sample.task.family.name} {one.template.id}"].append((sample.task.family, one))
    for group in groups.values():
        family, first = group[0]
        yield family, first.template, [one for _, one in group]


def _texts(row: Row) -> list[str]:
    """All texts among a row's fields."""
    values = list(row.fields.values())
    listed = [part for value in values if isinstance(value, list) for part in value]
    return [value for value in (*values, *listed) if isinstance(value, str)]


def _share(items: Sequence[object], holds: Callable[..., bool]) -> float:
    """Of how many of these it holds; 0 where they are too few to tell."""
    return sum(map(holds, items)) / len(items) if len(items) >= FEWEST_ROWS else 0.0


def _rate(task: Task, share: float) -> str:
    return f"{task.card.task} {share:.0%}"


def _at_answer(task: Task, what: str, share: float) -> Finding:
    return at_task(task, "answer", what, case=_rate(task, share))
