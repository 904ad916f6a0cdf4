"""Examples as tokens: what lies in the token cache, and what of it a run trains on.

An example is its input followed by its target, both with the marks that the model wants. Examples lie end to end
in one array, so that a batch is made by slicing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from flancollect.draw import Ints

Tokens: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]

TARGET_TOO_LONG = "target longer than max_target_tokens"
NO_INPUT = "no token in the input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Examples of some rows of a build: example i is tokens[starts[i] : starts[i] + inputs[i] + targets[i]].

    `inputs` and `targets` are lengths in tokens, `rows` the row numbers in the build.
    """

    rows: Ints
    tokens: Tokens
    starts: Ints
    inputs: Ints
    targets: Ints

    @classmethod
    def end_to_end(cls, *, rows: Ints, tokens: Tokens, inputs: Ints, targets: Ints) -> Examples:
        """Examples that lie in `tokens` one behind the other, from its beginning."""
        lengths = inputs + targets
        starts = np.cumsum(lengths) - lengths
        return cls(rows=rows, tokens=tokens, starts=starts, inputs=inputs, targets=targets)

    def __len__(self) -> int:
        return len(self.rows)

    def sequence(self, number: int) -> Tokens:
        """Input and target of one example."""
        start = self.starts[number]
        return self.tokens[start : start + self.inputs[number] + self.targets[number]]

    def select(self, numbers: Ints) -> Examples:
        """Some of the examples, in the order of `numbers`; the tokens stay where they are."""
        return Examples(
            rows=self.rows[numbers],
            tokens=self.tokens,
            starts=self.starts[numbers],
            inputs=self.inputs[numbers],
            targets=self.targets[numbers],
        )


def joined(parts: Sequence[Examples]) -> Examples:
    """Several sets of examples as one, in their order, with the tokens of no others."""
    return Examples.end_to_end(
        rows=np.concatenate([part.rows for part in parts]),
        tokens=np.concatenate([_own_tokens(part) for part in parts]),
        inputs=np.concatenate([part.inputs for part in parts]),
        targets=np.concatenate([part.targets for part in parts]),
    )


def _own_tokens(examples: Examples) -> Tokens:
    """The tokens of these examples alone, end to end in their order."""
    # Examples at [7, 2] of lengths [3, 2]: places [7, 8, 9, 2, 3], which are their starts, each repeated, plus
    # [0, 1, 2, 0, 1].
    lengths = examples.inputs + examples.targets
    ends = np.cumsum(lengths)
    places = np.repeat(examples.starts - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
    return examples.tokens[places]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What limits leave: the examples, those among them whose input was cut, and by reason the rows that fall away."""

    examples: Examples
    cut_rows: Ints
    dropped_rows: dict[str, Ints]


def fit(examples: Examples, *, max_input: int, max_target: int, before_input: Sequence[int]) -> Fitted:
    """Cut inputs that are longer than `max_input` tokens, and drop examples whose target is over `max_target`.

    An input loses tokens behind `before_input`, the marks that it begins with: the question and the cue for the
    answer stand at its end. A target is never cut, as what would be learnt is to stop in the middle.
    """
    too_long_target, empty = examples.targets > max_target, examples.inputs == 0
    # Without a token before it, the first of a target would be predicted from the example in front.
    dropped_rows = {
        TARGET_TOO_LONG: examples.rows[too_long_target],
        NO_INPUT: examples.rows[empty & ~too_long_target],
    }
    examples = examples.select(np.flatnonzero(~(too_long_target | empty)))
    too_long = np.flatnonzero(examples.inputs > max_input)
    if not len(too_long):
        return Fitted(examples=examples, cut_rows=examples.rows[:0], dropped_rows=dropped_rows)
    starts, inputs = examples.starts.copy(), examples.inputs.copy()
    pieces, end = [examples.tokens], len(examples.tokens)
    for number in too_long.tolist():
        sequence = examples.sequence(number)
        mark = np.array(before_input, dtype=examples.tokens.dtype)
        rest = sequence[examples.inputs[number] - (max_input - len(mark)) :]
        pieces += [mark, rest]
        starts[number], inputs[number] = end, max_input
        end += len(mark) + len(rest)
    cut = Examples(
        rows=examples.rows,
        tokens=np.concatenate(pieces),
        starts=starts,
        inputs=inputs,
        targets=examples.targets,
    )
    return Fitted(examples=cut, cut_rows=examples.rows[too_long], dropped_rows=dropped_rows)
