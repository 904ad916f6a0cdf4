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


def _numbers(draws: Draws) -> list[str]:
    return sorted(distinct(draws, NUMBERS, 2), key=int)


def _words(draws: Draws) -> list[str]:
    return sorted(distinct_lengths(draws, WORD_GROUPS, 2), key=len)


def _letters(draws: Draws) -> list[str]:
    return sorted(distinct(draws, LETTERS, 2))


# Each relation: how a pair is drawn (lesser item first), and whether it holds of the lesser item.
RELATIONS: Mapping[str, tuple[Callable[[Draws], list[str]], bool]] = {
    "larger": (_numbers, False),
    "smaller": (_numbers, True),
    "longer": (_words, False),
    "shorter": (_words, True),
    "later": (_letters, False),
    "earlier": (_letters, True),
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"relation": tuple(RELATIONS)}
SCHEMA = pa.schema([("first", pa.string()), ("second", pa.string()), ("label", pa.int64())])
CONTENT = ("first", "second")


def row(draws: Draws, *, relation: str) -> dict[str, object]:
    """Two items in the order of the claim: numbers by size, words by length, letters by the alphabet."""
    pair, of_lesser = RELATIONS[relation]
    lesser, greater = pair(draws)
    holds = draws.chance(1, 2)
    first, second = (lesser, greater) if holds == of_lesser else (greater, lesser)
    return {"first": first, "second": second, "label": int(holds)}
