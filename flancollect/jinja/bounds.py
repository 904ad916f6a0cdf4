"""What one row's expression or template may use up, counted exactly so that every machine agrees.

No clock is read: loop steps and characters handled are counted against a budget that is new for every
row, and each value is held to a size. Whatever could make much out of little asks here first, before it
makes anything: `reserve_*` asks for room, `count_*` notes what is read, `check_result` looks at the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, TypeVar

from jinja2 import Undefined

T = TypeVar("T")

# A row that uses all of this up takes about half a second and less than 150 MB; tests/jinja/test_bounds.py measures.
MAX_STEPS = 100_000
MAX_TEXT = 4_000_000
MAX_ITEMS = 1_000_000
MAX_BITS = 4_096  # 1,234 digits; Python itself refuses to write out more than 4,300
MAX_WORK = 20_000_000
ITEM = 16  # what one list item or number counts in characters
ESCAPED = 5  # characters that Markup makes of a quote: `&#34;`
TOO_MANY_BITS = f"a whole number of more than {MAX_BITS:,} bits"

_SMALL = (int, float, bool, type(None))
_SMALL_TYPES = frozenset({float, bool, type(None)})
_CONTAINERS = (dict, list, tuple, set, frozenset, KeysView, ValuesView, ItemsView)


class BoundError(Exception):
    """A row's expression or template went past a bound; the message names it."""


@dataclass(slots=True)
class Budget:
    """What remains for one row. `call_steps` is what one call of a macro counts; `draws` counts up from 0."""

    steps: int = MAX_STEPS
    work: int = MAX_WORK
    call_steps: int = 1
    draws: int = 0


# A context variable, so that rows rendered in several threads do not share one. Outside any row, as when
# constants are checked while compiling, each count below is held against a full budget of its own.
_budget: ContextVar[Budget] = ContextVar("budget")


def start(call_steps: int) -> Token[Budget]:
    """Begin a row with a full budget; hand the token to `stop`."""
    return _budget.set(Budget(call_steps=call_steps))


def resume(budget: Budget) -> Token[Budget]:
    """Count against a budget that the caller owns and refills; hand the token to `stop`."""
    return _budget.set(budget)


def stop(token: Token[Budget]) -> None:
    """End the row."""
    _budget.reset(token)


def count_steps(count: int) -> None:
    """Count loop steps."""
    budget = _budget.get(None) or Budget()
    budget.steps -= count
    if budget.steps < 0:
        raise BoundError(f"more than {MAX_STEPS:,} loop steps for one row; loop over less")


def count_call() -> int:
    """Count one call of a macro or of a recursive loop, and say how many steps that is."""
    budget = _budget.get(None) or Budget()
    count_steps(budget.call_steps)
    return budget.call_steps


def next_draw() -> int:
    """The number of this keyed draw among those of the row, from 0."""
    budget = _budget.get(None) or Budget()
    budget.draws += 1
    return budget.draws - 1


def count_work(characters: int) -> None:
    """Count characters handled."""
    budget = _budget.get(None) or Budget()
    budget.work -= characters
    if budget.work < 0:
        raise BoundError(f"more than {MAX_WORK:,} characters handled for one row; do less per row")


def reserve_text(length: int) -> None:
    """Ask for a text of this length."""
    if length > MAX_TEXT:
        raise BoundError(f"a text longer than {MAX_TEXT:,} characters")
    count_work(length)


def reserve_items(count: int) -> None:
    """Ask for a list of this length."""
    if count > MAX_ITEMS:
        raise BoundError(f"a list longer than {MAX_ITEMS:,} items")
    count_work(count * ITEM)


def reserve_output(value: object) -> int:
    """Ask for the room to write a value out, and say how much that is.

    Raises UndefinedError for an undefined value in it, and TypeError for what is not data.
    """
    weight = _weigh(value, MAX_TEXT, _weigh_data)
    reserve_text(weight)
    return weight


