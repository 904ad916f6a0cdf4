"""Batches: a pure function of (seed, step, micro-batch, rank), past the end of any epoch.

The rows of a build are read in windows of 2,000. The examples of a window are packed into rows, and an epoch is all
windows' packed rows, in an order of its own. Step s takes the packed rows [s * n, (s + 1) * n): so whoever knows the
step knows the batch, and nothing of the data need be saved to go on.

Only the windows up to the step are looked at, so tokens are made no further ahead than the run reads.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from finetune.examples import Examples, fit, joined
from finetune.packing import pack
from flancollect.draw import Ints, key, permutation
from flancollect.errors import UsageError

CACHED_WINDOWS = 8  # packed windows in memory: a step reads one, or two where a window ends within it


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Examples end to end, in arrays of int64; E examples, N tokens, M of them targets.

    Encoder-decoders and decoder-only models read the same: the first take what is no target for the encoder.
    Examples stand in the order of their lengths, the longest first.
    """

    ids: Ints  # [N] tokens, each example its input, then its target
    positions: Ints  # [N] place in the example, from 0
    starts: Ints  # [E + 1] where each example begins; the last is N
    target_positions: Ints  # [M] places in `ids` of the tokens to be learnt, in order
    rows: Ints  # [E] row numbers in the build

    @property
    def lengths(self) -> Ints:
        """[E] tokens of each example."""
        return np.diff(self.starts)

    @property
    def target_lengths(self) -> Ints:
        """[E] target tokens of each example."""
        # Examples [0, 5) and [5, 9) with targets at [3, 4, 8]: searchsorted of the starts [0, 5, 9] is [0, 2, 3].
        return np.diff(np.searchsorted(self.target_positions, self.starts))

    @property
    def is_target(self) -> npt.NDArray[np.bool_]:
        """[N] whether a token is to be learnt."""
        out = np.zeros(len(self.ids), dtype=bool)
        out[self.target_positions] = True
        return out

    @property
    def labels(self) -> Ints:
        """[M] the target tokens."""
        return self.ids[self.target_positions]

    def decoder_ids(self, start_token: int) -> Ints:
        """[M] what a decoder reads to write the targets: each moved by one, behind the start token."""
        # Targets [a b e | c e] are read as [start a b | start c].
        labels, lengths = self.labels, self.target_lengths
        ids = np.concatenate([[start_token], labels[:-1]])
        ids[np.cumsum(lengths) - lengths] = start_token
        return ids

    @property
    def target_examples(self) -> Ints:
        """[M] which example each target token is of."""
        return np.repeat(np.arange(len(self.rows)), self.target_lengths)


def as_batch(examples: Examples, numbers: Ints) -> Batch:
    """The batch of some examples, the longest first (ties: by row number)."""
    lengths = examples.inputs[numbers] + examples.targets[numbers]
    numbers = numbers[np.lexsort((examples.rows[numbers], -lengths))]
    inputs, targets = examples.inputs[numbers], examples.targets[numbers]
    starts = np.concatenate([[0], np.cumsum(inputs + targets)])
    total = int(starts[-1])
    positions = np.arange(total) - np.repeat(starts[:-1], inputs + targets)
    return Batch(
        ids=np.concatenate([examples.sequence(number) for number in numbers.tolist()]).astype(np.int64),
        positions=positions,
        starts=starts,
        target_positions=np.flatnonzero(positions >= np.repeat(inputs, inputs + targets)),
        rows=examples.rows[numbers],
    )


class ExampleSource(Protocol):
    """Where windows of examples come from: the token cache, or a list in a test."""

    def examples(self, rows: Ints) -> Examples:
        """The examples of these rows of the build, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSettings:
    """How examples become packed rows and these batches; lengths in tokens.

    `capacity` bounds what a packed row holds by the lengths that the model packs by (a decoder-only model: whole
    examples; an encoder-decoder: inputs), `target_capacity` its targets. `batch_rows` packed rows are one step, over
    all ranks; a rank takes `micro_rows` of them at a time.
    """

    inputs_only: bool
    capacity: int
    target_capacity: int
    max_input: int
    max_target: int
    before_input: tuple[int, ...]
    batch_rows: int
    micro_rows: int
    ranks: int = 1
    seed: int = 0

    @property
    def micro_batches(self) -> int:
        """How many batches a rank takes in a step."""
        return self.batch_rows // (self.micro_rows * self.ranks)


@dataclass(frozen=True, slots=True)
class PackedWindow:
    """A window's examples and which of them each of its packed rows holds."""

    examples: Examples
    packed_rows: list[Ints]


@dataclass(slots=True)
class Reading:
    """What was read so far, each window counted once: rows, cut and dropped rows by number, and packed tokens."""

    rows: int = 0
    cut_rows: list[Ints] = field(default_factory=list)
    dropped_rows: dict[str, list[Ints]] = field(default_factory=dict)
    slots: int = 0
    tokens: int = 0
    target_tokens: int = 0


