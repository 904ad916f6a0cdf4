"""Text formatting held to the bounds of a row: `%`, `str.format` and the methods of text and lists.

Each function here gives what Python gives, after asking `bounds.py` for the room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2.sandbox import SandboxedFormatter
from markupsafe import EscapeFormatter, Markup

from flancollect.jinja import bounds

_WIDTH = re.compile(r"%[-#0 +]*(\d+|\*)?(?:\.(\d+|\*))?")
_DIGITS = re.compile(r"\d+")

# Not among them: encode, translate, and what shows a place in memory or depends on the machine.
TEXT_METHODS = frozenset(
    (
        *("capitalize", "casefold", "lower", "swapcase", "title", "upper"),
        *("count", "endswith", "find", "index", "rfind", "rindex", "startswith"),
        *("isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric"),
        *("isprintable", "isspace", "istitle", "isupper"),
        *("center", "expandtabs", "ljust", "rjust", "zfill"),
        *("join", "partition", "replace", "rpartition", "rsplit", "split", "splitlines"),
        *("lstrip", "removeprefix", "removesuffix", "rstrip", "strip"),
    )
)
LIST_METHODS = frozenset({"count", "index", "copy"})
DICT_METHODS = frozenset({"copy", "get", "items", "keys", "values"})
DATE_METHODS = frozenset(
    {"date", "isocalendar", "isoformat", "isoweekday", "time", "total_seconds", "weekday"}
)
NUMBER_METHODS = frozenset({"bit_length", "conjugate", "is_integer"})
_WALKING = frozenset({"count", "index"})


def percent(left: Any, right: Any) -> Any:
    """`left % right`: a remainder, or text formatting."""
    if isinstance(left, bytes):
        raise TypeError("bytes cannot be formatted; read the column as text")
    if not isinstance(left, str):
        return left % right
    values = right if isinstance(right, tuple) else (right,)
    room = bounds.weigh(values, bounds.MAX_TEXT) * (left.count("%") if isinstance(right, Mapping) else 1)
    bounds.text(
        (len(left) + room + _widths(left, values)) * (bounds.ESCAPED if isinstance(left, Markup) else 1)
    )
    return left % right


def _widths(pattern: str, values: tuple[Any, ...]) -> int:
    """The most that widths and precisions can add. A named value may hide a width, so all digits count."""
    if "%(" in pattern:
        found = _DIGITS.findall(pattern)
    else:
        found = [part for pair in _WIDTH.findall(pattern) for part in pair if part]
    starred = "*" in found or ("*" in pattern and "%(" in pattern)
    given = sum(abs(value) for value in values if isinstance(value, int)) if starred else 0
    return given + sum(_number(part) for part in found if part != "*")


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 10 else bounds.MAX_TEXT + 1


class BoundedFormatter(SandboxedFormatter):
    """`str.format` for one text: every field asks for its room before it is written."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Apply `!r`, `!s` or `!a`."""
        if conversion:
            bounds.written(value)
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Write one field."""
        bounds.written(value)
        bounds.text(sum(map(_number, _DIGITS.findall(str(format_spec)))))
        return super().format_field(value, format_spec)


class BoundedEscapeFormatter(BoundedFormatter, EscapeFormatter):
    """The same for text marked safe, whose fields are escaped."""


# --- methods -----------------------------------------------------------------------------------------------


def call_method(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a method of a built-in value. The value is counted by what the method reads and makes."""
    owner, name = method.__self__, method.__name__  # type: ignore[attr-defined]
    if name == "join":
        args = (joinable(owner, args[0]), *args[1:]) if args else args
        return bounds.made(owner.join(*args, **kwargs))
    if isinstance(owner, str):
        bounds.work(len(owner))
        _ROOM.get(name, _searched)(owner, args, kwargs)
    elif name in _WALKING:
        bounds.read(owner)
    for arg in (*args, *kwargs.values()):
        bounds.read(arg)
    return bounds.made(method(*args, **kwargs))


def joinable(separator: str, values: Any) -> list[Any]:
    """The values as a list that may be joined with the separator."""
    found: list[Any] = []
    length = 0
    for value in bounds.reading(values):
        length += len(value) if isinstance(value, str) else 0
        found.append(value)
        if length + len(separator) * (len(found) - 1) > bounds.MAX_TEXT:
            break
    bounds.text(length + len(separator) * max(0, len(found) - 1))
    return found


def _width(owner: str, args: tuple[Any, ...], _: dict[str, Any]) -> None:
    if args and isinstance(args[0], int):
        bounds.text(max(len(owner), args[0]))


def _tabs(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    size = args[0] if args else kwargs.get("tabsize", 8)
    if isinstance(size, int):
        bounds.text(len(owner) + owner.count("\t") * max(0, size))


def _replaced(owner: str, args: tuple[Any, ...], _: dict[str, Any]) -> None:
    if len(args) >= 2 and isinstance(args[0], str) and isinstance(args[1], str):
        found = owner.count(args[0])
        if len(args) > 2 and isinstance(args[2], int) and args[2] >= 0:
            found = min(found, args[2])
        bounds.text(len(owner) + found * max(0, len(args[1]) - len(args[0])))


def _searched(owner: str, args: tuple[Any, ...], _: dict[str, Any]) -> None:
    """Searching backwards and stripping may compare every character with every other."""
    if args and isinstance(args[0], str):
        bounds.work(len(owner) * len(args[0]) >> 6)


def _split(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    separator = args[0] if args else kwargs.get("sep")
    if isinstance(separator, str) and separator:
        _searched(owner, args or (separator,), kwargs)
        bounds.items(owner.count(separator) + 1)
    else:
        bounds.items(len(owner) // 2 + 1)


_ROOM: dict[str, Callable[[str, tuple[Any, ...], dict[str, Any]], None]] = {
    "center": _width,
    "ljust": _width,
    "rjust": _width,
    "zfill": _width,
    "expandtabs": _tabs,
    "replace": _replaced,
    "rsplit": _split,
    "split": _split,
    "splitlines": _split,
}
