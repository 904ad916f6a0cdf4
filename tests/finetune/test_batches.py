from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.batches import Batches, PackSettings
from finetune.examples import Examples
from flancollect.draw import Ints
from flancollect.errors import UsageError
from tests.finetune.small import batch_of, examples

SETTINGS = PackSettings(
    inputs_only=False, capacity=40, target_capacity=40, max_input=20, max_target=10, before_input=(),
    batch_rows=2, micro_rows=1,
)  # fmt: skip


class Source:
    def __init__(self, count: int, seed: int = 0) -> None:
        lengths = np.random.default_rng(seed).integers(1, [[18, 9]], (count, 2)).tolist()
        self.all = examples([(a, b) for a, b in lengths])

    def examples(self, rows: Ints) -> Examples:
        return self.all.select(rows)


def batches(count: int = 100, settings: PackSettings = SETTINGS, *, shuffled: bool = True) -> Batches:
    windows = [np.arange(first, min(first + 30, count)) for first in range(0, count, 30)]
    return Batches(Source(count), [windows], settings, shuffled=shuffled)


def epoch_rows(source: Batches, epoch: int) -> list[list[int]]:
    number, rows = 0, []
    while source.epoch_of(number) <= epoch:
        if source.epoch_of(number) == epoch:
            rows.append(source.rows([number]).rows.tolist())
        number += 1
    return rows


@given(st.integers(1, 200), st.integers(0, 5))
def test_an_epoch_has_every_row_once(count: int, seed: int) -> None:
    source = batches(count, replace(SETTINGS, seed=seed))
    for epoch in (0, 1):
        assert sorted(row for rows in epoch_rows(source, epoch) for row in rows) == list(range(count))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    source = batches()
    assert epoch_rows(source, 0) != epoch_rows(source, 1)
    assert epoch_rows(source, 0) != epoch_rows(batches(settings=replace(SETTINGS, seed=1)), 0)


def test_a_batch_is_a_function_of_its_step() -> None:
    forward = batches()
    in_order = [forward.batch(step, 0).rows.tolist() for step in range(40)]
    for step in (39, 3, 20):
        assert batches().batch(step, 0).rows.tolist() == in_order[step]


@pytest.mark.parametrize(("ranks", "micro_rows"), [(1, 1), (1, 4), (2, 1), (2, 2), (4, 1)])
def test_ranks_and_micro_batches_share_the_same_step(ranks: int, micro_rows: int) -> None:
    settings = replace(SETTINGS, batch_rows=4, micro_rows=micro_rows, ranks=ranks)
    source, whole = (
        batches(settings=settings),
        batches(settings=replace(SETTINGS, batch_rows=4, micro_rows=4)),
    )
    for step in range(5):
        parts = [
            source.batch(step, micro, rank)
            for micro in range(settings.micro_batches)
            for rank in range(ranks)
        ]
        expected = whole.batch(step, 0)
        assert sorted(row for part in parts for row in part.rows.tolist()) == sorted(expected.rows.tolist())
        assert source.target_tokens(step) == len(expected.target_positions)


def test_a_batch_holds_inputs_then_targets_of_each_example() -> None:
    batch = batch_of([1, 3])
    whole = examples()
    assert batch.rows.tolist() == [3, 1]
    assert batch.ids.tolist() == [*whole.sequence(3).tolist(), *whole.sequence(1).tolist()]
    assert batch.positions.tolist() == [*range(40), *range(20)]
    assert batch.starts.tolist() == [0, 40, 60]
    assert batch.target_positions.tolist() == [*range(33, 40), *range(57, 60)]
    assert batch.target_lengths.tolist() == [7, 3]
    assert batch.target_examples.tolist() == [0] * 7 + [1] * 3


def test_without_shuffling_windows_come_as_they_are() -> None:
    firsts = [min(rows) for rows in epoch_rows(batches(90, shuffled=False), 0)]
    assert [first // 30 for first in firsts] == sorted(first // 30 for first in firsts)


def test_nothing_that_fits_is_an_error() -> None:
    source = batches(5, replace(SETTINGS, max_target=0))
    with pytest.raises(UsageError, match=r"no row can be trained on.*max_target_tokens \(0\)"):
        source.batch(0, 0)


def test_what_was_read_counts_every_window_once() -> None:
    source = batches(100, replace(SETTINGS, max_target=5, max_input=12))
    for step in range(60):
        source.batch(step, 0)
    reading, all_of_them = source.reading, Source(100).all
    assert reading.rows == 100
    fits = all_of_them.targets <= 5
    assert sum(map(len, reading.cut_rows)) == int((all_of_them.inputs[fits] > 12).sum())
    assert sum(len(rows) for parts in reading.dropped_rows.values() for rows in parts) == int((~fits).sum())
    assert reading.target_tokens == int(all_of_them.targets[fits].sum())
