"""The common filters over lists of data, without the sandbox's ceremony for every item.

Each takes the sandbox's own filter as `slow` and gives way to it for anything but a plain list. What they
handle is counted against the row's budget, at least as high as the sandbox counts it. A result of kind "lazy"
is a list where Jinja has an iterator; nothing here looks at what a template may change, so it makes no
difference when the work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flancollect.jinja import bounds
from flancollect.jinja.compiler import runtime
from flancollect.jinja.filters import as_text

Slow = Callable[..., Any]

MOST_ITEMS = 1_000
MOST_SEPARATOR = 64
_PLAIN = frozenset({str, int, float, bool, type(None)})
_EQUAL = frozenset({"==", "eq", "equalto"})
_UNEQUAL = frozenset({"!=", "ne"})


class Quick(NamedTuple):
    """A quick form: its function, the kind of what it gives, and arguments that come before the template's."""

    function: Callable[..., Any]
    kind: str
    extra: tuple[Any, ...] = ()


def join(slow: Slow, values: Any, separator: Any = "") -> Any:
    """The filter `join`, with a short separator."""
    if not _short(values) or type(separator) is not str or len(separator) > MOST_SEPARATOR:
        return slow(values, separator)
    text = separator.join([value if type(value) is str else as_text(value) for value in values])
    bounds.work(2 * bounds.ITEM * len(values) + 2 * len(text))
    return bounds.made(text)


def as_list(slow: Slow, values: Any) -> Any:
    """`values | list`."""
    if not _short(values):
        return slow(values)
    bounds.work(2 * bounds.ITEM * len(values) + sum(map(_weight, values)))
    return list(values)


def first(slow: Slow, values: Any) -> Any:
    """`values | first`."""
    return values[0] if type(values) is list and values else slow(values)


def map_attribute(slow: Slow, values: Any, name: str) -> Any:
    """`values | map(attribute=name)`."""
    if not _short(values):
        return slow(values, attribute=name)
    bounds.step(len(values))
    return [_item(value, name) for value in values]


def map_text(slow: Slow, values: Any, name: str, *chars: str) -> Any:
    """`values | map("lower")` and its like, over texts."""
    if not _short(values) or set(map(type, values)) != {str}:
        return slow(values, name, *chars)
    bounds.step(len(values))
    bounds.work(6 * sum(map(len, values)) + bounds.ITEM * len(values))
    method = _TEXT_METHODS[name]
    return [method(value, *chars) for value in values]


_TEXT_METHODS: dict[str, Callable[..., str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "capitalize": str.capitalize,
    "trim": str.strip,
    "string": str,
}


def where_attribute(slow: Slow, values: Any, wanted: bool, name: str, test: str, other: Any) -> Any:
    """`values | selectattr(name, "==", other)` and its like: items for which equality is `wanted`."""
    if not _short(values) or type(other) not in _PLAIN:
        return slow(values, name, test, other)
    found = [_item(value, name) for value in values]
    _count_compared(found, other)
    return [value for value, item in zip(values, found, strict=True) if (item == other) is wanted]


def where_true(slow: Slow, values: Any, wanted: bool, name: str) -> Any:
    """`values | selectattr(name)` and its opposite: items for which the attribute's truth is `wanted`."""
    if not _short(values):
        return slow(values, name)
    bounds.step(len(values))
    return [value for value in values if bool(_item(value, name)) is wanted]


def where(slow: Slow, values: Any, wanted: bool, test: str, other: Any) -> Any:
    """`values | select("==", other)` and its like."""
    if not _short(values) or type(other) not in _PLAIN:
        return slow(values, test, other)
    _count_compared(values, other)
    return [value for value in values if (value == other) is wanted]


def _short(values: Any) -> bool:
    return type(values) is list and len(values) <= MOST_ITEMS


def _item(value: Any, name: str) -> Any:
    return value[name] if type(value) is dict and name in value else runtime.item(value, name)


def _count_compared(values: Sequence[Any], other: Any) -> None:
    bounds.step(len(values))
    bounds.work(sum(map(_weight, values)) + len(values) * (bounds.ITEM + _weight(other)))


def _weight(value: Any) -> int:
    return len(value) if type(value) is str else bounds.weigh(value)


# --- which form for which arguments ------------------------------------------------------------------------


def _join_form(args: Sequence[Any], named: Mapping[str, Any]) -> Quick | None:
    return Quick(join, "any") if len(args) < 2 and not named else None


def _plain_form(function: Callable[..., Any], kind: str) -> Callable[..., Quick | None]:
    def form(args: Sequence[Any], named: Mapping[str, Any]) -> Quick | None:
        return None if args or named else Quick(function, kind)

    return form


def _map_form(args: Sequence[Any], named: Mapping[str, Any]) -> Quick | None:
    if not args and set(named) == {"attribute"} and _is_name(named["attribute"]):
        return Quick(map_attribute, "lazy")
    chars = [len(arg) <= MOST_SEPARATOR if isinstance(arg, str) else False for arg in args[1:]]
    fits = len(chars) <= (args[:1] == ["trim"]) and all(chars) and not named
    return Quick(map_text, "lazy") if args and args[0] in _TEXT_METHODS and fits else None


def _where_form(*, keeps: bool, by_attribute: bool) -> Callable[..., Quick | None]:
    def form(args: Sequence[Any], named: Mapping[str, Any]) -> Quick | None:
        if by_attribute and len(args) == 1 and not named and _is_name(args[0]):
            return Quick(where_true, "lazy", (keeps,))
        test = args[by_attribute] if len(args) == 2 + by_attribute and not named else None
        if test not in _EQUAL | _UNEQUAL or (by_attribute and not _is_name(args[0])):
            return None
        return Quick(where_attribute if by_attribute else where, "lazy", ((test in _EQUAL) == keeps,))

    return form


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier()


LIST_FILTERS: dict[str, Callable[[Sequence[Any], Mapping[str, Any]], Quick | None]] = {
    "join": _join_form,
    "list": _plain_form(as_list, "list"),
    "first": _plain_form(first, "any"),
    "map": _map_form,
    "select": _where_form(keeps=True, by_attribute=False),
    "reject": _where_form(keeps=False, by_attribute=False),
    "selectattr": _where_form(keeps=True, by_attribute=True),
    "rejectattr": _where_form(keeps=False, by_attribute=True),
}
"""By filter: the quick form for its constant arguments (None stands for any other), if there is one."""
