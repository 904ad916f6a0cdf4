"""Items picked out of a short list, or put in another order: the grid of operation x kind of item.

Columns: `items` and `answer`, both separated by single spaces. Items of one list are all different.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import KINDS, distinct

# Slices also where one item is meant, as every operation gives a list: of [a, b, c] `second` is [b].
OPERATIONS: Mapping[str, Callable[[list[str]], list[str]]] = {
    "first": lambda items: items[:1],
    "last": lambda items: items[-1:],
    "second": lambda items: items[1:2],
    "next_to_last": lambda items: items[-2:-1],
    "middle": lambda items: [items[len(items) // 2]],
    "reverse": lambda items: items[::-1],
    "swap_ends": lambda items: [items[-1], *items[1:-1], items[0]],
    "ends": lambda items: [items[0], items[-1]],
    "drop_first": lambda items: items[1:],
    "drop_last": lambda items: items[:-1],
    "rotate_left": lambda items: [*items[1:], items[0]],
    "rotate_right": lambda items: [items[-1], *items[:-1]],
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"operation": tuple(OPERATIONS), "items": tuple(KINDS)}
SCHEMA = pa.schema([("items", pa.string()), ("answer", pa.string())])
# The same list under another operation is the same content: what `first` trains on, `reverse` is not tested on.
CONTENT = ("items",)


def row(draws: Draws, *, operation: str, items: str) -> dict[str, object]:
    """Three to five items, and what the operation makes of them; only odd lists have a middle."""
    length = draws.pick((3, 5)) if operation == "middle" else draws.between(3, 5)
    sequence = distinct(draws, KINDS[items], length)
    return {"items": " ".join(sequence), "answer": " ".join(OPERATIONS[operation](sequence))}
