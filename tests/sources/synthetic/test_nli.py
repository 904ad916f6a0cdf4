"""Labels are checked against all models: every way in which eight regions of three kinds can be peopled."""

import re
from functools import lru_cache
from itertools import product

import pytest

from flancollect.sources.synthetic import nli
from tests.sources.synthetic.cells import rows_of

REGIONS = [
    frozenset(kind for kind, inside in zip("ABC", bits, strict=True) if inside)
    for bits in product((0, 1), repeat=3)
]
FORMS = [
    ("all", r"All (\w+)s are (?!not)(\w+)s\."),
    ("all", r"Every (\w+) is a (\w+)\."),
    ("no", r"No (\w+)s are (\w+)s\."),
    ("no", r"No (\w+) is a (\w+)\."),
    ("some_not", r"Some (\w+)s are not (\w+)s\."),
    ("some_not", r"At least one (\w+) is not a (\w+)\."),
    ("some", r"Some (\w+)s are (?!not)(\w+)s\."),
    ("some", r"At least one (\w+) is a (\w+)\."),
    ("not", r"[A-Z]\w+ is not a (\w+)\."),
    ("is", r"[A-Z]\w+ is a (\w+)\."),
]


@lru_cache
def models(all_kinds_have_members):
    """(peopled regions, region of the named member) of every possible world."""
    out = []
    for bits in product((0, 1), repeat=8):
        peopled = [region for region, bit in zip(REGIONS, bits, strict=True) if bit]
        if all_kinds_have_members and set().union(*peopled) != set("ABC"):
            continue
        out += [(peopled, member) for member in peopled]
    return out


def holds(statement, model):
    peopled, member = model
    quantifier, a, b = statement
    both = [region for region in peopled if a in region and b in region]
    only = [region for region in peopled if a in region and b not in region]
    return {
        "all": not only,
        "no": not both,
        "some": bool(both),
        "some_not": bool(only),
        "is": a in member,
        "not": a not in member,
    }[quantifier]


@lru_cache
def label(premises, hypothesis, all_kinds_have_members):
    worlds = [m for m in models(all_kinds_have_members) if all(holds(p, m) for p in premises)]
    values = {holds(hypothesis, world) for world in worlds}
    return {(True,): 0, (False,): 1, (False, True): 2}[tuple(sorted(values))]


def read(sentence, kinds):
    for quantifier, pattern in FORMS:
        if found := re.fullmatch(pattern, sentence):
            letters = ["ABC"[kinds.setdefault(noun, len(kinds))] for noun in found.groups()]
            return (quantifier, *letters, *letters)[:3]
    raise AssertionError(sentence)


@pytest.mark.parametrize("all_kinds_have_members", [False, True])
def test_labels_are_what_logic_says_with_and_without_empty_kinds(all_kinds_have_members):
    for _, row in rows_of("nli"):
        kinds = {}
        premises = tuple(
            read(sentence, kinds) for sentence in re.findall(r"[^.]+\.", row["premise"].replace(". ", "."))
        )
        hypothesis = read(row["hypothesis"], kinds)
        assert len(kinds) <= 3
        assert row["label"] == label(premises, hypothesis, all_kinds_have_members), row


def test_no_hypothesis_repeats_a_premise_and_all_names_are_one():
    for _, row in rows_of("nli"):
        assert row["hypothesis"] not in row["premise"]
        names = set(re.findall(r"[A-Z]\w+", row["premise"] + row["hypothesis"])) & set(nli.NAMES)
        assert len(names) <= 1
