"""Lints of templates as written: said twice, too few, giving the answer away, or lost on a tokenizer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from flancollect.cards.entries import Catalog
from flancollect.cards.family import Family, Template
from flancollect.errors import CardError
from flancollect.jinja.expression import compile_template
from flancollect.lint.finding import Finding, at_family, at_template, own_templates, prompt_variables
from flancollect.lint.flan_inversions import TURNED_AROUND
from flancollect.lint.text import likeness, literal, same_text, tokens, untidy, words
from flancollect.render.examples import PLAIN_OPTIONS, example_row, render_example
from flancollect.render.zero_shot import join_zero_shot

ALIKE = 0.85
"""Likeness from which two templates of a family count as one: they differ in a word or two of a dozen."""
FEWEST_TEMPLATES = 10
"""How many forward templates Flan gives every task."""
FEWEST_WORDS = 3
"""Templates with fewer words of their own differ in order and punctuation, which likeness does not see."""
LOST = re.compile(r"[{}<\t]+")
"""What T5's vocabulary lacks: `{`, `}` and `<` become the unknown token, a tab becomes a space."""

_SAYS_ANSWER = re.compile(r"\{\{-?\s*answer\b")

Named = tuple[Family, Template]


def duplicate_template(catalog: Catalog) -> Iterator[Finding]:
    """Two templates of a family that put the same prompt."""
    for group in _alike_prompts(catalog.families, across=False):
        (family, first), *others = group
        for _, template in others:
            if template.hold_out == first.hold_out:
                yield at_template(
                    family, template, f"says what {first.direction}.{first.name} says; reword or drop one"
                )


def repeated_template(catalog: Catalog) -> Iterator[Finding]:
    """Families with equal needs that put the same prompt: they could be one, or one extend the other."""
    for group in _alike_prompts(catalog.families, across=True):
        (first_family, first), *others = group
        for family, template in others:
            if family is not first_family and template.hold_out == first.hold_out:
                what = f"says what {first.id} says to the same needs; reword one, or use `extends`"
                yield at_template(family, template, what, first_family)


def hold_out_trained(catalog: Catalog) -> Iterator[Finding]:
    """Held-out templates that a trained template repeats: what they measure is not held out."""
    for group in _alike_prompts(catalog.families, across=True):
        trained = [w.id for _, w in group if not w.hold_out]
        for family, template in group:
            if template.hold_out and trained:
                yield at_template(family, template, f"held out, but trained as {trained[0]}; reword one")


def _alike_prompts(families: Mapping[str, Family], across: bool) -> Iterator[list[Named]]:
    """Templates that put the same prompt to the same needs, in one family or across all."""
    groups: dict[object, list[Named]] = defaultdict(list)
    for family in families.values():
        needs = (family.options, *sorted(family.needs.items()))
        for template in own_templates(family):
            prompt = same_text(f"{template.intro or ''}\n\n{template.input}")
            if across and not literal(prompt).strip():
                continue  # the filled places alone: there is nothing that could be worded otherwise
            groups[needs if across else family.name, template.direction, prompt].append((family, template))
    return (group for group in groups.values() if len(group) > 1)


def near_duplicate_template(catalog: Catalog) -> Iterator[Finding]:
    """Two templates of a family with nearly the same words: they add rows, but hardly variety."""
    for family in catalog.families.values():
        prompts = [(w, f"{w.intro or ''}\n\n{w.input}") for w in own_templates(family)]
        prompts = [
            (w, prompt) for w, prompt in prompts if len(words(literal(prompt)).split()) >= FEWEST_WORDS
        ]
        known = [(w, same_text(prompt), tokens(prompt), tokens(w.target)) for w, prompt in prompts]
        for (one, text, held, target), (other, text2, held2, target2) in combinations(known, 2):
            if one.direction != other.direction or text == text2 or target != target2:
                continue
            if likeness(held, held2) >= ALIKE:
                what = f"nearly the words of {one.direction}.{one.name}; reword one"
                yield at_template(family, other, what)


