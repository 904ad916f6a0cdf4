from __future__ import annotations

import numpy as np

from finetune.examples import NO_INPUT, TARGET_TOO_LONG, fit, joined
from tests.finetune.small import examples


def test_a_long_input_keeps_its_marks_and_its_end() -> None:
    whole = examples([(10, 2), (4, 2)])
    fitted = fit(whole, max_input=6, max_target=5, before_input=(1,))
    assert fitted.examples.inputs.tolist() == [6, 4]
    assert fitted.examples.sequence(0).tolist() == [1, *whole.sequence(0)[5:].tolist()]
    assert fitted.examples.sequence(1).tolist() == whole.sequence(1).tolist()
    assert fitted.cut_rows.tolist() == [0]


def test_a_long_target_is_dropped_with_its_row_and_reason() -> None:
    fitted = fit(examples([(3, 2), (3, 9), (0, 2)]), max_input=6, max_target=5, before_input=())
    assert fitted.examples.rows.tolist() == [0]
    assert {reason: rows.tolist() for reason, rows in fitted.dropped_rows.items()} == {
        TARGET_TOO_LONG: [1],
        NO_INPUT: [2],
    }


def test_joined_examples_are_those_of_the_parts() -> None:
    whole = examples()
    parts = [whole.select(np.array([4, 0])), whole.select(np.array([2]))]
    both = joined(parts)
    assert both.rows.tolist() == [4, 0, 2]
    assert len(both.tokens) == int((both.inputs + both.targets).sum())  # and no others
    assert [both.sequence(n).tolist() for n in range(3)] == [whole.sequence(n).tolist() for n in (4, 0, 2)]
