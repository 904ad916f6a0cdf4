"""The filters and tests of cards and templates: Jinja's, each held to the bounds of a row, and those of cards.

Filters that draw at random, write HTML or show Python's internals are refused. Of the others, most make no
more than they read: what they read is counted, and what they made is checked. Those that can make much out of
little, or work long on little, are written again here as `bounded_*`, with a look at the arguments first.
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
    do_float,
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

from flancollect.jinja import bounds, card_filters
from flancollect.jinja.formatting import as_text, as_text_or_safe, percent, reserve_written
from flancollect.jinja.keyed_choice import KEYED_FILTERS, choice
from flancollect.jinja.methods import call_method, reserve_join
from flancollect.jinja.nulls import ASKING_TESTS, NullError, default_value, is_nothing, is_null, present
from flancollect.jinja.operators import add

Function = Callable[..., Any]

_MAX_DIGITS = 400  # floats end at 1e308 and 5e-324: no digit beyond says anything
_MAX_INDENT = 64


class ConversionError(ValueError):
    """A value that cannot be what a card says it is."""


REFUSED_FILTERS = {
    "shuffle": "the engine has no unkeyed randomness; write the order in the card",
    "urlize": "it writes HTML; write the text itself",
    "xmlattr": "it writes HTML; write the text itself",
    "pprint": "it shows Python's notation; use `tojson`, or write the text itself",
}
# Take their argument as it is: they look at no more than its first or last part, or at nothing.
_UNCOUNTED = frozenset({"attr", "count", "first", "items", "last", "length"})
# Make text of any value: of a null they would make the word "None".
_OF_TEXT = frozenset(
    [
        *(
            "capitalize",
            "e",
            "escape",
            "forceescape",
            "indent",
            "lower",
            "safe",
            "striptags",
            "title",
            "truncate",
        ),
        *("upper", "urlencode", "wordcount"),
    ]
)
# Make an object of every few characters on the way: `"a b c" | wordcount` makes a list of three texts.
_HEAVY = frozenset({"striptags", "title", "urlencode", "wordcount"})
_HEAVY_FACTOR = 16
# Lazy: they are called once and then do something for every item, so each item is a loop step.
_PER_ITEM = frozenset({"map", "reject", "rejectattr", "select", "selectattr"})
_COMPARISON_TESTS = frozenset(
    [
        *("in", "==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", ">=", "ge", "<", "lt"),
        *("lessthan", "<=", "le", "lower", "upper"),
    ]
)


def filters() -> dict[str, Function]:
    """Every filter by name."""
    table: dict[str, Function] = {}
    for name, function in FILTERS.items():
        if name in REFUSED_FILTERS:
            continue
        if name in _UNCOUNTED:
            table[name] = function
        elif name in _PER_ITEM:
            table[name] = _per_item(function)
        elif name in _HEAVY:
            table[name] = _heavy(_counted(function))
        else:
            table[name] = _counted(function)
        if name in _OF_TEXT:
            table[name] = _of_text(table[name])
    return table | _OWN


def tests() -> dict[str, Any]:
    """Every test by name."""
    table: dict[str, Any] = {**TESTS, **_OWN_TESTS}
    for name in _COMPARISON_TESTS:
        table[name] = _counted(table[name])
    return {
        name: function if name in ASKING_TESTS else _of_value(function) for name, function in table.items()
    }


def _of_value(function: Function) -> Function:
    """A test of a value, which must be there; `selectattr("label", "ne", none)` asks for it."""

    @functools.wraps(function)
    def run(value: Any, *args: Any) -> Any:
        if None not in args:
            present(value, "a value that is tested")
        return function(value, *args)

    return run


def _counted(function: Function) -> Function:
    """A filter that makes no more than about what it reads."""
    # Jinja hands some filters the environment or the like before the value; that is no data to count.
    skip = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        counted_args = [*args[:skip], *map(bounds.count_values, args[skip:])]
        for value in kwargs.values():
            bounds.count_value(value)
        return bounds.check_result(function(*counted_args, **kwargs))

    return run


def _heavy(function: Function) -> Function:
    """A filter that costs more than its text is long."""

    @functools.wraps(function)
    def run(value: Any, *args: Any) -> Any:
        bounds.reserve_text(bounds.weigh(value, bounds.MAX_TEXT) * _HEAVY_FACTOR)
        return function(value, *args)

    return run


def _of_text(function: Function) -> Function:
    """A filter that makes text of its value: there must be one."""
    # Jinja hands some filters the environment or the like before the value.
    place = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        for value in args[place : place + 1]:
            if not isinstance(value, str):
                reserve_written(value)
        return function(*args, **kwargs)

    return run


def _per_item(function: Function) -> Function:
    """A lazy filter that does something for every item: each is a loop step."""

    @functools.wraps(function)
    def run(context: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        return function(context, bounds.count_loop(value) if value else value, *args, **kwargs)

    return run


def bounded_center(value: Any, width: int = 80) -> str:
    """Room for `width` characters, whatever the text."""
    return str(call_method(as_text_or_safe(value).center, (width,), {}))


def bounded_trim(value: Any, chars: str | None = None) -> str:
    """Every character at the ends is looked for among `chars`."""
    return str(call_method(as_text_or_safe(value).strip, (chars,), {}))


def bounded_replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    """Room for every replacement."""
    arguments = (as_text(old), as_text(new), -1 if count is None else count)
    return str(call_method(as_text(value).replace, arguments, {}))


@pass_environment
def bounded_join(
    environment: Environment, value: Any, d: Any = "", attribute: str | int | None = None
) -> str:
    """Room for all texts, and a separator between each two."""
    separator = as_text(d)
    values = bounds.count_values(value)
    if attribute is not None:
        values = map(make_attrgetter(environment, attribute), values)
    return separator.join(reserve_join(separator, map(as_text, values)))


def bounded_format(value: Any, *args: Any, **kwargs: Any) -> str:
    """Room for what `%` writes."""
    if args and kwargs:
        raise FilterArgumentError("can't handle positional and keyword arguments at the same time")
    return str(percent(as_text_or_safe(value), kwargs or args))


def bounded_indent(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Room for the indent before every line."""
    # Jinja's own adds "\n" to the value in place, and would so change a list of the row.
    if not isinstance(value, str):
        raise TypeError(f"`indent` takes text, not a {type(value).__name__}")
    depth = len(width) if isinstance(width, str) else max(0, width)
    bounds.reserve_text(len(value) + depth * (len(value.splitlines()) + 1))
    return do_indent(value, width, first, blank)


