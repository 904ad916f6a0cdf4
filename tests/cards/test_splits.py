"""Split slices mean what datasets means by them."""

from __future__ import annotations

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards.splits import parse_split

BOUNDS = st.tuples(*[st.one_of(st.none(), st.integers(-100, 100))] * 2)


@given(bounds=BOUNDS, unit=st.sampled_from(["", "%"]), rows=st.integers(0, 25))
def test_slices_pick_the_rows_that_datasets_picks(
    bounds: tuple[int | None, int | None], unit: str, rows: int
) -> None:
    start, stop = ("" if bound is None else f"{bound}{unit}" for bound in bounds)
    text = f"train[{start}:{stop}]"
    low, high = parse_split(text).bounds(rows)
    try:
        instruction = datasets.ReadInstruction.from_spec(text).to_absolute({"train": rows})[0]
        expected = list(range(rows))[instruction.from_ : instruction.to]
    except (AssertionError, ValueError):
        return  # datasets refuses bounds beyond the split; slices of a list are kinder
    assert list(range(low, high)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "train[", "train[1]", "train[a:b]", "train[1:2:3]", "train[1:90%]", "train + test", "../train"],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a split|mixes"):
        parse_split(text)


def test_a_slice_that_ends_before_it_starts_is_empty() -> None:
    assert parse_split("train[5:2]").bounds(10) == (5, 5)
