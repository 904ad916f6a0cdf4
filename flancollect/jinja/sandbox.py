"""The Jinja environment under `expression.py`: no loaders, no randomness, no way out, nothing unbounded.

Jinja's sandbox keeps a template away from Python. What it leaves unbounded is bounded here, against
the budget of `bounds.py`: operators and calls in the hooks that the sandbox offers, loops and the like in
the counting filters that `rewrite.py` puts into the tree, and all that is written out.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import update_wrapper
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from flancollect.jinja import bounds, formatting
from flancollect.jinja.filters import as_text, filters, tests, zipped
from flancollect.jinja.mutable import GrowingList, GrowingMapping, grow, growing, may_grow
from flancollect.jinja.rewrite import GROWN, JOINED, LOOP, OPERAND, PART, rewrite

_PLAIN = frozenset({str, int, float, bool, type(None), Markup})
_METHODS: dict[type, frozenset[str]] = {
    str: formatting.TEXT_METHODS,
    Markup: formatting.TEXT_METHODS,
    list: formatting.LIST_METHODS,
    tuple: formatting.LIST_METHODS,
    dict: formatting.DICT_METHODS,
    GrowingList: formatting.LIST_METHODS,
    GrowingMapping: formatting.DICT_METHODS,
    int: formatting.NUMBER_METHODS,
    bool: formatting.NUMBER_METHODS,
    float: formatting.NUMBER_METHODS,
    date: formatting.DATE_METHODS,
    datetime: formatting.DATE_METHODS,
    time: formatting.DATE_METHODS,
    timedelta: formatting.DATE_METHODS,
    LoopContext: frozenset({"cycle", "changed"}),
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": bounds.add,
    "-": bounds.subtract,
    "*": bounds.multiply,
    "**": bounds.power,
    "%": formatting.percent,
}


class Variables(Namespace):
    """What `namespace()` gives; printed it shows nothing of what it holds, however much that is."""

    def __repr__(self) -> str:
        return "<Namespace>"


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja without loaders, randomness or unbounded work. Strict: an undefined name is an error."""

    intercepted_binops = frozenset(_OPERATORS)
    concat = staticmethod(bounds.concat)

    def __init__(self) -> None:
        # Folding constants would run filters while compiling, and in time that grows with depth.
        super().__init__(
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
            optimized=False,
            finalize=_written,
        )
        counting = {
            LOOP: bounds.counted,
            OPERAND: bounds.operand,
            PART: _part,
            JOINED: _joined,
            GROWN: growing,
        }
        self.filters = {**filters(), **counting}
        self.tests = tests()
        self.globals = {
            "range": self.globals["range"],
            "dict": _dictionary,
            "namespace": Variables,
            "zip": zipped,
        }

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(rewrite(source, self), *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Data is open; of methods only those that are known to be bounded."""
        if may_grow(obj, attr):
            return True
        if not super().is_safe_attribute(obj, attr, value):
            return False
        return not callable(value) or isinstance(obj, Variables) or attr in _METHODS.get(type(obj), ())

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` and `format_map`, each field within the sandbox and its bounds."""
        if super().wrap_str_format(value) is None:
            return None
        pattern: str = value.__self__
        str_type, is_map = type(pattern), value.__name__ == "format_map"
        formatter = (
            formatting.BoundedEscapeFormatter(self, escape=pattern.escape)
            if isinstance(pattern, Markup)
            else formatting.BoundedFormatter(self)
        )

        def run(*args: Any, **kwargs: Any) -> str:
            bounds.step(pattern.count("{"))
            if is_map:
                args, kwargs = (), dict(*args)
            return str_type(formatter.vformat(pattern, args, kwargs))

        return update_wrapper(run, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        """Run an operator within the bounds."""
        return _OPERATORS[operator](left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call what a template calls."""
        # The methods of text that is marked safe are written in Python.
        if isinstance(__obj, types.BuiltinMethodType) or isinstance(getattr(__obj, "__self__", None), str):
            kwargs.pop("_loop_vars", None)
            if may_grow(__obj.__self__, __obj.__name__):
                return grow(__obj, args, kwargs)
            return formatting.call_method(__obj, args, kwargs)
        if isinstance(__obj, Macro):
            bounds.call()
        elif isinstance(__obj, LoopContext):
            weight = bounds.call()
            args = tuple(bounds.counted(values, weight) for values in args)
        elif isinstance(__obj, types.MethodType):
            bounds.read(args)
        return super().call(__context, __obj, *args, **kwargs)


def _written(value: Any) -> Any:
    """What `{{ value }}` writes out."""
    if type(value) in _PLAIN or isinstance(value, Undefined):
        return value
    bounds.written(value)
    return value


def _joined(*values: Any) -> str:
    """`a ~ b ~ c`."""
    return bounds.concat([as_text(value) for value in values])


def _part(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """`value[start:stop:step]`."""
    return bounds.made(value[start:stop:step])


def _dictionary(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    """`dict(...)`."""
    return dict(*map(bounds.reading, args), **kwargs)
