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
DEFECT_SHARE = 0.05
"""The share of rows from which empty places, stray spaces and equal options are more than the odd bad row."""
MISFIT_SHARE = 0.2
"""The share of rows from which a template does not fit its data."""
SHORTCUT_SHARE = 0.5
"""The share of rows from which a task can be done without understanding it."""
LEAK_PRECISION = 0.9
"""Of rows that name one option alone, how many must name the right one; chance is one half or less."""
LONG_TARGET_CHARACTERS, LONG_TARGET_WORDS = 20, 4
"""From here on, a target does not stand in a prompt by accident."""
EXTRACTIVE = ("squad", "f1")
"""Metrics of tasks whose answers are spans of the text."""


def fails_on_row(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates that fail on a row."""
    for sample in samples:
        if isinstance(sample.task.card.answer, RenderedAnswer):
            continue  # templates made elsewhere may fail on a row, which is then dropped and counted
        for problem in sample.failures:
            cards = (sample.task.family, sample.task)
            yield Finding(problem=problem, cards=cards, case=sample.task.card.task)


def answer_not_in_options(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates that list options, and whose target is or holds none of them."""
    for family, template, rendered in _by_template(samples):
        if "answer" not in compile_template(template.target).variables:
            continue
        lost = [one for one in rendered if one.options and one.row.answer not in one.target]
        if lost:
            what = f'the target "{lost[0].target[:60]}" is none of the options listed; write {{{{ answer }}}} as it is'
            yield at_template(family, template, what)


def options_alike(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Tasks whose rows list the same option twice."""
    for sample in samples:
        share = _share(
            sample.rows, lambda row: len({o.casefold().strip() for o in row.options}) < len(row.options)
        )
        if share >= DEFECT_SHARE:
            yield _at_rate(sample.task, "answer", "rows list one option twice; drop them with `where`", share)


def empty_field(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Text fields that are empty in some rows, and that a template shows without asking whether there is any."""
    for sample in samples:
        bare = {
            name
            for template in templates_of(sample.task)
            for name in prompt_variables(template)
            if not _guards(template, name)
        }
        for name in sorted(bare & set(sample.task.family.needs)):
            share = _share(sample.rows, lambda row, name=name: _is_empty(row.fields[name]))
            if share >= DEFECT_SHARE:
                what = "empty in some rows, where templates show it bare; use `where`, or `| para` in the templates"
                yield _at_rate(sample.task, f"fields.{name}", what, share)


def _guards(template: Template, name: str) -> bool:
    """Whether a template asks for a field before it shows it: `{% if hint %}`, `{{ hint | para }}`."""
    text = f"{template.intro or ''} {template.input}"
    if (template.intro or "").strip() == f"{{{{ {name} }}}}" and name not in template.input:
        return True  # an empty opening is left out
    return any(mark in text for mark in (f"if {name}", f"{name} | para", f"{name} | line", f"if not {name}"))


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == []


def empty_text(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates whose prompt or target comes out empty."""
    for family, template, rendered in _by_template(samples):
        if any(not one.row.answer for one in rendered):
            # An empty answer in a usable row means `answer: {rendered: target}`.
            continue  # the template works out the answer, and rows beyond it are dropped
        for part in ("prompt", "target"):
            if any(not getattr(one, part).strip() for one in rendered):
                what = f"the {part} comes out empty in some rows; say more in it"
                yield at_template(family, template, what)


def untrimmed_field(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Fields and answers with white space around them."""
    what = "white space around it; write `| trim`"
    for sample in samples:
        for name, kind in sample.task.family.needs.items():
            if kind != "text":
                continue
            share = _share(sample.rows, lambda row, name=name: _untrimmed(row.fields[name]))
            if share >= DEFECT_SHARE:
                yield _at_rate(sample.task, f"fields.{name}", what, share)
        share = _share(sample.rows, lambda row: any(map(_untrimmed, (row.answer, *row.options))))
        if share >= DEFECT_SHARE:
            yield _at_rate(sample.task, "answer", what, share)


def _untrimmed(text: str) -> bool:
    return text != text.strip()


def untidy_rows(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Templates that often make stray spaces or doubled punctuation where text and filling meet."""
    for family, template, rendered in _by_template(samples):
        places: dict[str, list[str]] = defaultdict(list)
        for one in rendered:
            values = [*one.row.fields.values(), one.row.answer, *one.row.options]
            parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
            filled_in = [part for part in parts if isinstance(part, str)]
            for kind, place in untidy(one.prompt, filled_in):
                places[kind].append(place)
        for kind, of_kind in places.items():
            if len(rendered) >= FEWEST_ROWS and len(of_kind) >= MISFIT_SHARE * len(rendered):
                yield at_template(family, template, f'{kind} in many rows, as in "{of_kind[0]}"')


def target_in_prompt(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Prompts that hold their whole target: the task is to copy, unless that is its nature."""
    for sample in samples:
        # Among options the answer stands in the prompt by design.
        forward = [
            one for one in sample.rendered if one.template.direction == "forward" and not one.row.options
        ]
        share = _copied_share(forward)
        if sample.task.card.metric not in EXTRACTIVE and share >= SHORTCUT_SHARE:
            what = "the prompt holds the whole target; mend the fields, or silence this for extraction"
            yield _at_rate(sample.task, "answer", what, share)
    for family, template, rendered in _by_template(samples):
        if template.direction == "inverted" and _copied_share(rendered) >= SHORTCUT_SHARE:
            yield at_template(family, template, "the prompt holds the whole target; take it out of one")


def _copied_share(rendered: Sequence[RenderedRow]) -> float:
    long = [
        one
        for one in rendered
        if len(one.target) >= LONG_TARGET_CHARACTERS and len(one.target.split()) >= LONG_TARGET_WORDS
    ]
    return _share(long, lambda one: one.target.strip() in one.prompt)


def label_leak(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Fields that name the right option, and it alone, in most rows, where templates ask for the option."""
    for sample in samples:
        variables = {
            name
            for template in templates_of(sample.task)
            if template.direction == "forward" and "answer" in compile_template(template.target).variables
            for name in prompt_variables(template)
        }
        rows = [row for row in sample.rows if row.answer_index is not None and len(set(row.options)) > 1]
        for name in sorted(variables & set(sample.task.family.needs)):
            # Of 32 rows, say 24 name one option in this field, and 22 of those the right one. 22 is at least half of
            # all rows and 0.9 of the 24, so the field gives the answer away.
            single = [(row, options) for row in rows if len(options := _options_named(row, name)) == 1]
            right = sum(options == {row.answer_index} for row, options in single)
            if right >= max(FEWEST_ROWS, SHORTCUT_SHARE * len(rows), LEAK_PRECISION * len(single)):
                what = "names the right answer in most rows, and only that; leave it out"
                yield _at_rate(sample.task, f"fields.{name}", what, right / len(rows))


def _options_named(row: Row, field: str) -> set[int]:
    """The positions of the options that a field names, word by word."""
    value = row.fields[field]
    text = words(" ".join(value) if isinstance(value, list) else str(value))
    options = [words(option) for option in row.options]
    return {i for i, option in enumerate(options) if option.strip() and option in text}


def no_exemplar(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Tasks whose rows all ask the same: few-shot prompts have no other row to show."""
    for sample in samples:
        own = sample.task.card.exemplars is not None or sample.task.card.exemplars_from is not None
        if len(sample.rows) >= FEWEST_ROWS and not own and len({row.content for row in sample.rows}) == 1:
            what = f"{len(sample.rows)} rows read, all with the same fields: few-shot can show no exemplar"
            yield at_task(sample.task, "fields", what)


def no_usable_row(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Tasks of whose rows none is of use: a build would skip them."""
    for sample in samples:
        if sample.rows_read and not sample.rows:
            reasons = "; ".join(f"{count} rows: {reason}" for reason, count in sample.dropped.items())
            yield at_task(sample.task, "source", f"none of {sample.rows_read} rows is usable ({reasons})")


def unusable_rows(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Tasks of whose rows many are of no use for a reason other than the card's `where`."""
    for sample in samples:
        dropped = {reason: count for reason, count in sample.dropped.items() if reason != "where"}
        if dropped and sample.rows and sum(dropped.values()) >= MISFIT_SHARE * sample.rows_read:
            # The commonest reason; of equals the first in the alphabet, as the order of rows is no argument.
            reason = max(sorted(dropped), key=lambda reason: dropped[reason])
            what = f'many rows are of no use: "{reason}"; mend the card, or take them out with `where`'
            yield _at_rate(sample.task, "source", what, sum(dropped.values()) / sample.rows_read)


def _by_template(samples: Sequence[Sample]) -> Iterator[tuple[Family, Template, list[RenderedRow]]]:
    """What was rendered, by template, over all tasks of a family."""
    groups: Mapping[str, list[tuple[Family, RenderedRow]]] = defaultdict(list)
    for sample in samples:
        for one in sample.rendered:
            # A template that a family inherits is judged for each: the rows that fill it are different.
            groups[f"{sample.task.family.name} {one.template.id}"].append((sample.task.family, one))
    for group in groups.values():
        family, first = group[0]
        yield family, first.template, [one for _, one in group]


def _share(items: Sequence[object], holds: Callable[..., bool]) -> float:
    """Of how many of these it holds; 0 where they are too few to tell."""
    return sum(map(holds, items)) / len(items) if len(items) >= FEWEST_ROWS else 0.0


def _at_rate(task: Task, place: str, what: str, share: float) -> Finding:
    """A finding at a place of a task's card, with the share of rows that show it."""
    return at_task(task, place, what, case=f"{task.card.task} {share:.0%}")
