"""Claims that compare two items, true or false in equal measure.

Columns: `first`, `second` and `label` (1 where the claim "first is <relation> than second" holds).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import (
    LETTERS,
    NUMBERS,
    WORDS,
    by_length,
    distinct,
    distinct_lengths,
)

WORD_GROUPS = by_length(WORDS)

# How a pair of each kind is drawn, lesser item first. No pair is a tie, which no claim could be true of.
PAIRS: Mapping[str, Callable[[Draws], list[str]]] = {
    "numbers": lambda draws: sorted(distinct(draws, NUMBERS, 2), key=int),
    "words": lambda draws: sorted(distinct_lengths(draws, WORD_GROUPS, 2), key=len),
    "letters": lambda draws: sorted(distinct(draws, LETTERS, 2)),
}
# Each relation: the kind of its pairs, and whether it holds of the lesser item ("7 is smaller than 12").
RELATIONS: Mapping[str, tuple[str, bool]] = {
    "larger": ("numbers", False),
    "smaller": ("numbers", True),
    "longer": ("words", False),
    "shorter": ("words", True),
    "later": ("letters", False),
    "earlier": ("letters", True),
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"relation": tuple(RELATIONS)}
SCHEMA = pa.schema([("first", pa.string()), ("second", pa.string()), ("label", pa.int64())])
CONTENT = ("first", "second")


def row(draws: Draws, *, relation: str) -> dict[str, object]:
    """Two items in the order of the claim: numbers by size, words by length, letters by the alphabet."""
    kind, of_lesser = RELATIONS[relation]
    lesser, greater = PAIRS[kind](draws)
    holds = draws.chance(1, 2)
    # A true "smaller" and a false "larger" claim both put the lesser item first.
    first, second = (lesser, greater) if holds == of_lesser else (greater, lesser)
    return {"first": first, "second": second, "label": int(holds)}
