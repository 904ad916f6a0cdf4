"""Lists and dictionaries that a template writes itself, and may add to.

Everything else is read-only: rows are shared between templates, and a template that changes one would change
what others see. `rewrite.py` makes the lists and dictionaries written out in a template that calls one of these
methods into these types; whatever came from a row never is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flancollect.jinja import bounds


class TemplateList(list[Any]):
    """`[...]` in a template."""

    __slots__ = ()


class TemplateDict(dict[Any, Any]):
    """`{...}` in a template."""

    __slots__ = ()


MUTATORS: dict[type, frozenset[str]] = {
    TemplateList: frozenset({"append", "pop"}),
    TemplateDict: frozenset({"pop", "update"}),
}
MUTATOR_NAMES = frozenset().union(*MUTATORS.values())


def as_mutable(value: Any) -> Any:
    """A list or dictionary just written out, as one that may be changed."""
    return TemplateList(value) if isinstance(value, list) else TemplateDict(value)


def is_mutator(value: Any, method: str) -> bool:
    """Whether a template may call this method to change this value."""
    return method in MUTATORS.get(type(value), ())


def call_mutator(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call such a method; every item that it adds is a loop step, so that no loop feeds itself for ever."""
    # `{% for x in l %}{% set _ = l.append(x) %}`: Python's loop sees what its body appends, and Jinja counted
    # the steps of the loop when it began. Here each append counts, so this one stops after 100,000.
    bounds.count_steps(1)
    if method.__name__ != "update":
        return method(*map(bounds.count_value, args), **kwargs)
    update = dict(*map(bounds.count_values, args), **kwargs)
    bounds.count_steps(len(update))
    return method(bounds.count_value(update))
