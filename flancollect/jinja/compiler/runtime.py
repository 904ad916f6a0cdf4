"""What generated code calls where plain Python would not do: the sandbox's own functions, and doubt.

Generated code may do less than the sandbox allows, never more. Whatever it is not sure of it gives up by
raising Doubt (or anything else); the row is then rendered by reference Jinja, which knows exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NoReturn

from jinja2 import Undefined, nodes
from jinja2.runtime import Context
from jinja2.utils import Namespace, _PassArg, missing

from flancollect.jinja import bounds, formatting
from flancollect.jinja.expression import environment, native
from flancollect.jinja.filters import as_text
from flancollect.jinja.mutable import GROWING, GrowingList, grow
from flancollect.jinja.rewrite import PART

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": bounds.add,
    "-": bounds.subtract,
    "*": bounds.multiply,
    "**": bounds.power,
    "%": formatting.percent,
}
OPERAND = bounds.operand
MADE = bounds.made
AS_TEXT = as_text
NATIVE = native

BUILT_IN = {
    function.__name__: function
    for function in (dict, enumerate, isinstance, iter, len, range, str, type, zip, Exception)
}
"""The only names of Python's own that generated code knows."""


_DIGITS = tuple(map(str, range(2048)))


class Doubt(Exception):  # noqa: N818
    """Generated code is not sure that reference Jinja would give the same."""


def doubt() -> NoReturn:
    """Give the row up."""
    raise Doubt


def constants() -> dict[str, Any]:
    """What all generated code may name beside its own constants and helpers."""
    return {
        "__builtins__": {},
        **BUILT_IN,
        "Undefined": Undefined,
        "Namespace": Namespace,
        "missing": missing,
        "doubt": doubt,
        "digits": _DIGITS,
        "undefined": undefined,
    }


def undefined(name: str) -> Undefined:
    """What a name stands for that neither the row nor the template gives."""
    return environment().undefined(name=name)


def written(value: Any) -> str:
    """What `{{ value }}` writes out."""
    finalize: Any = environment().finalize
    return str(finalize(value))


def attribute(obj: Any, name: str) -> Any:
    """`obj.name`, checked by the sandbox."""
    return environment().getattr(obj, name)


def item(obj: Any, key: Any) -> Any:
    """`obj[key]`, checked by the sandbox."""
    return environment().getitem(obj, key)


def call_method(obj: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """`obj.name(...)`, checked and counted by the sandbox; what it always allows is not checked every time."""
    kind = type(obj)
    if name in _ALLOWED.get(kind, ()):
        return formatting.call_method(getattr(obj, name), args, kwargs)
    if name in GROWING.get(kind, ()):
        return grow(getattr(obj, name), args, kwargs)
    env = environment()
    return env.call(nobody(), env.getattr(obj, name), *args, **kwargs)


_ALLOWED: dict[type, frozenset[str]] = {
    str: formatting.TEXT_METHODS,
    list: formatting.LIST_METHODS,
    dict: formatting.DICT_METHODS,
}


def part(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """`value[start:stop:step]`, counted."""
    return environment().filters[PART](value, start, stop, step)


def sequence(values: Any) -> Any:
    """The values of a loop as something that has a length and can be walked through twice."""
    if isinstance(values, list | tuple | str | range):
        return values
    return list(values)


def settled(values: Any, uses_loop: bool) -> Any:
    """`sequence` for a loop whose body adds to lists: nothing that could change under the loop's feet."""
    if type(values) is dict:
        return list(values)
    if type(values) in (list, tuple, str, range) or (type(values) is GrowingList and not uses_loop):
        return values
    doubt()


def filter_of(name: str) -> Callable[..., Any]:
    """A filter that needs nothing of the row but its arguments."""
    return _bound(environment().filters[name])


def test_of(name: str) -> Callable[..., Any]:
    """A test, the same way."""
    function: Any = environment().tests[name]
    return _bound(function)


def needs_row(name: str) -> bool:
    """Whether a filter asks for the context of the row."""
    return _PassArg.from_obj(environment().filters[name]) is _PassArg.context


def row_context(row: Mapping[str, Any]) -> Context:
    """The context of one row, for the few filters that look at it."""
    env = environment()
    return Context(env, {**env.globals, **row}, None, {})


@lru_cache(maxsize=1)
def nobody() -> Context:
    """The context of no row."""
    return row_context({})


def _bound(function: Callable[..., Any]) -> Callable[..., Any]:
    env = environment()
    wanted = _PassArg.from_obj(function)
    if wanted is _PassArg.environment:
        return partial(function, env)
    if wanted is _PassArg.eval_context:
        return partial(function, nodes.EvalContext(env))
    return partial(function, nobody()) if wanted is _PassArg.context else function
