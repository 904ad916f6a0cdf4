"""What cards need of filters beyond Jinja's: `one`, `many`, `numbered`, `para`, `line`, `clause` and `label`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import Undefined

from flancollect.jinja import bounds
from flancollect.jinja.formatting import as_text

_LABEL = re.compile(r"\s*[A-Z][\w'-]*( [\w'-]+){0,3}( \d+)? ?:\s")
"""What looks like a label: one to four words at the head of a text, and a colon."""


_LABEL_CHARACTERS = 200


def one(value: Any) -> Any:
    """The value itself, or the first of a list."""
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("`one` was given an empty list")
        return value[0]
    return value


def many(value: Any) -> list[Any]:
    """The list itself, or a list of the one value; nothing gives an empty list."""
    if isinstance(value, Undefined):
        int(value)  # any use but printing says what is undefined
    if isinstance(value, list | tuple | Iterator):
        return list(bounds.count_values(value))
    return [] if value is None else [value]


def numbered(value: Any) -> str:
    """`1. a`, `2. b` ... on lines of their own."""
    return bounds.concat([f"{i}. {as_text(item)}\n" for i, item in enumerate(many(value), 1)])[:-1]


def para(value: Any) -> str:
    """A blank line and the text; nothing for an empty text."""
    return _prefixed("\n\n", value, "para")


def line(value: Any) -> str:
    """A new line and the text; nothing for an empty text."""
    return _prefixed("\n", value, "line")


def clause(value: Any) -> str:
    """A sentence without the signs that end it, to stand within another: "It rained." becomes "It rained"."""
    text = as_text(value).rstrip()
    return text if text.endswith("...") else text.rstrip(".?!").rstrip()


def label(value: Any, word: str) -> str:
    """The text behind a label, unless it brings one of its own: "Input: 3 + 4", but "Question: 3 + 4" as it is."""
    text = value if type(value) is str else as_text(value)
    # Most texts have no colon near their head, which is sooner seen.
    has_label = text.find(":", 0, _LABEL_CHARACTERS) >= 0 and _LABEL.match(text)
    return text if has_label else f"{word}{text}"


def _prefixed(gap: str, value: Any, name: str) -> str:
    # str() of a list would print Python's notation; that is never what a card means.
    if isinstance(value, list | tuple | dict):
        raise TypeError(f"`{name}` takes text, not a {type(value).__name__}; join it first")
    text = "" if value is None else as_text(value)
    return f"{gap}{text}" if text else ""
