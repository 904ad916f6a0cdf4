"""Names of tasks, families and templates made from names of elsewhere: always valid, never twice."""

from __future__ import annotations

import re
from collections.abc import Collection

MAX_LENGTH = 200

_OTHER = re.compile(r"[^\w.]+")


def plain_name(text: str) -> str:
    """Every run of other characters than letters, digits, `_` and `.` becomes one `_`, as T0 names tasks."""
    return _OTHER.sub("_", text) or "_"


def unique_name(text: str, names: Collection[str], room: int = MAX_LENGTH) -> str:
    """The plain name of a text in at most `room` characters, numbered from 2 where `names` has it already."""
    name = plain_name(text)[:room]
    number = 2
    while name in names:
        # The number replaces the end of a long name: "what_is_the_answer" in 10 is "what_is_th", then "what_is_.2".
        ending = f".{number}"
        name = plain_name(text)[: room - len(ending)] + ending
        number += 1
    return name
