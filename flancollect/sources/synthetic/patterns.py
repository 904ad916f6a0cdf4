"""Sequences to continue, or to fill in where one item is missing.

Columns: `sequence` (separated by single spaces, `?` for a missing item), `answer`, and `whole` (the
sequence and its continuation, which decides the split in both questions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import LETTERS, WORDS, distinct


def _counting_up(draws: Draws) -> list[str]:
    start, step = draws.between(1, 60), draws.between(1, 12)
    return [str(start + step * i) for i in range(draws.between(5, 6))]


def _multiplying(draws: Draws) -> list[str]:
    """At least four items are shown: 1 2 4 alone could go on as 8 or as 7."""
    start, factor = draws.between(1, 60), draws.between(2, 4)
    return [str(start * factor**i) for i in range(draws.between(5, 6))]


def _widening_steps(draws: Draws) -> list[str]:
    """Each step is one larger than the step before."""
    # From 10 by 3: item i is 10 + 3 * i + (0 + 1 + ... + (i - 1)), so 10 13 17 22 28.
    start, step = draws.between(1, 60), draws.between(1, 9)
    return [str(start + step * i + i * (i - 1) // 2) for i in range(draws.between(5, 6))]


def _letters_forward(draws: Draws) -> list[str]:
    length, step = draws.between(4, 6), draws.between(1, 4)
    # The last letter must exist: 6 letters by 4 span 20, so the start is one of the first 26 - 20 = 6.
    start = draws.below(len(LETTERS) - step * (length - 1))
    return [LETTERS[start + step * i] for i in range(length)]


def _cycle(draws: Draws, vocabulary: tuple[str, ...], period: int, length: int) -> list[str]:
    items = distinct(draws, vocabulary, period)
    return [items[i % period] for i in range(length)]


PATTERNS: Mapping[str, Callable[[Draws], list[str]]] = {
    "counting_up": _counting_up,
    "counting_down": lambda draws: _counting_up(draws)[::-1],
    "multiplying": _multiplying,
    "growing_steps": _widening_steps,
    "letters_forward": _letters_forward,
    "letters_backward": lambda draws: _letters_forward(draws)[::-1],
    "alternating_letters": lambda draws: _cycle(draws, LETTERS, 2, draws.between(5, 7)),
    "alternating_words": lambda draws: _cycle(draws, WORDS, 2, draws.between(5, 7)),
    "three_letters": lambda draws: _cycle(draws, LETTERS, 3, draws.between(7, 9)),
    "three_words": lambda draws: _cycle(draws, WORDS, 3, draws.between(7, 9)),
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"pattern": tuple(PATTERNS), "ask": ("next", "missing")}
SCHEMA = pa.schema([("sequence", pa.string()), ("answer", pa.string()), ("whole", pa.string())])
# Not the sequence: "2 4 6 8" to continue and "2 4 ? 8 10" to fill in give each other away.
CONTENT = ("whole",)


def row(draws: Draws, *, pattern: str, ask: str) -> dict[str, object]:
    """A sequence with its last item cut off, or with a `?` for one item inside it."""
    items = PATTERNS[pattern](draws)
    # Of 5 items position 1, 2 or 3 is missing: never an end, where the rule would have to be continued.
    at = len(items) - 1 if ask == "next" else draws.between(1, len(items) - 2)
    sequence = items[:-1] if ask == "next" else [*items[:at], "?", *items[at + 1 :]]
    return {"sequence": " ".join(sequence), "answer": items[at], "whole": " ".join(items)}
