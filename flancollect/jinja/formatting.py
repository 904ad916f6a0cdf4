"""Text out of values, held to the bounds of a row: `str()`, `%` and `str.format`.

Each function here gives what Python gives, after asking `bounds.py` for the room.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2.sandbox import SandboxedFormatter
from markupsafe import EscapeFormatter, Markup

from flancollect.jinja import bounds
from flancollect.jinja.nulls import present, refuse_nulls_within

# Width and precision of `%5.2f`, `%-10s` or `%*d`: the groups are ("5", "2"), ("10", ""), ("*", "").
_WIDTH = re.compile(r"%[-#0 +]*(\d+|\*)?(?:\.(\d+|\*))?")
_DIGITS = re.compile(r"\d+")
_CONTAINERS = (list, tuple, dict)


def as_text(value: Any) -> str:
    """`str(value)`, asking for the room first. Raises NullError for a null."""
    if not isinstance(value, str | int):
        reserve_written(value)
    return str(value)


def reserve_written(value: Any) -> None:
    """Ask for the room to write a value out. Raises NullError for a null, also one within a list or mapping."""
    bounds.reserve_output(present(value))
    if isinstance(value, _CONTAINERS):
        refuse_nulls_within(value)


def as_text_or_safe(value: Any) -> str:
    """The text itself, marked safe or not, or `str(value)`."""
    return value if isinstance(value, str) else as_text(value)


def percent(lhs: Any, rhs: Any) -> Any:
    """`lhs % rhs`: a remainder, or text formatting."""
    if isinstance(lhs, bytes):
        raise TypeError("bytes cannot be formatted; read the column as text")
    if not isinstance(lhs, str):
        return lhs % rhs
    values = rhs if isinstance(rhs, tuple) else (rhs,)
    for value in rhs.values() if isinstance(rhs, Mapping) else values:
        reserve_written(value) if isinstance(value, _CONTAINERS) else present(value)
    # Of a tuple each value is written once; one name of a mapping may be written by every `%(name)s`.
    room = bounds.weigh(values, bounds.MAX_TEXT) * (lhs.count("%") if isinstance(rhs, Mapping) else 1)
    escaping = bounds.ESCAPED if isinstance(lhs, Markup) else 1
    bounds.reserve_text((len(lhs) + room + _widths(lhs, values)) * escaping)
    return lhs % rhs


def _widths(pattern: str, values: tuple[Any, ...]) -> int:
    """The most that widths and precisions can add. A named value may hide a width, so all digits count.

    `"%5.2f|%*d" % (x, 80, n)` can add 5 + 2, and for the `*` any of its numbers: x + 80 + n.
    """
    if "%(" in pattern:
        widths = _DIGITS.findall(pattern)
    else:
        widths = [part for pair in _WIDTH.findall(pattern) for part in pair if part]
    starred = "*" in widths or ("*" in pattern and "%(" in pattern)
    by_value = sum(abs(value) for value in values if isinstance(value, int)) if starred else 0
    return by_value + sum(_number(part) for part in widths if part != "*")


def _number(digits: str) -> int:
    # So many digits are past every bound, and turning very many into a number takes long by itself.
    return int(digits) if len(digits) < 10 else bounds.MAX_TEXT + 1


class BoundedFormatter(SandboxedFormatter):
    """`str.format` for one text: every field asks for its room before it is written."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Apply `!r`, `!s` or `!a`."""
        if conversion:
            reserve_written(value)
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Write one field."""
        reserve_written(value)
        bounds.reserve_text(sum(map(_number, _DIGITS.findall(str(format_spec)))))
        return super().format_field(value, format_spec)


class BoundedEscapeFormatter(BoundedFormatter, EscapeFormatter):
    """The same for text marked safe, whose fields are escaped."""
