"""Lints of wordings as written: said twice, too few, giving the answer away, or lost on a tokenizer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from flancollect.cards.entries import Catalog
from flancollect.cards.family import FamilySpec, Wording
from flancollect.errors import CardError
from flancollect.jinja.expression import compile_template
from flancollect.lint.finding import Finding, at_family, at_wording, own_wordings, prompt_variables
from flancollect.lint.flan_inversions import TURNED_AROUND
from flancollect.lint.text import likeness, literal, same_text, tokens, untidy, words
from flancollect.render.examples import PLAIN_OPTIONS, example_row, render_example
from flancollect.render.zero_shot import join_zero_shot

ALIKE = 0.85
"""Likeness from which two wordings of a family count as one: they differ in a word or two of a dozen."""
FEWEST_WORDINGS = 10
"""How many forward wordings Flan gives every task."""
FEWEST_WORDS = 3
"""Wordings with fewer words of their own differ in order and punctuation, which likeness does not see."""
LOST = re.compile(r"[{}<\t]+")
"""What T5's vocabulary lacks: `{`, `}` and `<` become the unknown token, a tab becomes a space."""

_SAYS_ANSWER = re.compile(r"\{\{-?\s*answer\b")

Named = tuple[FamilySpec, Wording]


def duplicate_wording(catalog: Catalog) -> Iterator[Finding]:
    """Two wordings of a family that put the same prompt."""
    for group in _alike_prompts(catalog.families, across=False):
        (family, first), *others = group
        for _, wording in others:
            if wording.held_out == first.held_out:
                yield at_wording(
                    family, wording, f"says what {first.direction}.{first.name} says; reword or drop one"
                )


def repeated_wording(catalog: Catalog) -> Iterator[Finding]:
    """Families with equal needs that put the same prompt: they could be one, or one extend the other."""
    for group in _alike_prompts(catalog.families, across=True):
        (first_family, first), *others = group
        for family, wording in others:
            if family is not first_family and wording.held_out == first.held_out:
                what = f"says what {first.id} says to the same needs; reword one, or use `extends`"
                yield at_wording(family, wording, what, first_family)


def held_out_trained(catalog: Catalog) -> Iterator[Finding]:
    """Held-out wordings that a trained wording repeats: what they measure is not held out."""
    for group in _alike_prompts(catalog.families, across=True):
        trained = [w.id for _, w in group if not w.held_out]
        for family, wording in group:
            if wording.held_out and trained:
                yield at_wording(family, wording, f"held out, but trained as {trained[0]}; reword one")


def _alike_prompts(families: Mapping[str, FamilySpec], across: bool) -> Iterator[list[Named]]:
    """Wordings that put the same prompt to the same needs, in one family or across all."""
    groups: dict[object, list[Named]] = defaultdict(list)
    for family in families.values():
        needs = (family.options, *sorted(family.needs.items()))
        for wording in own_wordings(family):
            prompt = same_text(f"{wording.intro or ''}\n\n{wording.input}")
            if across and not literal(prompt).strip():
                continue  # the filled places alone: there is nothing that could be worded otherwise
            groups[needs if across else family.name, wording.direction, prompt].append((family, wording))
    return (group for group in groups.values() if len(group) > 1)


def near_duplicate_wording(catalog: Catalog) -> Iterator[Finding]:
    """Two wordings of a family with nearly the same words: they add rows, but hardly variety."""
    for family in catalog.families.values():
        prompts = [(w, f"{w.intro or ''}\n\n{w.input}") for w in own_wordings(family)]
        prompts = [
            (w, prompt) for w, prompt in prompts if len(words(literal(prompt)).split()) >= FEWEST_WORDS
        ]
        known = [(w, same_text(prompt), tokens(prompt), tokens(w.target)) for w, prompt in prompts]
        for (one, text, held, target), (other, text2, held2, target2) in combinations(known, 2):
            if one.direction != other.direction or text == text2 or target != target2:
                continue
            if likeness(held, held2) >= ALIKE:
                what = f"nearly the words of {one.direction}.{one.name}; reword one"
                yield at_wording(family, other, what)


