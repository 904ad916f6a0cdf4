"""Which of two to four items is first or last by value: by size, or by the alphabet.

Columns: `options` (the items as shown) and `label` (0-based position of the answer among them).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import KINDS, distinct, value

# `wanted` is what published cards call it, and a part of the stream's key: another name would change every row.
PARAMETERS: Mapping[str, tuple[str, ...]] = {"wanted": ("lowest", "highest"), "items": tuple(KINDS)}
SCHEMA = pa.schema([("options", pa.list_(pa.string())), ("label", pa.int64())])
CONTENT = ("options",)


def row(draws: Draws, *, wanted: str, items: str) -> dict[str, object]:
    """Two to four different items; those of the lowest or highest value are named by `label`."""
    options = distinct(draws, KINDS[items], draws.between(2, 4))
    best = (min if wanted == "lowest" else max)(options, key=lambda item: value(items, item))
    return {"options": options, "label": options.index(best)}
