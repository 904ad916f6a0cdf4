from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from finetune.attention import SIMILAR, Layout, groups_of

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=25)


@given(LENGTHS)
def test_groups_hold_every_example_once_and_lengths_that_are_near(lengths: list[int]) -> None:
    groups = groups_of(np.array(lengths))
    assert sorted(number for group in groups for number in group.tolist()) == list(range(len(lengths)))
    for group in groups:
        assert min(lengths[n] for n in group) >= SIMILAR * max(lengths[n] for n in group)


@given(LENGTHS)
def test_what_is_split_comes_back_joined(lengths: list[int]) -> None:
    numbers = np.array(lengths)
    layout = Layout.of(numbers, groups_of(numbers))
    flat = torch.randn(int(numbers.sum()), 2, 3, dtype=torch.float64, requires_grad=True)
    parts = layout.split(flat)
    assert torch.equal(layout.join(parts), flat)
    for part, group in zip(parts, groups_of(numbers), strict=True):
        for place, number in enumerate(group.tolist()):
            start = int(numbers[:number].sum())
            own = part[place].transpose(0, 1)[: lengths[number]]
            assert torch.equal(own, flat[start : start + lengths[number]])
            assert not part[place].transpose(0, 1)[lengths[number] :].any()


def test_gradients_go_through_both_ways() -> None:
    numbers = np.array([3, 1, 2])
    layout = Layout.of(numbers, groups_of(numbers))
    flat = torch.randn(6, 1, 2, dtype=torch.float64, requires_grad=True)

    def square(x: torch.Tensor) -> torch.Tensor:
        return layout.join([part**2 for part in layout.split(x)])

    assert torch.autograd.gradcheck(square, flat)
