"""Names: T0's rule, never twice, never too long."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards.card import NAME
from flancollect.importers.names import MAX_LENGTH, plain_name, unique_name


def test_runs_of_other_characters_become_one_underscore() -> None:
    assert plain_name("does the claim\u2026 follow, v1.1?") == "does_the_claim_follow_v1.1_"


@given(st.lists(st.text(), max_size=8))
def test_any_names_become_valid_and_different(texts: list[str]) -> None:
    names: list[str] = []
    for text in texts:
        names.append(unique_name(text, names))
    assert len({name.casefold() for name in names}) == len(names)
    assert all(re.fullmatch(NAME, name) for name in names)


def test_a_long_name_is_cut_and_still_different() -> None:
    first = unique_name("x" * 500, [])
    second = unique_name("x" * 500, [first])
    assert len(first.encode()) == len(second.encode()) == MAX_LENGTH
    assert first != second
