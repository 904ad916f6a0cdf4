"""Globs over task names."""

from __future__ import annotations

import pytest

from flancollect.cards.select import matches


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (["a*"], ["ab", "abc"]),
        (["a*", "!abc"], ["ab"]),
        (["!abc"], ["ab", "b", "xyz"]),
        (["a*", "!ab*", "abc"], ["abc"]),
        (["b", "xyz"], ["b", "xyz"]),
        (["a.c"], []),
        (["[ab]"], ["b"]),
    ],
)
def test_globs_choose_in_order(globs: list[str], names: list[str]) -> None:
    assert [name for name in ("ab", "abc", "b", "xyz") if matches(name, globs)] == names
