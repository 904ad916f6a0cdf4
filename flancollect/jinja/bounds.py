"""What one row's expression or template may use up, counted exactly so that every machine agrees.

No clock is read: loop steps and characters handled are counted against a budget that is new for every
row, and each value is held to a size. Whatever could make much out of little asks here first, before it
makes anything.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, TypeVar

from jinja2 import Undefined
from markupsafe import Markup

T = TypeVar("T")

MAX_STEPS = 100_000
MAX_TEXT = 4_000_000
MAX_ITEMS = 1_000_000
MAX_BITS = 4_096
MAX_WORK = 20_000_000
ITEM = 16  # what one list item or number counts in characters
ESCAPED = 5  # characters that Markup makes of a quote

_SMALL = (int, float, bool, type(None))
_SMALL_KINDS = frozenset({float, bool, type(None)})
_HOLDERS = (dict, list, tuple, set, frozenset, KeysView, ValuesView, ItemsView)


class BoundError(Exception):
    """A row's expression or template went past a bound; the message names it."""


@dataclass(slots=True)
class Budget:
    """What is left for one row. `call_steps` is what one call of a macro counts; `draws` were made so far."""

    steps: int = MAX_STEPS
    work: int = MAX_WORK
    call_steps: int = 1
    draws: int = 0


_budget: ContextVar[Budget] = ContextVar("budget")


def start(call_steps: int) -> Token[Budget]:
    """Begin a row with a full budget; hand the token to `stop`."""
    return _budget.set(Budget(call_steps=call_steps))


def resume(budget: Budget) -> Token[Budget]:
    """Count against a budget that the caller keeps and fills; hand the token to `stop`."""
    return _budget.set(budget)


def stop(token: Token[Budget]) -> None:
    """End the row."""
    _budget.reset(token)


def step(count: int) -> None:
    """Count loop steps."""
    budget = _budget.get(None) or Budget()
    budget.steps -= count
    if budget.steps < 0:
        raise BoundError(f"more than {MAX_STEPS:,} loop steps for one row; loop over less")


def call() -> int:
    """Count one call of a macro or of a recursive loop, and say how many steps that is."""
    budget = _budget.get(None) or Budget()
    step(budget.call_steps)
    return budget.call_steps


def drawn() -> int:
    """Count one keyed draw, and say how many the row made before it."""
    budget = _budget.get(None) or Budget()
    budget.draws += 1
    return budget.draws - 1


def work(amount: int) -> None:
    """Count characters handled."""
    budget = _budget.get(None) or Budget()
    budget.work -= amount
    if budget.work < 0:
        raise BoundError(f"more than {MAX_WORK:,} characters handled for one row; do less per row")


def text(length: int) -> None:
    """Ask for a text of this length."""
    if length > MAX_TEXT:
        raise BoundError(f"a text longer than {MAX_TEXT:,} characters")
    work(length)


def items(count: int) -> None:
    """Ask for a list of this length."""
    if count > MAX_ITEMS:
        raise BoundError(f"a list longer than {MAX_ITEMS:,} items")
    work(count * ITEM)


def weigh(value: object, most: int = MAX_WORK) -> int:
    """Characters in a value with all that it holds, as often as it holds it; stops counting past `most`."""
    return _weigh(value, most, _weigh_one)


def written(value: object) -> int:
    """Ask for the room to write a value out, and say how much that is.

    Raises UndefinedError for an undefined value in it, and TypeError for what is not data.
    """
    weight = _weigh(value, MAX_TEXT, _weigh_data)
    text(weight)
    return weight


def _weigh(value: object, most: int, weigh_one: Callable[[Any, list[Any]], int]) -> int:
    total = 0
    rest = [value]
    while rest and total <= most:
        value = rest.pop()
        kind = type(value)
        if kind is str or kind is bytes:
            total += len(value)  # type: ignore[arg-type]
        elif kind is list or kind is tuple:
            total += ITEM * len(value)  # type: ignore[arg-type]
            if total <= most:
                rest.extend(value)  # type: ignore[arg-type]
        elif kind in _SMALL_KINDS:
            total += ITEM
        else:
            total += weigh_one(value, rest)
    return total


