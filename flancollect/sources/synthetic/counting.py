"""How many items a list has, how many different ones, or how often one of them occurs.

Columns: `items` (separated by single spaces), `target` (the item to count, empty unless one is asked for)
and `answer` (the number in digits). The number is drawn first, so that all answers are equally likely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import KINDS, distinct


def _all(draws: Draws, vocabulary: Sequence[str]) -> tuple[list[str], str, int]:
    number = draws.between(2, 8)
    return [draws.pick(vocabulary) for _ in range(number)], "", number


def _different(draws: Draws, vocabulary: Sequence[str]) -> tuple[list[str], str, int]:
    number = draws.between(2, 5)
    kinds = distinct(draws, vocabulary, number)
    # One to three items come again, so the length of the list does not give the number away.
    repeats = [draws.pick(kinds) for _ in range(draws.between(1, 3))]
    return draws.shuffled(kinds + repeats), "", number


def _occurrences(draws: Draws, vocabulary: Sequence[str]) -> tuple[list[str], str, int]:
    number = draws.between(1, 4)
    target, *others = distinct(draws, vocabulary, draws.between(3, 5))
    return draws.shuffled([target] * number + others), target, number


# Each count: the items, the item that is counted, and how many it makes.
COUNTS: Mapping[str, Callable[[Draws, Sequence[str]], tuple[list[str], str, int]]] = {
    "items": _all,
    "different": _different,
    "occurrences": _occurrences,
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"count": tuple(COUNTS), "items": tuple(KINDS)}
SCHEMA = pa.schema([("items", pa.string()), ("target", pa.string()), ("answer", pa.string())])
CONTENT = ("items",)


def row(draws: Draws, *, count: str, items: str) -> dict[str, object]:
    """A list and a number about it."""
    listed, target, number = COUNTS[count](draws, KINDS[items])
    return {"items": " ".join(listed), "target": target, "answer": str(number)}
