"""Lists and mappings that a template writes itself, and may add to.

Everything else is read-only: rows are shared between templates, and a template that changes one would change
what others see. `rewrite.py` makes the lists and mappings written out in a template that calls one of these
methods into these types; whatever came from a row never is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flancollect.jinja import bounds


class GrowingList(list[Any]):
    """`[...]` in a template."""

    __slots__ = ()


class GrowingMapping(dict[Any, Any]):
    """`{...}` in a template."""

    __slots__ = ()


GROWING: dict[type, frozenset[str]] = {
    GrowingList: frozenset({"append", "pop"}),
    GrowingMapping: frozenset({"pop", "update"}),
}
METHODS = frozenset().union(*GROWING.values())


def growing(value: Any) -> Any:
    """A list or mapping just written out, as one that may grow."""
    return GrowingList(value) if isinstance(value, list) else GrowingMapping(value)


def may_grow(value: Any, method: str) -> bool:
    """Whether a template may call this method to change this value."""
    return method in GROWING.get(type(value), ())


def grow(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call such a method; every item that it adds is a loop step, so that no loop feeds itself for ever."""
    bounds.step(1)
    if method.__name__ != "update":
        return method(*map(bounds.read, args), **kwargs)
    added = dict(*map(bounds.reading, args), **kwargs)
    bounds.step(len(added))
    return method(bounds.read(added))
