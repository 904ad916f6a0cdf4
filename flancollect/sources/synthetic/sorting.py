"""Lists sorted by value: numbers by size, letters, words and names by the alphabet.

Columns: `items` and `answer`, both separated by single spaces. Items of one list are all different.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import KINDS, distinct, value

PARAMETERS: Mapping[str, tuple[str, ...]] = {"order": ("ascending", "descending"), "items": tuple(KINDS)}
SCHEMA = pa.schema([("items", pa.string()), ("answer", pa.string())])
CONTENT = ("items",)


def row(draws: Draws, *, order: str, items: str) -> dict[str, object]:
    """Three to five items, and the same items in order."""
    unsorted = distinct(draws, KINDS[items], draws.between(3, 5))
    ordered = sorted(unsorted, key=lambda item: value(items, item), reverse=order == "descending")
    return {"items": " ".join(unsorted), "answer": " ".join(ordered)}
