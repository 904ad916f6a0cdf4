"""Sentences of a translation corpus without spaces: `english` as it stands, `joined` written as one word.

`english` is null where there was no space, so that the card drops the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flancollect.sources.shapes.shape import RowShape, texts


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row: the English side and its words run together."""
    # `split` without an argument knows all of Unicode's spaces, and gives no empty words between two of them.
    words = (row["translation"].get("en") or "").split()
    return [{"english": " ".join(words) if len(words) > 1 else None, "joined": "".join(words)}]


SHAPE = RowShape(reads=("translation",), adds=texts("english", "joined"), rows=rows)
