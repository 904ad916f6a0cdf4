"""The Jinja environment under `expression.py`: no loaders, no randomness, no way out, nothing unbounded.

Jinja's sandbox keeps a template away from Python. What it leaves unbounded is bounded here, against
the budget of `bounds.py`: operators and calls in the hooks that the sandbox offers, loops and the like in
the counting filters that `rewrite.py` puts into the tree, and all that is written out.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from flancollect.jinja import bounds, rewrite
from flancollect.jinja.filters import filters, tests
from flancollect.jinja.formatting import BoundedEscapeFormatter, BoundedFormatter, as_text, reserve_written
from flancollect.jinja.methods import ALLOWED_METHODS, call_method
from flancollect.jinja.mutable import as_mutable, call_mutator, is_mutator
from flancollect.jinja.nulls import NULL_CHECK, present
from flancollect.jinja.operators import OPERATORS

_SCALARS = frozenset({str, int, bool, Markup})


class Variables(Namespace):
    """What `namespace()` gives; printed it shows nothing of what it holds, however much that is."""

    def __repr__(self) -> str:
        return "<Namespace>"


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja without loaders, randomness or unbounded work. Strict: an undefined name is an error."""

    intercepted_binops = frozenset(OPERATORS)
    concat = staticmethod(bounds.concat)

    def __init__(self) -> None:
        # Folding constants would run filters while compiling, and in time that grows with depth.
        super().__init__(
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
            optimized=False,
            finalize=_finalize,
        )
        counting = {
            rewrite.COUNT_LOOP: bounds.count_loop,
            rewrite.COUNT_OPERAND: bounds.count_operand,
            rewrite.COUNTED_SLICE: counted_slice,
            rewrite.COUNTED_CONCAT: counted_concat,
            rewrite.MUTABLE_LITERAL: as_mutable,
            NULL_CHECK: present,
        }
        self.filters = {**filters(), **counting}
        self.tests = tests()
        self.globals = {
            "range": self.globals["range"],  # the sandbox's own, which refuses more than 100,000 items
            "dict": counted_dict,
            "namespace": Variables,
            "zip": counted_zip,
        }

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(rewrite.rewrite(source, self), *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Data is open; of methods only those that are known to be bounded."""
        if is_mutator(obj, attr):
            return True
        if not super().is_safe_attribute(obj, attr, value):
            return False
        return not callable(value) or isinstance(obj, Variables) or attr in ALLOWED_METHODS.get(type(obj), ())

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` and `format_map`, each field within the sandbox and its bounds."""
        if super().wrap_str_format(value) is None:
            return None
        pattern: str = value.__self__
        str_type, is_map = type(pattern), value.__name__ == "format_map"
        formatter = (
            BoundedEscapeFormatter(self, escape=pattern.escape)
            if isinstance(pattern, Markup)
            else BoundedFormatter(self)
        )

        def run(*args: Any, **kwargs: Any) -> str:
            bounds.count_steps(pattern.count("{"))
            if is_map:
                args, kwargs = (), dict(*args)
            return str_type(formatter.vformat(pattern, args, kwargs))

        return update_wrapper(run, value)

    def call_binop(self, context: Context, operator: str, lhs: Any, rhs: Any) -> Any:  # noqa: ARG002
        """Run an operator within the bounds."""
        return OPERATORS[operator](lhs, rhs)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call what a template calls."""
        # The names of the parameters begin with underscores, as in Jinja, so that a template can pass any keyword.
        # The methods of text that is marked safe are written in Python, hence the second test.
        if isinstance(__obj, types.BuiltinMethodType) or isinstance(getattr(__obj, "__self__", None), str):
            kwargs.pop("_loop_vars", None)
            if is_mutator(__obj.__self__, __obj.__name__):
                return call_mutator(__obj, args, kwargs)
            return call_method(__obj, args, kwargs)
        if isinstance(__obj, Macro):
            bounds.count_call()
        elif isinstance(__obj, LoopContext):  # `loop(children)` of a recursive loop: one call, and more steps
            weight = bounds.count_call()
            args = tuple(bounds.count_loop(values, weight) for values in args)
        elif isinstance(__obj, types.MethodType):
            bounds.count_value(args)
        return super().call(__context, __obj, *args, **kwargs)


def _finalize(value: Any) -> Any:
    """What `{{ value }}` writes out; a null is no text. Raises NullError."""
    if type(value) in _SCALARS or isinstance(value, Undefined):
        return value
    reserve_written(value)
    return value


def counted_concat(*values: Any) -> str:
    """`a ~ b ~ c`."""
    return bounds.concat([as_text(value) for value in values])


def counted_slice(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """`value[start:stop:step]`."""
    return bounds.check_result(value[start:stop:step])


def counted_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    """`dict(...)`."""
    return dict(*map(bounds.count_values, args), **kwargs)


def counted_zip(*lists: Any) -> list[tuple[Any, ...]]:
    """Python's `zip`, as a list: the i-th items of all lists together, as far as the shortest goes."""
    rows = [list(bounds.count_loop(values)) for values in lists]
    bounds.reserve_items(len(rows) * min(map(len, rows), default=0))
    return list(zip(*rows, strict=False))