def bounded_batch(value: Any, linecount: int, fill_with: Any = None) -> Iterator[list[Any]]:
    """The last batch is filled up to `linecount`."""
    if fill_with is not None:
        bounds.reserve_items(linecount)
    return do_batch(bounds.count_values(value), linecount, fill_with)


def bounded_slice(value: Any, slices: int, fill_with: Any = None) -> Iterator[list[Any]]:
    """Each of the slices is a step, however few items there are to share out."""
    bounds.count_steps(max(0, slices))
    return sync_do_slice(list(bounds.count_values(value)), slices, fill_with)


@pass_environment
def bounded_sum(
    environment: Environment, iterable: Any, attribute: str | int | None = None, start: Any = 0
) -> Any:
    """Numbers at once; anything else by the bounded `+`, as a sum of lists copies the first for each of the rest."""
    values = bounds.count_values(iterable)
    if attribute is not None:
        values = map(make_attrgetter(environment, attribute), values)
    terms = list(values)
    if all(isinstance(term, int | float) for term in (start, *terms)):
        return bounds.check_result(sum(terms, start))
    if isinstance(start, str | bytes):
        raise TypeError("`sum` does not add texts; use `join`")
    return functools.reduce(add, terms, start)


def bounded_round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    """It may have to compute 10 ** precision."""
    if abs(precision) > _MAX_DIGITS:
        raise bounds.BoundError(f"rounding to more than {_MAX_DIGITS} digits")
    return do_round(value, precision, method)


NO_DEFAULT: Any = object()


