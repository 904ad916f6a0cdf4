"""The filters and tests of cards and templates: Jinja's, each held to the bounds of a row, and five more.

`one`, `many`, `numbered`, `para` and `line` are what cards need beyond Jinja. Filters that draw at random,
write HTML or show Python's internals are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Environment, Undefined, pass_environment, pass_eval_context
from jinja2.exceptions import FilterArgumentError
from jinja2.filters import (
    FILTERS,
    do_batch,
    do_indent,
    do_int,
    do_round,
    do_tojson,
    do_wordwrap,
    make_attrgetter,
    sync_do_slice,
)
from jinja2.nodes import EvalContext
from jinja2.tests import TESTS

from flancollect.jinja import bounds
from flancollect.jinja.formatting import call_method, joinable, percent
from flancollect.jinja.keyed_choice import KEYED, choice

Function = Callable[..., Any]

_MAX_DIGITS = 400
_MAX_INDENT = 64

LEFT_OUT = {
    "shuffle": "the engine has no unkeyed randomness; write the order in the card",
    "urlize": "it writes HTML; write the text itself",
    "xmlattr": "it writes HTML; write the text itself",
    "pprint": "it shows Python's notation; use `tojson`, or write the text itself",
}
# Take their argument as it is: they look at no more than its first or last part, or at nothing.
_LIGHT = frozenset({"attr", "count", "d", "default", "first", "items", "last", "length"})
# Make a small object of every few characters on the way.
_HEAVY = frozenset({"striptags", "title", "urlencode", "wordcount"})
_HEAVY_FACTOR = 16
_PER_ITEM = frozenset({"map", "reject", "rejectattr", "select", "selectattr"})
_COMPARING = (
    *("in", "==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", ">=", "ge", "<", "lt", "lessthan"),
    *("<=", "le", "lower", "upper"),
)


# --- filters of our own ------------------------------------------------------------------------------------


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
        return list(bounds.reading(value))
    return [] if value is None else [value]


def numbered(value: Any) -> str:
    """`1. a`, `2. b` ... on lines of their own."""
    return bounds.concat([f"{i}. {as_text(item)}\n" for i, item in enumerate(many(value), 1)])[:-1]


def para(value: Any) -> str:
    """A blank line and the text; nothing for an empty text."""
    return _after("\n\n", value, "para")


def line(value: Any) -> str:
    """A new line and the text; nothing for an empty text."""
    return _after("\n", value, "line")


def _after(gap: str, value: Any, name: str) -> str:
    if isinstance(value, list | tuple | dict):
        raise TypeError(f"`{name}` takes text, not a {type(value).__name__}; join it first")
    text = "" if value is None else str(value)
    return f"{gap}{text}" if text else ""


def zipped(*lists: Any) -> list[tuple[Any, ...]]:
    """Python's `zip`, as a list: the i-th items of all lists together, as far as the shortest goes."""
    rows = [list(bounds.counted(values)) for values in lists]
    bounds.items(len(rows) * min(map(len, rows), default=0))
    return list(zip(*rows, strict=False))


def as_text(value: Any) -> str:
    """`str(value)`, asking for the room first."""
    if not isinstance(value, str | int | float):
        bounds.written(value)
    return str(value)


def as_text_or_safe(value: Any) -> str:
    """The text itself, marked safe or not, or `str(value)`."""
    return value if isinstance(value, str) else as_text(value)


# --- Jinja's own, bounded ----------------------------------------------------------------------------------


def _metered(function: Function) -> Function:
    """A filter that makes no more than about what it reads."""
    skip = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        given = [*args[:skip], *map(bounds.reading, args[skip:])]
        for value in kwargs.values():
            bounds.read(value)
        return bounds.made(function(*given, **kwargs))

    return run


def _heavy(function: Function) -> Function:
    """A filter that costs more than its text is long."""

    @functools.wraps(function)
    def run(value: Any, *args: Any) -> Any:
        bounds.text(bounds.weigh(value, bounds.MAX_TEXT) * _HEAVY_FACTOR)
        return function(value, *args)

    return run


