"""Sentences of a translation corpus without capitals: `english` as it stands, `lower` in small letters.

`english` is null where nothing would change, so that the card drops the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flancollect.sources.shapes.shape import RowShape, texts


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row: the English side and its small letters."""
    english = (row["translation"].get("en") or "").strip()
    # "TÜV 3000" differs from "tüv 3000"; "3000 km" has no capital, and would ask for a copy of the input.
    lower = english.lower()
    return [{"english": english if lower != english else None, "lower": lower}]


SHAPE = RowShape(reads=("translation",), adds=texts("english", "lower"), rows=rows)