def weigh(value: object, limit: int = MAX_WORK) -> int:
    """Characters in a value with all that it holds, as often as it holds it; stops counting past `limit`."""
    return _weigh(value, limit, _weigh_one)


def _weigh(value: object, limit: int, weigh_one: Callable[[Any, list[Any]], int]) -> int:
    # ["ab", 1.5] weighs 2 * 16 for its two items + 2 for the text + 16 for the number = 50, and a list that
    # holds it twice 2 * 16 + 2 * 50 = 132. Thirty lists, each holding the one before twice, take little memory
    # and have 2**30 texts to print; weighing them stops at `limit`, so after limit / 16 items at the latest.
    total = 0
    pending = [value]
    while pending and total <= limit:
        value = pending.pop()
        kind = type(value)
        if kind is str or kind is bytes:
            total += len(value)  # type: ignore[arg-type]
        elif kind is list or kind is tuple:
            total += ITEM * len(value)  # type: ignore[arg-type]
            if total <= limit:
                pending.extend(value)  # type: ignore[arg-type]
        elif kind in _SMALL_TYPES:
            total += ITEM
        else:
            total += weigh_one(value, pending)
    return total


def _weigh_one(value: Any, pending: list[Any]) -> int:
    """The weight of a value itself; what it holds is added to `pending`."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, int):
        return ITEM + (value.bit_length() >> 1)
    if isinstance(value, _CONTAINERS):
        if len(value) <= MAX_ITEMS:
            pending.extend(value)
            if isinstance(value, dict):
                pending.extend(value.values())
        return ITEM * len(value)
    if isinstance(value, range):
        return ITEM * len(value)
    return ITEM


def _weigh_data(value: Any, pending: list[Any]) -> int:
    if isinstance(value, Undefined):
        int(value)  # any use but printing says what is undefined
    if callable(value) or isinstance(value, Iterator):
        raise TypeError("a function or lazy list is no data; call it with (), or add `| list`")
    return _weigh_one(value, pending)


def count_value(value: T) -> T:
    """Count a value that is about to be walked through with all that it holds."""
    if not isinstance(value, _SMALL):
        count_work(weigh(value))
    return value


def count_values(values: Any) -> Any:
    """The same values, counted by `count_value`: at once, or one by one where they come from an iterator."""
    # An iterator cannot be weighed without using it up, and what it will give may not exist yet.
    return _count_each(values, count_value) if isinstance(values, Iterator) else count_value(values)


def count_operand(value: T) -> T:
    """Count a value that is about to be compared or searched; for a text that is fast."""
    # C compares 16 characters in the time that other work takes for one. Up to 256 are not worth the counting:
    # whatever repeats the comparison is counted itself.
    if isinstance(value, str):
        if len(value) > 256:
            count_work(len(value) >> 4)
    elif not isinstance(value, _SMALL):
        count_work(weigh(value))
    return value


def check_result(value: T) -> T:
    """Count a value just made by something that makes no more than it reads."""
    if isinstance(value, str):
        reserve_text(len(value))
    elif isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise BoundError(TOO_MANY_BITS)
    elif isinstance(value, list | tuple | set | dict):
        reserve_items(len(value))
    return value


def count_loop(values: Iterable[T], weight: int = 1) -> Iterable[T]:
    """The same values, counted as loop steps: at once where their number is known, one by one elsewhere."""
    try:
        length = len(values)  # type: ignore[arg-type]
    except TypeError:
        return _count_each(values, lambda _: count_steps(weight))
    count_steps(length * weight)
    return values


def _count_each(values: Iterable[T], count: Callable[[T], object]) -> Iterator[T]:
    for value in values:
        count(value)
        yield value


def concat(pieces: Iterable[str]) -> str:
    """Join pieces of output."""
    parts = pieces if isinstance(pieces, list) else list(pieces)
    reserve_text(sum(map(len, parts)))
    return "".join(parts)