def _weigh_one(value: Any, rest: list[Any]) -> int:
    """The weight of a value itself; what it holds is added to `rest`."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, int):
        return ITEM + (value.bit_length() >> 1)
    if isinstance(value, _HOLDERS):
        if len(value) <= MAX_ITEMS:
            rest.extend(value)
            if isinstance(value, dict):
                rest.extend(value.values())
        return ITEM * len(value)
    if isinstance(value, range):
        return ITEM * len(value)
    return ITEM


def _weigh_data(value: Any, rest: list[Any]) -> int:
    if isinstance(value, Undefined):
        int(value)  # any use but printing says what is undefined
    if callable(value) or isinstance(value, Iterator):
        raise TypeError("a function or lazy list is no data; call it with (), or add `| list`")
    return _weigh_one(value, rest)


def read(value: T) -> T:
    """Count a value that is about to be walked through with all that it holds."""
    if not isinstance(value, _SMALL):
        work(weigh(value))
    return value


def operand(value: T) -> T:
    """Count a value that is about to be compared or searched; for a text that is fast."""
    if isinstance(value, str):
        if len(value) > 256:
            work(len(value) >> 4)
    elif not isinstance(value, _SMALL):
        work(weigh(value))
    return value


def made(value: T) -> T:
    """Count a value just made by something that makes no more than it was given."""
    if isinstance(value, str):
        text(len(value))
    elif isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise BoundError(f"a whole number of more than {MAX_BITS:,} bits")
    elif isinstance(value, list | tuple | set | dict):
        items(len(value))
    return value


def counted(values: Iterable[T], weight: int = 1) -> Iterable[T]:
    """The same values, counted as loop steps: at once where their number is known, one by one elsewhere."""
    try:
        length = len(values)  # type: ignore[arg-type]
    except TypeError:
        return _one_by_one(values, lambda _: step(weight))
    step(length * weight)
    return values


def reading(values: Any) -> Any:
    """The same values, `read`: at once, or one by one where they come from an iterator."""
    return _one_by_one(values, read) if isinstance(values, Iterator) else read(values)


def _one_by_one(values: Iterable[T], count: Callable[[T], object]) -> Iterator[T]:
    for value in values:
        count(value)
        yield value


def concat(pieces: Iterable[str]) -> str:
    """Join pieces of output."""
    parts = pieces if isinstance(pieces, list) else list(pieces)
    text(sum(map(len, parts)))
    return "".join(parts)


# --- operators ---------------------------------------------------------------------------------------------


def add(left: Any, right: Any) -> Any:
    """`left + right`."""
    if isinstance(left, str) and isinstance(right, str):
        text(_joined_length(left, right))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        items(len(left) + len(right))
    return _number(left + right)


def subtract(left: Any, right: Any) -> Any:
    """`left - right`."""
    if not isinstance(left, _SMALL):
        read(left)
        read(right)
    return _number(left - right)


def multiply(left: Any, right: Any) -> Any:
    """`left * right`."""
    many, times = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(times, int):
        if isinstance(many, str | bytes):
            text(len(many) * max(0, times))
        elif isinstance(many, list | tuple):
            items(len(many) * max(0, times))
        elif isinstance(many, int) and many.bit_length() + times.bit_length() > MAX_BITS + 1:
            made(1 << MAX_BITS)
    return left * right


def power(left: Any, right: Any) -> Any:
    """`left ** right`."""
    if isinstance(left, int) and isinstance(right, int) and (left.bit_length() - 1) * right > MAX_BITS:
        made(1 << MAX_BITS)
    return _number(left**right)


def _number(value: Any) -> Any:
    return made(value) if isinstance(value, int) else value


def _joined_length(left: str, right: str) -> int:
    escaped = isinstance(left, Markup) or isinstance(right, Markup)
    return (len(left) + len(right)) * (ESCAPED if escaped else 1)
