"""The methods of data that a template may call, and what a call counts.

A method is called only if it is named here for the type of its value; then it gives what Python gives, after
`bounds.py` was asked for the room.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from jinja2.runtime import LoopContext
from markupsafe import Markup

from flancollect.jinja import bounds
from flancollect.jinja.mutable import MUTATOR_NAMES, TemplateDict, TemplateList

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
# Without strftime: what it writes depends on the machine's C library and its locale.
DATE_METHODS = frozenset(
    {"date", "isocalendar", "isoformat", "isoweekday", "time", "total_seconds", "weekday"}
)
NUMBER_METHODS = frozenset({"bit_length", "conjugate", "is_integer"})
LOOP_METHODS = frozenset({"cycle", "changed"})

ALLOWED_METHODS: dict[type, frozenset[str]] = {
    str: TEXT_METHODS,
    Markup: TEXT_METHODS,
    list: LIST_METHODS,
    tuple: LIST_METHODS,
    dict: DICT_METHODS,
    TemplateList: LIST_METHODS,
    TemplateDict: DICT_METHODS,
    int: NUMBER_METHODS,
    bool: NUMBER_METHODS,
    float: NUMBER_METHODS,
    date: DATE_METHODS,
    datetime: DATE_METHODS,
    time: DATE_METHODS,
    timedelta: DATE_METHODS,
    LoopContext: LOOP_METHODS,
}
"""Methods that change nothing, by the exact type of their value."""

TEMPLATE_METHODS = (
    TEXT_METHODS
    | LIST_METHODS
    | DICT_METHODS
    | NUMBER_METHODS
    | DATE_METHODS
    | MUTATOR_NAMES
    | LOOP_METHODS
    | {"format"}
)
"""What a template of another collection may call, by name alone: data's methods, text's `format`, a loop's own."""

_WALKING = frozenset({"count", "index"})


def call_method(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a method of a built-in value. The value is counted by what the method reads and makes."""
    owner, name = method.__self__, method.__name__  # type: ignore[attr-defined]
    if name == "join":
        args = (reserve_join(owner, args[0]), *args[1:]) if args else args
        return bounds.check_result(owner.join(*args, **kwargs))
    if isinstance(owner, str):
        bounds.count_work(len(owner))
        _RESERVE.get(name, _count_search)(owner, args, kwargs)
    elif name in _WALKING:
        bounds.count_value(owner)
    for arg in (*args, *kwargs.values()):
        bounds.count_value(arg)
    return bounds.check_result(method(*args, **kwargs))


def reserve_join(separator: str, values: Any) -> list[Any]:
    """The values as a list that may be joined with the separator."""
    items: list[Any] = []
    length = 0
    for value in bounds.count_values(values):
        length += len(value) if isinstance(value, str) else 0
        items.append(value)
        # Values may come from an iterator that never ends: stop as soon as the result would be too long.
        if length + len(separator) * (len(items) - 1) > bounds.MAX_TEXT:
            break
    bounds.reserve_text(length + len(separator) * max(0, len(items) - 1))
    return items


def _reserve_width(owner: str, args: tuple[Any, ...], _: dict[str, Any]) -> None:
    if args and isinstance(args[0], int):
        bounds.reserve_text(max(len(owner), args[0]))


def _reserve_tabs(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    size = args[0] if args else kwargs.get("tabsize", 8)
    if isinstance(size, int):
        bounds.reserve_text(len(owner) + owner.count("\t") * max(0, size))


def _reserve_replaced(owner: str, args: tuple[Any, ...], _: dict[str, Any]) -> None:
    # "banana".replace("a", "oo") makes 3 replacements, each 1 longer: 6 + 3 * 1 = 9 characters.
    if len(args) >= 2 and isinstance(args[0], str) and isinstance(args[1], str):
        replacements = owner.count(args[0])
        if len(args) > 2 and isinstance(args[2], int) and args[2] >= 0:
            replacements = min(replacements, args[2])
        bounds.reserve_text(len(owner) + replacements * max(0, len(args[1]) - len(args[0])))


def _count_search(owner: str, args: tuple[Any, ...], _: dict[str, Any]) -> None:
    """Searching backwards and stripping may compare every character with every other."""
    # 64 such comparisons count as one character: 4,000 characters searched for 1,000 count 62,500.
    if args and isinstance(args[0], str):
        bounds.count_work(len(owner) * len(args[0]) >> 6)


def _reserve_split(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    separator = args[0] if args else kwargs.get("sep")
    if isinstance(separator, str) and separator:
        _count_search(owner, args or (separator,), kwargs)
        bounds.reserve_items(owner.count(separator) + 1)
    else:
        bounds.reserve_items(len(owner) // 2 + 1)  # at worst "a b c": every other character is a word


_RESERVE: dict[str, Callable[[str, tuple[Any, ...], dict[str, Any]], None]] = {
    "center": _reserve_width,
    "ljust": _reserve_width,
    "rjust": _reserve_width,
    "zfill": _reserve_width,
    "expandtabs": _reserve_tabs,
    "replace": _reserve_replaced,
    "rsplit": _reserve_split,
    "split": _reserve_split,
    "splitlines": _reserve_split,
}
"""By method of text: what asks for the room of its result. Any other makes no more than it reads."""
