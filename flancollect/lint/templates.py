"""Lints of templates as written: said twice, too few, giving the answer away, or lost on a tokenizer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from flancollect.cards.entries import Catalog
from flancollect.cards.family import Family, Template
from flancollect.errors import CardError
from flancollect.lint.finding import Finding, at_family, at_template, own_templates, template_variables
from flancollect.lint.flan_inversions import INVERTED_IN_FLAN
from flancollect.lint.text import likeness, literal, same_text, tokens, untidy, words
from flancollect.render.examples import PLAIN_OPTIONS, example_row, render_example
from flancollect.render.zero_shot import join_zero_shot

NEAR_DUPLICATE = 0.85
"""Likeness from which two templates of a family count as one: they differ in a word or two of a dozen."""
FEWEST_TEMPLATES = 10
"""How many forward templates Flan gives every task."""
FEWEST_WORDS = 3
"""Templates with fewer words of their own differ in order and punctuation, which likeness does not see."""
LOST = re.compile(r"[{}<\t]+")
"""What T5's vocabulary lacks: `{`, `}` and `<` become the unknown token, a tab becomes a space."""

_SAYS_ANSWER = re.compile(r"\{\{-?\s*answer\b")

FamilyTemplate = tuple[Family, Template]


def duplicate_template(catalog: Catalog) -> Iterator[Finding]:
    """Two templates of a family that put the same prompt."""
    for group in _equal_prompts(catalog.families, across=False):
        (family, first), *others = group
        for _, template in others:
            if template.hold_out == first.hold_out:
                what = f"says what {first.direction}.{first.name} says; reword or drop one"
                yield at_template(family, template, what)


def repeated_template(catalog: Catalog) -> Iterator[Finding]:
    """Families with equal needs that put the same prompt: they could be one, or one extend the other."""
    for group in _equal_prompts(catalog.families, across=True):
        (first_family, first), *others = group
        for family, template in others:
            if family is not first_family and template.hold_out == first.hold_out:
                what = f"says what {first.id} says to the same needs; reword one, or use `extends`"
                yield at_template(family, template, what, first_family)


def hold_out_trained(catalog: Catalog) -> Iterator[Finding]:
    """Held-out templates that a trained template repeats: what they measure is not held out."""
    for group in _equal_prompts(catalog.families, across=True):
        trained = [template.id for _, template in group if not template.hold_out]
        # Across families: a held-out template that another family trains on is no less known to the model.
        for family, template in group:
            if template.hold_out and trained:
                yield at_template(family, template, f"held out, but trained as {trained[0]}; reword one")


def _equal_prompts(families: Mapping[str, Family], across: bool) -> Iterator[list[FamilyTemplate]]:
    """Templates that put the same prompt to the same needs, in one family or across all."""
    groups: dict[object, list[FamilyTemplate]] = defaultdict(list)
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
        entries = []
        for template in own_templates(family):
            prompt = f"{template.intro or ''}\n\n{template.input}"
            if len(words(literal(prompt)).split()) >= FEWEST_WORDS:
                # Templates are compared only where direction and target are equal: another target is another task.
                key = (template.direction, tokens(template.target))
                entries.append((template, key, same_text(prompt), tokens(prompt)))
        for (one, key, text, words1), (other, other_key, other_text, words2) in combinations(entries, 2):
            # Equal texts are `duplicate_template`'s matter.
            if key == other_key and text != other_text and likeness(words1, words2) >= NEAR_DUPLICATE:
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
        used = {name for template in family.templates for name in template_variables(template)}
        for name in family.needs:
            if name not in used:
                what = (
                    f"needs.{name}: no template shows it; take it out of `needs` and of the cards' `fields`"
                )
                yield at_family(family, what)


def few_templates(catalog: Catalog) -> Iterator[Finding]:
    """Families with fewer forward templates than Flan has.

    Families of one task per template do not count, nor those of tasks that are never trained on.
    """
    # What nothing is trained on, as families of benchmarks, needs no variety.
    names = {
        task.family.name
        for task in catalog.tasks.values()
        if task.card.templates is None and "train" in task.card.splits
    }
    for name in sorted(names):
        family = catalog.families[name]
        count = sum(template.direction == "forward" for template in family.templates)
        if count < FEWEST_TEMPLATES:
            yield at_family(family, f"{count} forward templates; write {FEWEST_TEMPLATES} or more")


def no_inversion(catalog: Catalog) -> Iterator[Finding]:
    """Families without inverted templates whose tasks Flan turns around."""
    for task in catalog.tasks.values():
        family = task.family
        inverted = any(template.direction == "inverted" for template in family.templates)
        if task.card.task in INVERTED_IN_FLAN and not inverted:
            what = "Flan turns tasks of this family around; write `inverted` templates"
            yield at_family(family, what, case=task.card.task)


def lost_characters(catalog: Catalog) -> Iterator[Finding]:
    """Templates with characters of their own that T5 cannot read."""
    for family in catalog.families.values():
        for template in own_templates(family):
            texts = [literal(part) for part in _parts(template)]
            lost = {character for text in texts for run in LOST.findall(text) for character in run}
            if lost:
                yield at_template(family, template, lost_characters_message(lost))


def lost_characters_message(characters: set[str]) -> str:
    """What to say of characters that T5 cannot read."""
    return f"T5 cannot read {' '.join(sorted(map(repr, characters)))}; say it with other characters"


def line_breaks(catalog: Catalog) -> Iterator[Finding]:
    """Families whose templates break lines, which T5 reads as spaces; other models see them."""
    for family in catalog.families.values():
        for template in own_templates(family):
            # One at an edge breaks no line: YAML's `|` ends every text in one.
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
        # Untidiness that the example itself brings is not the template's.
        filled_in = [*map(str, row.fields.values()), row.answer, *row.options]
        for template in own_templates(family):
            for kind, place in _untidy_texts(family, template, filled_in):
                yield at_template(family, template, f'{kind} when it is filled in, as in "{place}"')


def _untidy_texts(family: Family, template: Template, filled_in: list[str]) -> Iterator[tuple[str, str]]:
    """Untidiness with a list of options, or, where that is tidy, without one."""
    for style in (PLAIN_OPTIONS, None) if template.shows_options else (None,):
        try:
            example = render_example(family, template, style)
        except CardError:
            return  # a template that fails is another check's matter
        untidiness = [*untidy(join_zero_shot(example), filled_in), *untidy(example.target, filled_in)]
        if untidiness:
            yield from untidiness
            return
