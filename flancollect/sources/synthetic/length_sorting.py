"""Words or names sorted by how many letters they have; no two of one list are equally long.

Columns: `items` and `answer`, both separated by single spaces.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import NAMES, WORDS, by_length, distinct_lengths

GROUPS: Mapping[str, list[list[str]]] = {"words": by_length(WORDS), "names": by_length(NAMES)}

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "order": ("shortest_first", "longest_first"),
    "items": tuple(GROUPS),
}
SCHEMA = pa.schema([("items", pa.string()), ("answer", pa.string())])
CONTENT = ("items",)


def row(draws: Draws, *, order: str, items: str) -> dict[str, object]:
    """Three or four items of different lengths, and the same items in order."""
    # At most four, as each item needs a length of its own: words and names have 3 to 9 letters, few of them 9.
    unsorted = distinct_lengths(draws, GROUPS[items], draws.between(3, 4))
    ordered = sorted(unsorted, key=len, reverse=order == "longest_first")
    return {"items": " ".join(unsorted), "answer": " ".join(ordered)}
