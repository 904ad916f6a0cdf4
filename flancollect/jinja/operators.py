"""The operators that can make much out of little, held to the bounds of a row.

`'x' * 10**10` and `9 ** 9 ** 9` are a few characters of template and gigabytes of memory, so each operator
works out how large its result will be, asks `bounds.py` for the room, and only then lets Python compute it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from flancollect.jinja import bounds
from flancollect.jinja.formatting import percent

_SCALARS = (int, float, type(None))


def add(lhs: Any, rhs: Any) -> Any:
    """`lhs + rhs`."""
    if isinstance(lhs, str) and isinstance(rhs, str):
        # One side marked safe is enough for the other to be escaped: `"` becomes `&#34;`.
        escaped = isinstance(lhs, Markup) or isinstance(rhs, Markup)
        bounds.reserve_text((len(lhs) + len(rhs)) * (bounds.ESCAPED if escaped else 1))
    elif isinstance(lhs, list | tuple) and isinstance(rhs, list | tuple):
        bounds.reserve_items(len(lhs) + len(rhs))
    return _check_number(lhs + rhs)


def subtract(lhs: Any, rhs: Any) -> Any:
    """`lhs - rhs`: of numbers, or of the keys of mappings, which are walked through."""
    if not isinstance(lhs, _SCALARS):
        bounds.count_value(lhs)
        bounds.count_value(rhs)
    return _check_number(lhs - rhs)


def multiply(lhs: Any, rhs: Any) -> Any:
    """`lhs * rhs`."""
    value, times = (rhs, lhs) if isinstance(lhs, int) else (lhs, rhs)
    if isinstance(times, int):
        if isinstance(value, str | bytes):
            bounds.reserve_text(len(value) * max(0, times))
        elif isinstance(value, list | tuple):
            bounds.reserve_items(len(value) * max(0, times))
        # A product has as many bits as its factors together, or one less: 3 * 3 = 9 is 2 + 2 bits and has 4,
        # 2 * 2 = 4 has 3. Of the two the smaller is held to the bound.
        elif isinstance(value, int) and value.bit_length() + times.bit_length() - 1 > bounds.MAX_BITS:
            raise bounds.BoundError(bounds.TOO_MANY_BITS)
    return lhs * rhs


def power(lhs: Any, rhs: Any) -> Any:
    """`lhs ** rhs`."""
    # A number of b bits is at least 2 ** (b - 1), so its n-th power has at least (b - 1) * n + 1 bits. This keeps
    # 9 ** 9 ** 9 from being computed at all; the exact size is checked afterwards.
    if isinstance(lhs, int) and isinstance(rhs, int) and (lhs.bit_length() - 1) * rhs > bounds.MAX_BITS:
        raise bounds.BoundError(bounds.TOO_MANY_BITS)
    return _check_number(lhs**rhs)


def _check_number(value: Any) -> Any:
    return bounds.check_result(value) if isinstance(value, int) else value


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "**": power,
    "%": percent,
}
"""The operators that Jinja's sandbox hands over to us, and that generated code calls by the same names."""