def answer_in_prompt(catalog: Catalog) -> Iterator[Finding]:
    """Forward wordings whose prompt says the answer that their target is to give."""
    for family in catalog.families.values():
        for wording in own_wordings(family):
            prompt = f"{wording.intro or ''} {wording.input}"
            if (
                wording.direction == "forward"
                and _SAYS_ANSWER.search(prompt)
                and _SAYS_ANSWER.search(wording.target)
            ):
                what = "the prompt shows {{ answer }}, and the target is to give it; take it out of one"
                yield at_wording(family, wording, what)


def unused_need(catalog: Catalog) -> Iterator[Finding]:
    """Needs that every card must give and no wording shows."""
    for family in catalog.families.values():
        shown = {name for w in family.wordings for name in prompt_variables(w)}
        shown |= {name for w in family.wordings for name in compile_template(w.target).variables}
        for name in family.needs:
            if name not in shown:
                what = f"needs.{name}: no wording shows it; take it out of `needs` and of the cards' `fields`"
                yield at_family(family, what)


def few_wordings(catalog: Catalog) -> Iterator[Finding]:
    """Families with fewer forward wordings than Flan has.

    Families of one task per wording do not count, nor those of tasks that are never trained on.
    """
    varied = {
        task.family.name
        for task in catalog.tasks.values()
        if task.card.templates is None and "train" in task.card.splits
    }
    for name in sorted(varied):
        family = catalog.families[name]
        count = sum(w.direction == "forward" for w in family.wordings)
        if count < FEWEST_WORDINGS:
            yield at_family(family, f"{count} forward wordings; write {FEWEST_WORDINGS} or more")


def no_inversion(catalog: Catalog) -> Iterator[Finding]:
    """Families without inverted wordings whose tasks Flan turns around."""
    for task in catalog.tasks.values():
        family = task.family
        if task.card.task in TURNED_AROUND and not any(w.direction == "inverted" for w in family.wordings):
            what = "Flan turns tasks of this family around; write `inverted` wordings"
            yield at_family(family, what, case=task.card.task)


def lost_characters(catalog: Catalog) -> Iterator[Finding]:
    """Wordings with characters of their own that T5 cannot read."""
    for family in catalog.families.values():
        for wording in own_wordings(family):
            found = {c for part in _parts(wording) for run in LOST.findall(literal(part)) for c in run}
            if found:
                yield at_wording(family, wording, said_of_lost(found))


def said_of_lost(found: set[str]) -> str:
    """What to say of characters that T5 cannot read."""
    return f"T5 cannot read {' '.join(sorted(map(repr, found)))}; say it with other characters"


def line_breaks(catalog: Catalog) -> Iterator[Finding]:
    """Families whose wordings break lines, which T5 reads as spaces; other models see them."""
    for family in catalog.families.values():
        for wording in own_wordings(family):
            if any("\n" in part.strip() for part in _parts(wording)):
                what = "wordings break lines, which T5 reads as spaces: they must read well on one line, too"
                yield at_family(family, what, case=wording.name)


def _parts(wording: Wording) -> tuple[str, str, str]:
    return wording.intro or "", wording.input, wording.target


def untidy_example(catalog: Catalog) -> Iterator[Finding]:
    """Wordings that leave stray spaces or doubled punctuation when filled with the family's example."""
    for family in catalog.families.values():
        if not family.example:
            continue
        row = example_row(family)
        filled_in = [*map(str, row.fields.values()), row.answer, *row.options]
        for wording in own_wordings(family):
            for kind, place in _untidy_texts(family, wording, filled_in):
                yield at_wording(family, wording, f'{kind} when it is filled in, as in "{place}"')


def _untidy_texts(family: FamilySpec, wording: Wording, filled_in: list[str]) -> Iterator[tuple[str, str]]:
    """Untidiness with and without a list of options; a wording that fails is another check's matter."""
    for style in (PLAIN_OPTIONS, None) if wording.shows_options else (None,):
        try:
            example = render_example(family, wording, style)
        except CardError:
            return
        found = [*untidy(join_zero_shot(example), filled_in), *untidy(example.target, filled_in)]
        if found:
            yield from found
            return
