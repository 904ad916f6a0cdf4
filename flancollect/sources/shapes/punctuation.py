"""Sentences of a translation corpus without punctuation: `english` as it stands, `bare` letters and digits.

Marks between two letters or digits (don't, 3.5, e-mail) belong to the word and stay. `english` is null
where nothing would change, so that the card drops the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flancollect.sources.shapes.shape import RowShape, texts

# Marks that lack a letter or digit on one side: `"so," he` loses all three, and 3.5 keeps its dot.
# `[^\W_]` is a letter or digit of any script: what `\w` means, less the underscore.
_MARKS = re.compile(r"(?<![^\W_])[^\w\s]+|[^\w\s]+(?![^\W_])")


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row: the English side and the same words bare."""
    english = " ".join((row["translation"].get("en") or "").split())
    bare = " ".join(_MARKS.sub(" ", english).split())
    return [{"english": english if bare and bare != english else None, "bare": bare}]


SHAPE = RowShape(reads=("translation",), adds=texts("english", "bare"), rows=rows)