class Batches:
    """The batches of a run over windows of rows.

    `stages` are lists of windows, each an array of row numbers. An epoch goes through the stages in order; the
    windows of a stage come in an order of each epoch's own if `shuffled`, and the packed rows of a window always do.
    """

    def __init__(
        self,
        source: ExampleSource,
        stages: Sequence[Sequence[Ints]],
        settings: PackSettings,
        *,
        shuffled: bool = True,
    ) -> None:
        self.settings, self.reading = settings, Reading()
        self._source, self._shuffled = source, shuffled
        self._windows = [window for stage in stages for window in stage if len(window)]
        self._stages = [sum(1 for window in stage if len(window)) for stage in stages]
        self._packed: OrderedDict[int, PackedWindow] = OrderedDict()
        self._counts: dict[int, int] = {}
        self._ends: list[int] = []
        self._orders: dict[int, list[int]] = {}

    def batch(self, step: int, micro: int, rank: int = 0) -> Batch:
        """The `micro`-th batch that a rank takes in a step; all count from 0.

        Raises UsageError where no row of the build fits the limits.
        """
        settings = self.settings
        first = step * settings.batch_rows + (micro * settings.ranks + rank) * settings.micro_rows
        return self.rows(range(first, first + settings.micro_rows))

    def rows(self, numbers: Sequence[int]) -> Batch:
        """Some packed rows, by their numbers in the endless sequence of epochs, as one batch."""
        parts = [self._packed_row(number) for number in numbers]
        windows = list(OrderedDict.fromkeys(id(window) for window, _ in parts))
        if len(windows) == 1:
            window = parts[0][0]
            return as_batch(window.examples, np.concatenate([members for _, members in parts]))
        examples = joined([window.examples.select(members) for window, members in parts])
        return as_batch(examples, np.arange(len(examples)))

    def target_tokens(self, step: int) -> int:
        """The target tokens of a step over all ranks: what its loss is divided by."""
        first = step * self.settings.batch_rows
        parts = (self._packed_row(number) for number in range(first, first + self.settings.batch_rows))
        return sum(int(window.examples.targets[members].sum()) for window, members in parts)

    def epoch_of(self, row: int) -> int:
        """The epoch that a packed row is of, from 0."""
        return self._locate(row)[0]

    def _packed_row(self, number: int) -> tuple[PackedWindow, Ints]:
        epoch, window, place = self._locate(number)
        packed = self._window(window)
        order = permutation(key(self.settings.seed, "packed rows", epoch, window), len(packed.packed_rows))
        return packed, packed.packed_rows[order[place]]

    def _locate(self, number: int) -> tuple[int, int, int]:
        """Epoch, window, and place in the window's order of a packed row."""
        # Windows of 3, 2 and 4 packed rows that the epoch takes as 1, 0, 2 end at [2, 5, 9], and go on at 9 in the
        # next epoch. Packed row 4 is after the end 2 and before 5: the second window of the epoch, its third row.
        ends = self._ends
        while not ends or ends[-1] <= number:
            epoch, place = divmod(len(ends), len(self._windows)) if self._windows else (1, 0)
            if epoch and place == 0 and not (ends and ends[-1]):
                raise UsageError(
                    "no row can be trained on: the build is empty, or all of its targets are longer than "
                    f"data.max_target_tokens ({self.settings.max_target})"
                )
            ends.append((ends[-1] if ends else 0) + self._count(self._order(epoch)[place]))
        at = bisect_right(ends, number)
        epoch, place = divmod(at, len(self._windows))
        return epoch, self._order(epoch)[place], number - (ends[at - 1] if at else 0)

    def _order(self, epoch: int) -> list[int]:
        """The windows of an epoch in the order in which it takes them."""
        if epoch not in self._orders:
            order: list[int] = []
            for stage, size in enumerate(self._stages):
                shuffled = permutation(key(self.settings.seed, "windows", epoch, stage), size)
                order += ((shuffled if self._shuffled else np.arange(size)) + len(order)).tolist()
            # Asked for with every packed row. A step may lie in two epochs, so that those beside this one stay.
            self._orders = {near: self._orders[near] for near in self._orders if abs(near - epoch) == 1}
            self._orders[epoch] = order
        return self._orders[epoch]

    def _count(self, window: int) -> int:
        if window not in self._counts:
            self._counts[window] = len(self._window(window).packed_rows)
        return self._counts[window]

    def _window(self, number: int) -> PackedWindow:
        if number in self._packed:
            self._packed.move_to_end(number)
            return self._packed[number]
        settings, rows = self.settings, self._windows[number]
        fitted = fit(
            self._source.examples(rows),
            max_input=settings.max_input,
            max_target=settings.max_target,
            before_input=settings.before_input,
        )
        examples = fitted.examples
        lengths = examples.inputs if settings.inputs_only else examples.inputs + examples.targets
        packed_rows = pack(
            lengths,
            examples.targets,
            capacity=settings.capacity,
            target_capacity=settings.target_capacity,
        )
        if number not in self._counts:
            self.reading.rows += len(rows)
            self.reading.cut_rows.append(fitted.cut_rows)
            for reason, dropped in fitted.dropped_rows.items():
                self.reading.dropped_rows.setdefault(reason, []).append(dropped)
            self.reading.slots += len(packed_rows) * settings.capacity
            self.reading.tokens += int(lengths.sum())
            self.reading.target_tokens += int(examples.targets.sum())
        packed = PackedWindow(examples, packed_rows)
        self._packed[number] = packed
        if len(self._packed) > CACHED_WINDOWS:
            self._packed.popitem(last=False)
        return packed
