"""Which of two to four words or names is the shortest or longest; no two are equally long.

Columns: `options` (the items as shown) and `label` (0-based position of the answer among them).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import NAMES, WORDS, by_length, distinct_lengths

GROUPS: Mapping[str, list[list[str]]] = {"words": by_length(WORDS), "names": by_length(NAMES)}

# `wanted` is what published cards call it, and a part of the stream's key: another name would change every row.
PARAMETERS: Mapping[str, tuple[str, ...]] = {"wanted": ("shortest", "longest"), "items": tuple(GROUPS)}
SCHEMA = pa.schema([("options", pa.list_(pa.string())), ("label", pa.int64())])
CONTENT = ("options",)


def row(draws: Draws, *, wanted: str, items: str) -> dict[str, object]:
    """Items of different lengths, the wanted one named by `label`."""
    options = distinct_lengths(draws, GROUPS[items], draws.between(2, 4))
    best = (min if wanted == "shortest" else max)(options, key=len)
    return {"options": options, "label": options.index(best)}
