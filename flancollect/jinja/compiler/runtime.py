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

from flancollect.jinja import methods
from flancollect.jinja.expression import environment
from flancollect.jinja.mutable import MUTATORS, TemplateList, call_mutator

BUILT_IN = {
    function.__name__: function
    for function in (dict, enumerate, isinstance, iter, len, range, str, type, zip, Exception)
}
"""The only names of Python's own that generated code knows."""

# `digits[7]` is "7", faster than str(7). Positions in a loop end at 1,000 (`codegen.MAX_LOOP_STEPS`).
_DIGITS = tuple(map(str, range(2048)))

# Whatever the value, the sandbox allows these methods of these types, so it is not asked for every row.
_UNCHECKED = {kind: methods.ALLOWED_METHODS[kind] for kind in (str, list, dict)}


class Doubt(Exception):  # noqa: N818
    """Generated code is not sure that reference Jinja would give the same."""


def doubt() -> NoReturn:
    """Give the row up."""
    raise Doubt


def constants() -> dict[str, Any]:
    """What all generated code may name, besides its own constants and helpers."""
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


def output_text(value: Any) -> str:
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
    if name in _UNCHECKED.get(kind, ()):
        return methods.call_method(getattr(obj, name), args, kwargs)
    if name in MUTATORS.get(kind, ()):
        return call_mutator(getattr(obj, name), args, kwargs)
    env = environment()
    return env.call(_empty_context(), env.getattr(obj, name), *args, **kwargs)


def sequence(values: Any) -> Any:
    """The values of a loop as something that has a length and can be walked through twice."""
    if isinstance(values, list | tuple | str | range):
        return values
    return list(values)


def stable_sequence(values: Any, uses_loop: bool) -> Any:
    """`sequence` for a loop whose body changes lists: nothing that could change under the loop's feet."""
    # Python's own loop over a list sees what its body appends, as Jinja's does. But Jinja finds `loop.length` when it
    # is first asked for, generated code before the loop begins: where the body uses `loop`, the two may differ.
    if type(values) is dict:
        return list(values)
    if type(values) in (list, tuple, str, range) or (type(values) is TemplateList and not uses_loop):
        return values
    doubt()


def filter_of(name: str) -> Callable[..., Any]:
    """A filter that needs nothing of the row but its arguments."""
    return _bind_environment(environment().filters[name])


def test_of(name: str) -> Callable[..., Any]:
    """A test, the same way."""
    function: Any = environment().tests[name]
    return _bind_environment(function)


def _bind_environment(function: Callable[..., Any]) -> Callable[..., Any]:
    env = environment()
    match _PassArg.from_obj(function):
        case _PassArg.environment:
            return partial(function, env)
        case _PassArg.eval_context:
            return partial(function, nodes.EvalContext(env))
        case _PassArg.context:
            # Lazy filters such as `map` ask the context for the environment only.
            return partial(function, _empty_context())
    return function


def row_context(row: Mapping[str, Any]) -> Context:
    """The context of one row, for the few filters that look at it."""
    env = environment()
    return Context(env, {**env.globals, **row}, None, {})


@lru_cache(maxsize=1)
def _empty_context() -> Context:
    return row_context({})
