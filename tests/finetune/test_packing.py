from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.packing import pack

LENGTHS = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), max_size=60)


def packed(lengths: list[tuple[int, int]], capacity: int = 60, target_capacity: int = 25) -> list[list[int]]:
    first, second = (np.array([pair[side] for pair in lengths], dtype=np.int64) for side in (0, 1))
    rows = pack(first, second, capacity=capacity, target_capacity=target_capacity)
    return [row.tolist() for row in rows]


@given(LENGTHS)
def test_every_example_is_in_one_row_and_no_row_holds_too_much(lengths: list[tuple[int, int]]) -> None:
    rows = packed(lengths)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    for row in rows:
        assert row
        assert sum(lengths[number][0] for number in row) <= 60
        assert sum(lengths[number][1] for number in row) <= 25


@given(LENGTHS)
def test_no_two_rows_would_fit_into_one_and_leave_another_to_spare(lengths: list[tuple[int, int]]) -> None:
    # Any packing in which most rows are half full is within twice the least possible number of rows.
    rows = packed(lengths)
    needed = max(sum(a for a, _ in lengths) / 60, sum(b for _, b in lengths) / 25)
    assert len(rows) <= 2 * needed + 3


def test_a_row_mixes_long_and_short_examples() -> None:
    rows = packed([(30, 1)] * 4 + [(10, 1)] * 12, capacity=60)
    assert [sorted(16 * (number < 4) for number in row).count(16) for row in rows] == [1, 1, 1, 1]


def test_many_short_examples_leave_no_more_than_a_row_unused() -> None:
    lengths = np.random.default_rng(0).integers(5, 400, 2000)
    rows = pack(lengths, np.ones_like(lengths), capacity=2048, target_capacity=2048)
    assert 1 - lengths.sum() / (len(rows) * 2048) < 0.01


def test_an_example_that_no_row_can_hold_is_an_error() -> None:
    with pytest.raises(ValueError, match="longer than a packed row of 60 and 25"):
        packed([(61, 1)])
