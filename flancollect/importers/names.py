"""Names of tasks, families and templates made from names of elsewhere: always valid, never twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

MAX_LENGTH = 200

_OTHER = re.compile(r"[^\w.]+")


def plain_name(text: str) -> str:
    """Every run of other characters than letters, digits, `_` and `.` becomes one `_`, as T0 names tasks."""
    return _OTHER.sub("_", text).strip(".") or "_"


def unique_name(text: str, names: Collection[str], room: int = MAX_LENGTH) -> str:
    """The plain name of a text in at most `room` bytes, numbered from 2 where `names` has it already.

    Names that differ in case alone are one: they become files.
    """
    folded = {_folded(name) for name in names}
    name = _cut(plain_name(text), room)
    number = 2
    while _folded(name) in folded:
        # The number replaces the end of a long name: "what_is_the_answer" in 10 is "what_is_th", then "what_is_.2".
        ending = f".{number}"
        name = _cut(plain_name(text), room - len(ending)) + ending
        number += 1
    return name


def _cut(name: str, room: int) -> str:
    """As many whole characters as fit in `room` bytes; no dot at the end."""
    return name.encode()[:room].decode(errors="ignore").rstrip(".") or "_"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