def bounded_int(value: Any, default: Any = NO_DEFAULT, base: int = 10) -> Any:
    """A whole number; what is none takes the default that the card names, and fails without one.

    Reading a number takes the square of its digits, so that they are bounded.
    """
    if isinstance(value, str) and len(value) > bounds.MAX_BITS:
        raise bounds.BoundError(f"a number written with more than {bounds.MAX_BITS:,} characters")
    number = None if _is_no_number(value) else do_int(value, None, base)  # type: ignore[arg-type]  # handed back as it is
    if number is not None and _is_cut(value, number):
        if default is NO_DEFAULT:
            raise ConversionError(f"not a whole number: {repr(value)[:40]}; write `| float | round | int`")
        number = None
    return bounds.check_result(_number_or_default(value, number, default))


def bounded_float(value: Any, default: Any = NO_DEFAULT) -> Any:
    """A number; what is none takes the default that the card names, and fails without one."""
    number = None if _is_no_number(value) else do_float(value, None)  # type: ignore[arg-type]  # handed back as it is
    return _number_or_default(value, number, default)


def _is_cut(value: Any, number: int) -> bool:
    """Whether a whole number is not all of a value: of 0.9, and of "0.9", it is 0."""
    if isinstance(value, str):
        # Of "0.9" Jinja makes a float first; "7", "0x1f" and "1e3" are whole.
        return "." in value and do_float(value, None) != number  # type: ignore[arg-type]  # handed back as it is
    return isinstance(value, float) and value != number


def _is_no_number(value: Any) -> bool:
    """Whether Python would read a number where nobody wrote one: `1_000`, `nan`, `inf`."""
    if not isinstance(value, str):
        return is_null(value)
    return "_" in value or value.strip().lstrip("+-").casefold() in ("nan", "inf", "infinity")


def _number_or_default(value: Any, number: Any, default: Any) -> Any:
    if isinstance(value, Undefined):
        present(default if default is not NO_DEFAULT else int(value))  # any use says what is undefined
    if number is not None:
        return number
    if default is not NO_DEFAULT:
        return default
    if is_null(value):
        raise NullError("null where a number is needed")
    raise ConversionError(f"not a number: {repr(value)[:40]}")


@pass_eval_context
def bounded_tojson(context: EvalContext, value: Any, indent: int | None = None) -> str:
    """Room for the indent before every item."""
    if indent is not None and not 0 <= indent <= _MAX_INDENT:
        raise bounds.BoundError(f"an indent of more than {_MAX_INDENT} spaces")
    bounds.reserve_text(bounds.weigh(value, bounds.MAX_TEXT) * (1 + (indent or 0)))
    return bounds.check_result(do_tojson(context, value, indent))


@pass_environment
def bounded_wordwrap(
    environment: Environment,
    value: str,
    width: int = 79,
    break_long_words: bool = True,
    wrapstring: str | None = None,
    break_on_hyphens: bool = True,
) -> str:
    """At width 1 every character gets a line of its own, and the wrapping text after it."""
    bounds.reserve_text(len(value) * (4 * _HEAVY_FACTOR + len(wrapstring or "")))
    return do_wordwrap(environment, value, width, break_long_words, wrapstring, break_on_hyphens)


_OWN: dict[str, Function] = {
    "one": card_filters.one,
    "many": card_filters.many,
    "numbered": card_filters.numbered,
    "para": card_filters.para,
    "line": card_filters.line,
    "clause": card_filters.clause,
    "label": card_filters.label,
    **dict.fromkeys(sorted(KEYED_FILTERS), choice),
    "batch": bounded_batch,
    "center": bounded_center,
    "format": bounded_format,
    "indent": bounded_indent,
    "int": bounded_int,
    "join": bounded_join,
    "replace": bounded_replace,
    "round": bounded_round,
    "slice": bounded_slice,
    "string": as_text_or_safe,
    "sum": bounded_sum,
    "d": default_value,
    "default": default_value,
    "float": bounded_float,
    "tojson": bounded_tojson,
    "trim": bounded_trim,
    "wordwrap": bounded_wordwrap,
}
_OWN_TESTS: dict[str, Function] = {
    "defined": lambda value: not is_nothing(value),
    "undefined": is_nothing,
    "none": lambda value: not isinstance(value, Undefined) and is_null(value),
    # A text before a remainder is a format string to Python: `"%99999999d" is odd` would be written out first.
    "odd": lambda value: percent(value, 2) == 1,
    "even": lambda value: percent(value, 2) == 0,
    "divisibleby": lambda value, num: percent(value, num) == 0,
}
