"""A passage cut before its last word: `passage` without it, and the word as `last_word`.

Text that is cut into tokens, as in LAMBADA, is put together again: no space before marks, contractions joined,
plain quotation marks. A closing mark after the last word is no word and falls away with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flancollect.sources.shapes.shape import RowShape, texts

# So `` I do n't , '' he said  becomes  "I don't," he said
_JOINS = (
    (re.compile(r"``\s*"), '"'),
    (re.compile(r"\s*''"), '"'),
    (re.compile(r"\s+(n't|'(?:s|re|ve|ll|d|m)\b)"), r"\1"),
    (re.compile(r"\s+([,.;:!?)\]])"), r"\1"),
    (re.compile(r"([(\[])\s+"), r"\1"),
)
# A word may have apostrophes and hyphens inside it, or one that closes it; all marks after it are dropped:
# of `"I don't."` the last word is `don't`, and `I` is the passage with its opening quotation mark.
_LAST = re.compile(r"^(?P<before>.*\s)(?P<word>\w[\w'-]*)[^\w]*$", re.DOTALL)


def plain(text: str) -> str:
    """Tokens of text as running text."""
    text = " ".join(text.split())
    for pattern, by in _JOINS:
        text = pattern.sub(by, text)
    return text


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row; both are null where there is no word to take."""
    match = _LAST.match(plain(row["text"] or ""))
    if not match:
        return [{"passage": None, "last_word": None}]
    return [{"passage": match["before"].rstrip(), "last_word": match["word"]}]


SHAPE = RowShape(reads=("text",), adds=texts("passage", "last_word"), rows=rows)
