"""A dialog of a user and an assistant, one row per reply of the assistant with what was said before it.

For Taskmaster: `reply`, and `history`, in which neighbouring utterances of one speaker are one turn, so that
speakers alternate. The user speaks first in it: what the assistant says before falls away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import pyarrow as pa

from flancollect.sources.shapes.shape import RowShape

USER = "USER"


def turns(utterances: Iterable[Mapping[str, Any]]) -> list[str]:
    """What user and assistant say in turn, the user first; empty utterances are none."""
    spoken = ((one.get("speaker") == USER, (one.get("text") or "").strip()) for one in utterances)
    # Empty utterances go before the grouping: between two of the user's they would else split one turn in two.
    groups = groupby((pair for pair in spoken if pair[1]), key=lambda pair: pair[0])
    joined = [(user, " ".join(text for _, text in group)) for user, group in groups]
    return [text for _, text in (joined if joined and joined[0][0] else joined[1:])]


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per reply, in order."""
    texts = turns(row["utterances"])
    # The user has the even places: of four turns the replies are 1, with one turn before it, and 3, with three.
    return [{"reply": texts[at], "history": texts[:at]} for at in range(1, len(texts), 2)]


SHAPE = RowShape(
    reads=("utterances",),
    adds=pa.schema([("reply", pa.string()), ("history", pa.list_(pa.string()))]),
    rows=rows,
    many=True,
)