def answer_in_prompt(catalog: Catalog) -> Iterator[Finding]:
    """Forward templates whose prompt says the answer that their target is to give."""
    for family in catalog.families.values():
        for template in own_templates(family):
            prompt = f"{template.intro or ''} {template.input}"
            if (
                template.direction == "forward"
                and _SAYS_ANSWER.search(prompt)
                and _SAYS_ANSWER.search(template.target)
            ):
                what = "the prompt shows {{ answer }}, and the target is to give it; take it out of one"
                yield at_template(family, template, what)


def unused_need(catalog: Catalog) -> Iterator[Finding]:
    """Needs that every card must give and no template shows."""
    for family in catalog.families.values():
        shown = {name for w in family.templates for name in prompt_variables(w)}
        shown |= {name for w in family.templates for name in compile_template(w.target).variables}
        for name in family.needs:
            if name not in shown:
                what = (
                    f"needs.{name}: no template shows it; take it out of `needs` and of the cards' `fields`"
                )
                yield at_family(family, what)


def few_templates(catalog: Catalog) -> Iterator[Finding]:
    """Families with fewer forward templates than Flan has.

    Families of one task per template do not count, nor those of tasks that are never trained on.
    """
    varied = {
        task.family.name
        for task in catalog.tasks.values()
        if task.card.templates is None and "train" in task.card.splits
    }
    for name in sorted(varied):
        family = catalog.families[name]
        count = sum(w.direction == "forward" for w in family.templates)
        if count < FEWEST_TEMPLATES:
            yield at_family(family, f"{count} forward templates; write {FEWEST_TEMPLATES} or more")


def no_inversion(catalog: Catalog) -> Iterator[Finding]:
    """Families without inverted templates whose tasks Flan turns around."""
    for task in catalog.tasks.values():
        family = task.family
        if task.card.task in TURNED_AROUND and not any(w.direction == "inverted" for w in family.templates):
            what = "Flan turns tasks of this family around; write `inverted` templates"
            yield at_family(family, what, case=task.card.task)


def lost_characters(catalog: Catalog) -> Iterator[Finding]:
    """Templates with characters of their own that T5 cannot read."""
    for family in catalog.families.values():
        for template in own_templates(family):
            found = {c for part in _parts(template) for run in LOST.findall(literal(part)) for c in run}
            if found:
                yield at_template(family, template, said_of_lost(found))


def said_of_lost(found: set[str]) -> str:
    """What to say of characters that T5 cannot read."""
    return f"T5 cannot read {' '.join(sorted(map(repr, found)))}; say it with other characters"


def line_breaks(catalog: Catalog) -> Iterator[Finding]:
    """Families whose templates break lines, which T5 reads as spaces; other models see them."""
    for family in catalog.families.values():
        for template in own_templates(family):
            if any("\n" in part.strip() for part in _parts(template)):
                what = "templates break lines, which T5 reads as spaces: they must read well on one line, too"
                yield at_family(family, what, case=template.name)


def _parts(template: Template) -> tuple[str, str, str]:
    return template.intro or "", template.input, template.target


def untidy_example(catalog: Catalog) -> Iterator[Finding]:
    """Templates that leave stray spaces or doubled punctuation when filled with the family's example."""
    for family in catalog.families.values():
        if not family.example:
            continue
        row = example_row(family)
        filled_in = [*map(str, row.fields.values()), row.answer, *row.options]
        for template in own_templates(family):
            for kind, place in _untidy_texts(family, template, filled_in):
                yield at_template(family, template, f'{kind} when it is filled in, as in "{place}"')


def _untidy_texts(family: Family, template: Template, filled_in: list[str]) -> Iterator[tuple[str, str]]:
    """Untidiness with and without a list of options; a template that fails is another check's matter."""
    for style in (PLAIN_OPTIONS, None) if template.shows_options else (None,):
        try:
            example = render_example(family, template, style)
        except CardError:
            return
        found = [*untidy(join_zero_shot(example), filled_in), *untidy(example.target, filled_in)]
        if found:
            yield from found
            return
