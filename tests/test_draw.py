"""Keyed draws: pinned, uniform enough, equal in both forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.draw import Draws, below, belows, draw, draws, key, keys, permutation, streams

KEYS = st.integers(0, 2**64 - 1)


def test_draws_are_pinned() -> None:
    """These numbers name rows of published mixtures: they never change."""
    assert key(0, "rte", "zs_opt", "rows") == 16276794524709880632
    assert [draw(0, row) for row in range(3)] == [
        16294208416658607535,
        7960286522194355700,
        487617019471545679,
    ]
    assert draw(0, 0) == 0xE220A8397B1DCDAF  # what the published SplitMix64 gives first for seed 0
    assert below(draw(0, 0), 10) == 8


@given(KEYS, st.lists(st.integers(0, 2**40), max_size=20))
def test_the_column_form_equals_the_single_one(k: int, rows: list[int]) -> None:
    assert draws(k, np.array(rows, dtype=np.int64)).tolist() == [draw(k, row) for row in rows]


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_names_do_not_run_together(a: list[str], b: list[str]) -> None:
    assert (key(*a) == key(*b)) == (a == b)


@given(KEYS, st.integers(0, 200))
def test_a_permutation_has_every_row_once(k: int, n: int) -> None:
    assert sorted(permutation(k, n).tolist()) == list(range(n))


@given(KEYS, st.integers(1, 1000))
def test_below_stays_below(number: int, n: int) -> None:
    assert 0 <= below(number, n) < n


def test_streams_are_uniform_and_start_over_with_their_names() -> None:
    stream = Draws("test", 1)
    counts = np.bincount([stream.below(10) for _ in range(20_000)], minlength=10)
    assert abs(counts - 2000).max() < 200
    assert Draws("test", 1).shuffled(range(9)) == Draws("test", 1).shuffled(range(9))
    assert Draws("test", 1).shuffled(range(9)) != Draws("test", 2).shuffled(range(9))
    assert sorted(Draws("x").sample("abcdef", 6)) == list("abcdef")
    with pytest.raises(ValueError, match="cannot draw 3 of 2"):
        Draws("x").sample("ab", 3)


@given(st.lists(KEYS, min_size=1, max_size=5), st.integers(1, 2**32 - 1))
def test_many_numbers_are_mapped_as_one_by_one(numbers: list[int], n: int) -> None:
    assert belows(np.array(numbers, dtype=np.uint64), n).tolist() == [below(number, n) for number in numbers]


@given(st.lists(st.text(), max_size=3), st.lists(st.one_of(st.text(), st.integers()), max_size=4))
def test_keys_that_share_their_first_names_are_the_keys_of_all_names(
    shared: list[str], last: list[str | int]
) -> None:
    assert keys(shared, last) == [key(*shared, name) for name in last]


def test_many_streams_are_the_streams_of_their_names() -> None:
    for row, numbers in enumerate(streams(keys(("a", 1), range(3)), 4)):
        stream = Draws("a", 1, row)
        assert belows(numbers, 1000).tolist() == [stream.below(1000) for _ in range(4)]