def _per_item(function: Function) -> Function:
    """A lazy filter that does something for every item: each is a loop step."""

    @functools.wraps(function)
    def run(context: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        return function(context, bounds.counted(value) if value else value, *args, **kwargs)

    return run


def _center(value: Any, width: int = 80) -> str:
    return str(call_method(as_text_or_safe(value).center, (width,), {}))


def _trim(value: Any, chars: str | None = None) -> str:
    return str(call_method(as_text_or_safe(value).strip, (chars,), {}))


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    arguments = (as_text(old), as_text(new), -1 if count is None else count)
    return str(call_method(as_text(value).replace, arguments, {}))


@pass_environment
def _join(environment: Environment, value: Any, d: Any = "", attribute: str | int | None = None) -> str:
    separator = as_text(d)
    values = bounds.reading(value)
    if attribute is not None:
        values = map(make_attrgetter(environment, attribute), values)
    return separator.join(joinable(separator, map(as_text, values)))


def _format(value: Any, *args: Any, **kwargs: Any) -> str:
    if args and kwargs:
        raise FilterArgumentError("can't handle positional and keyword arguments at the same time")
    return str(percent(as_text_or_safe(value), kwargs or args))


def _indent(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    if not isinstance(value, str):
        raise TypeError(f"`indent` takes text, not a {type(value).__name__}")
    depth = len(width) if isinstance(width, str) else max(0, width)
    bounds.text(len(value) + depth * (len(value.splitlines()) + 1))
    return do_indent(value, width, first, blank)


def _batch(value: Any, linecount: int, fill_with: Any = None) -> Iterator[list[Any]]:
    if fill_with is not None:
        bounds.items(linecount)
    return do_batch(bounds.reading(value), linecount, fill_with)


def _slice(value: Any, slices: int, fill_with: Any = None) -> Iterator[list[Any]]:
    bounds.step(max(0, slices))
    return sync_do_slice(list(bounds.reading(value)), slices, fill_with)


@pass_environment
def _sum(environment: Environment, iterable: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    values = bounds.reading(iterable)
    if attribute is not None:
        values = map(make_attrgetter(environment, attribute), values)
    found = list(values)
    if all(isinstance(value, int | float) for value in (start, *found)):
        return bounds.made(sum(found, start))
    if isinstance(start, str | bytes):
        raise TypeError("`sum` does not add texts; use `join`")
    return functools.reduce(bounds.add, found, start)


def _round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    if abs(precision) > _MAX_DIGITS:
        raise bounds.BoundError(f"rounding to more than {_MAX_DIGITS} digits")
    return do_round(value, precision, method)


def _int(value: Any, default: int = 0, base: int = 10) -> int:
    if isinstance(value, str) and len(value) > bounds.MAX_BITS:
        raise bounds.BoundError(f"a number written with more than {bounds.MAX_BITS:,} characters")
    return bounds.made(do_int(value, default, base))


@pass_eval_context
def _tojson(context: EvalContext, value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= _MAX_INDENT:
        raise bounds.BoundError(f"an indent of more than {_MAX_INDENT} spaces")
    bounds.text(bounds.weigh(value, bounds.MAX_TEXT) * (1 + (indent or 0)))
    return bounds.made(do_tojson(context, value, indent))


@pass_environment
def _wordwrap(
    environment: Environment,
    value: str,
    width: int = 79,
    break_long_words: bool = True,
    wrapstring: str | None = None,
    break_on_hyphens: bool = True,
) -> str:
    bounds.text(len(value) * (4 * _HEAVY_FACTOR + len(wrapstring or "")))
    return do_wordwrap(environment, value, width, break_long_words, wrapstring, break_on_hyphens)


def filters() -> dict[str, Any]:
    """Every filter by name."""
    table = {name: _bounded(name, function) for name, function in FILTERS.items() if name not in LEFT_OUT}
    return table | _OWN


def tests() -> dict[str, Any]:
    """Every test by name."""
    table: dict[str, Any] = dict(TESTS)
    return table | {name: _metered(table[name]) for name in _COMPARING} | _REMAINDERS


def _bounded(name: str, function: Function) -> Function:
    if name in _LIGHT:
        return function
    if name in _PER_ITEM:
        return _per_item(function)
    return _heavy(_metered(function)) if name in _HEAVY else _metered(function)


_OWN: dict[str, Function] = {
    "one": one,
    "many": many,
    "numbered": numbered,
    "para": para,
    "line": line,
    **dict.fromkeys(sorted(KEYED), choice),
    "batch": _batch,
    "center": _center,
    "format": _format,
    "indent": _indent,
    "int": _int,
    "join": _join,
    "replace": _replace,
    "round": _round,
    "slice": _slice,
    "string": as_text_or_safe,
    "sum": _sum,
    "tojson": _tojson,
    "trim": _trim,
    "wordwrap": _wordwrap,
}
# A text before these tests is a format string to Python.
_REMAINDERS: dict[str, Function] = {
    "odd": lambda value: percent(value, 2) == 1,
    "even": lambda value: percent(value, 2) == 0,
    "divisibleby": lambda value, num: percent(value, num) == 0,
}
