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
from flancollect.jinja.formatting import as_text
from flancollect.jinja.nulls import is_null

Slow = Callable[..., Any]

MAX_FAST_ITEMS = 1_000
MAX_FAST_SEPARATOR = 64
_SCALARS = frozenset({str, int, float, bool, type(None)})
_EQUAL = frozenset({"==", "eq", "equalto"})
_UNEQUAL = frozenset({"!=", "ne"})


class FastForm(NamedTuple):
    """A fast form: its function, the kind of what it gives, and arguments that come before the template's."""

    function: Callable[..., Any]
    kind: str
    extra: tuple[Any, ...] = ()


ChooseForm = Callable[[Sequence[Any], Mapping[str, Any]], FastForm | None]
"""From the constant arguments of a filter (None stands for any other) to its fast form, if there is one."""


def join(slow: Slow, values: Any, separator: Any = "") -> Any:
    """The filter `join`, with a short separator."""
    if not _is_short(values) or type(separator) is not str or len(separator) > MAX_FAST_SEPARATOR:
        return slow(values, separator)
    text = separator.join([value if type(value) is str else as_text(value) for value in values])
    # The sandbox counts 16 for each item, its text twice (as data, then as text to join), and the result.
    bounds.count_work(2 * bounds.ITEM * len(values) + 2 * len(text))
    return bounds.check_result(text)


def as_list(slow: Slow, values: Any) -> Any:
    """`values | list`."""
    if not _is_short(values):
        return slow(values)
    # Sixteen for each item of the list that is read, with all that it holds, and of the list that is made.
    bounds.count_work(2 * bounds.ITEM * len(values) + sum(map(_weight, values)))
    return list(values)


def first(slow: Slow, values: Any) -> Any:
    """`values | first`."""
    return values[0] if type(values) is list and values else slow(values)


def map_attribute(slow: Slow, values: Any, name: str) -> Any:
    """`values | map(attribute=name)`."""
    if not _is_short(values):
        return slow(values, attribute=name)
    bounds.count_steps(len(values))
    return [_item(value, name) for value in values]


def map_text(slow: Slow, values: Any, name: str, *chars: str) -> Any:
    """`values | map("lower")` and its like, over texts."""
    if not _is_short(values) or set(map(type, values)) != {str}:
        return slow(values, name, *chars)
    bounds.count_steps(len(values))
    # Read once, made (in upper case one letter may become three), and something for the search of `trim`.
    bounds.count_work(6 * sum(map(len, values)) + bounds.ITEM * len(values))
    method = _TEXT_METHODS[name]
    return [method(value, *chars) for value in values]


_TEXT_METHODS: dict[str, Callable[..., str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "capitalize": str.capitalize,
    "trim": str.strip,
    "string": str,
}


def where_attribute(slow: Slow, values: Any, keep: bool, name: str, test: str, other: Any) -> Any:
    """`values | selectattr(name, "==", other)` and its like: items for which equality is `keep`."""
    if not _is_short(values) or type(other) not in _SCALARS:
        return slow(values, name, test, other)
    items = [_item(value, name) for value in values]
    if other is not None and any(map(is_null, items)):
        return slow(values, name, test, other)
    _count_compared(items, other)
    return [value for value, item in zip(values, items, strict=True) if (item == other) is keep]


def where_true(slow: Slow, values: Any, keep: bool, name: str) -> Any:
    """`values | selectattr(name)` and its opposite: items for which the attribute's truth is `keep`."""
    if not _is_short(values):
        return slow(values, name)
    bounds.count_steps(len(values))
    return [value for value in values if bool(_item(value, name)) is keep]


def where(slow: Slow, values: Any, keep: bool, test: str, other: Any) -> Any:
    """`values | select("==", other)` and its like."""
    if (
        not _is_short(values)
        or type(other) not in _SCALARS
        or (other is not None and any(map(is_null, values)))
    ):
        return slow(values, test, other)
    _count_compared(values, other)
    return [value for value in values if (value == other) is keep]


def _is_short(values: Any) -> bool:
    return type(values) is list and len(values) <= MAX_FAST_ITEMS


def _item(value: Any, name: str) -> Any:
    return value[name] if type(value) is dict and name in value else runtime.item(value, name)


def _count_compared(values: Sequence[Any], other: Any) -> None:
    bounds.count_steps(len(values))
    bounds.count_work(sum(map(_weight, values)) + len(values) * (bounds.ITEM + _weight(other)))


def _weight(value: Any) -> int:
    return len(value) if type(value) is str else bounds.weigh(value)


def only_plain(function: Callable[..., Any], kind: str) -> ChooseForm:
    """The form of a filter without arguments."""
    return lambda args, named: None if args or named else FastForm(function, kind)


def join_form(args: Sequence[Any], named: Mapping[str, Any]) -> FastForm | None:
    """`join` and `join(separator)`."""
    return FastForm(join, "any") if len(args) < 2 and not named else None


def map_form(args: Sequence[Any], named: Mapping[str, Any]) -> FastForm | None:
    """`map(attribute="name")`, `map("lower")`, and `map("trim", "chars")`, the one with an argument."""
    if not args and set(named) == {"attribute"} and _is_name(named["attribute"]):
        return FastForm(map_attribute, "lazy")
    if not args or args[0] not in _TEXT_METHODS or named:
        return None
    chars = args[1:]
    if len(chars) > (args[0] == "trim"):
        return None
    are_short = all(isinstance(each, str) and len(each) <= MAX_FAST_SEPARATOR for each in chars)
    return FastForm(map_text, "lazy") if are_short else None


def select_form(*, keep: bool, by_attribute: bool) -> ChooseForm:
    """`select("==", x)`, `selectattr("name")`, `selectattr("name", "==", x)`, and `reject` with `keep` False.

    `reject("==", x)` keeps what is unequal, as `select("!=", x)` does; `reject("!=", x)` what is equal.
    """

    def choose(args: Sequence[Any], named: Mapping[str, Any]) -> FastForm | None:
        if by_attribute and len(args) == 1 and not named and _is_name(args[0]):
            return FastForm(where_true, "lazy", (keep,))
        # The test is the first argument, or the second after the attribute's name; what it compares to follows.
        test = args[by_attribute] if len(args) == 2 + by_attribute and not named else None
        if test not in _EQUAL | _UNEQUAL or (by_attribute and not _is_name(args[0])):
            return None
        return FastForm(where_attribute if by_attribute else where, "lazy", ((test in _EQUAL) == keep,))

    return choose


def _is_name(value: Any) -> bool:
    # Not "a.b" or "0", which Jinja takes apart or reads as a position.
    return isinstance(value, str) and value.isidentifier()


LIST_FILTERS: dict[str, ChooseForm] = {
    "join": join_form,
    "list": only_plain(as_list, "list"),
    "first": only_plain(first, "any"),
    "map": map_form,
    "select": select_form(keep=True, by_attribute=False),
    "reject": select_form(keep=False, by_attribute=False),
    "selectattr": select_form(keep=True, by_attribute=True),
    "rejectattr": select_form(keep=False, by_attribute=True),
}
