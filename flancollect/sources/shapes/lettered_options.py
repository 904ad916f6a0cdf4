"""Options that a question lists by letters: their texts as `choices`, the letters in parentheses as `labels`.

For BIG-Bench Hard, whose questions end in a line `Options:` and one option after another, each begun by `(A)`,
`(B)` ... at the head of a line. Both lists are empty where nothing is listed, or nothing by letters: what stands
under dashes (`- Yes`, `- No`) is the answer itself, which the card says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from flancollect.sources.shapes.shape import RowShape

_HEADING = re.compile(r"^Options:[ \t]*$", re.MULTILINE)
_OPTION = re.compile(r"^\((?P<letter>[A-Z])\)", re.MULTILINE)


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row: the options in their order. A text goes on over further lines up to the next option."""
    question = row["input"] or ""
    headings = list(_HEADING.finditer(question))
    if not headings:
        return [{"choices": [], "labels": []}]
    listing = question[headings[-1].end() :]  # a passage before it may hold a line "Options:" of its own
    options: list[re.Match[str]] = []
    for match in _OPTION.finditer(listing):
        # Letters may be left out (A, C, D), but never come back: after "(B) two parts:", a line "(A) the first"
        # is text of option B.
        if not options or match["letter"] > options[-1]["letter"]:
            options.append(match)
    ends = [*(match.start() for match in options[1:]), len(listing)]
    return [
        {
            "choices": [listing[m.end() : end].strip() for m, end in zip(options, ends, strict=False)],
            "labels": [match.group() for match in options],
        }
    ]


SHAPE = RowShape(
    reads=("input",),
    adds=pa.schema([("choices", pa.list_(pa.string())), ("labels", pa.list_(pa.string()))]),
    rows=rows,
)
