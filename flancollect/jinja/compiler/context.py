"""What one compilation of one template knows and collects: lines of Python, constants, names, kinds.

A kind is what is known of a value before any row is seen. "str", "int" (of machine size), "float" (in a column all of
them finite), "bool" and "none" are exactly these types; "position" is an int that counts loop steps; "texts" is a list
of exactly str; "list", "dict" and "range" are these; "lazy" is a list that stands for what Jinja walks through lazily;
"any" is all else, undefined values included.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from math import isfinite
from operator import is_
from typing import Any, NamedTuple, Protocol

from jinja2 import nodes
from jinja2.idtracking import VAR_LOAD_RESOLVE, Symbols

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
MACHINE_INT = 1 << 63
INTS = ("int", "position")
NUMBERS = (*INTS, "float", "bool")
SCALARS = (*NUMBERS, "none")
PLAIN = (*INTS, "bool")
"""Kinds of which every value has a text; a float may be NaN, and a null has none."""
MAYBE_MISSING = "maybe missing"
"""The kind of a Python variable that may hold Jinja's `missing`; no expression has it."""

_KINDS: dict[type, str] = {str: "str", float: "float", bool: "bool", type(None): "none", dict: "dict"}


class CannotCompile(Exception):  # noqa: N818
    """A construct that generated code does not cover; the text says which."""


class Value(NamedTuple):
    """A Python expression, complete in itself, and the kind of its value."""

    code: str
    kind: str = "any"


class Loop(NamedTuple):
    """The Python names of one running loop: position from 1, number of items, the items."""

    position: str
    length: str
    items: str


class ExpressionWriter(Protocol):
    """What writes the Python of one expression: `write_expression` of `expressions.py`.

    With `lenient`, a missing item is a value, not a reason to give up. With `lazy`, the caller takes a list
    where Jinja has something to walk through once.
    """

    def __call__(
        self,
        node: nodes.Node,
        symbols: Symbols,
        context: CompileContext,
        *,
        lenient: bool = False,
        lazy: bool = False,
    ) -> Value:
        """Write it. Raises CannotCompile."""
        ...


@dataclass(slots=True, kw_only=True)
class CompileContext:
    """One compilation. `column_kinds` has a kind for every name of the row; `constants` are the code's globals."""

    # Filters, calls and loops hold expressions, and expressions hold filters and calls: the modules below
    # `expressions.py` find their way back up through this field.
    write_expression: ExpressionWriter
    column_kinds: Mapping[str, str]
    globals: Mapping[str, Any]  # of the environment: range, dict, namespace, zip
    constants: dict[str, Any]
    store_counts: Mapping[str, int]  # how often the template assigns each name
    step_limit: int  # characters that a step outside loops may handle without counting them
    loop_step_limit: int  # the same for a step inside a loop
    max_loop_steps: int  # of one row
    lines: list[str] = field(default_factory=list)
    indent: int = 3  # inside `def`, `for` and `try`
    loop_depth: int = 0
    uses_budget: bool = False
    uses_draws: bool = False
    # Running loops that use `loop`, by Jinja's name of it.
    loops: dict[str, Loop] = field(default_factory=dict)
    row_variables: dict[str, str] = field(default_factory=dict)  # of the columns that are read, in that order
    variable_kinds: dict[str, str] = field(default_factory=dict)
    _variables: dict[str, str] = field(default_factory=dict)
    _text_constants: dict[str, str] = field(default_factory=dict)
    _counters: Counter[str] = field(default_factory=Counter)

    def emit(self, line: str) -> None:
        """Add a line."""
        self.lines.append("    " * self.indent + line)

    @contextmanager
    def block(self, head: str) -> Any:
        """Add a head line; lines written inside stand under it."""
        self.emit(head)
        self.indent += 1
        length = len(self.lines)
        yield
        if len(self.lines) == length:
            self.emit("pass")
        self.indent -= 1

    def fresh(self, letter: str) -> str:
        """A Python name that nothing has yet, such as r1, r2.

        The letter says what it is: r of the row, v of the template, t for the moment, k constant, s text,
        and i, n, j, e for the items, length, position and element of a loop.
        """
        self._counters[letter] += 1
        return f"{letter}{self._counters[letter]}"

    def constant(self, value: Any) -> str:
        """The name of a value that the code may use; equal texts share one."""
        if isinstance(value, str) and value in self._text_constants:
            return self._text_constants[value]
        name = self.fresh("k")
        self.constants[name] = value
        # Only texts are shared: 1, 1.0 and True are equal, and would share a name that has one of them.
        if isinstance(value, str):
            self._text_constants[value] = name
        return name

    def helper(self, function: Callable[..., Any]) -> str:
        """The name of a function that counts against the row's budget: its own, so that one can look it up."""
        self.uses_budget = True
        self.constants[function.__name__] = function
        return function.__name__

    def unseen_limit(self) -> int:
        """The characters that a step here may handle without counting them."""
        return self.loop_step_limit if self.loop_depth else self.step_limit

    def write_all(self, items: Sequence[nodes.Expr], symbols: Symbols) -> list[Value]:
        """The Python of several expressions."""
        return [self.write_expression(item, symbols, self) for item in items]

    def variable(self, ref: str) -> str:
        """The Python name of one of Jinja's own names."""
        # Jinja calls the `x` of a loop `l_1_x` and the one outside `l_0_x`: two names, two Python variables.
        if ref not in self._variables:
            self._variables[ref] = self.fresh("v")
        return self._variables[ref]

    def row_variable(self, column: str) -> str:
        """The Python name of what a column holds for the row; from here on the column is one that is read."""
        if column not in self.row_variables:
            self.row_variables[column] = self.fresh("r")
        return self.row_variables[column]

    def resolve(self, name: str) -> Value | None:
        """What the row, or else the environment, calls by this name; None where nothing is."""
        if name in self.column_kinds:
            return Value(self.row_variable(name), self.column_kinds[name])
        return Value(self.constant(self.globals[name])) if name in self.globals else None

    def load(self, ref: str, symbols: Symbols) -> Value:
        """What a name stands for, `missing` included."""
        load = symbols.find_load(ref)
        if load is not None and load[0] == VAR_LOAD_RESOLVE and not is_stored(ref, symbols):
            return self.resolve(load[1]) or Value("missing", MAYBE_MISSING)
        variable = self.variable(ref)
        return Value(variable, self.variable_kinds.get(variable, MAYBE_MISSING))


def is_stored(ref: str, symbols: Symbols | None) -> bool:
    """Whether the scope that owns a name also assigns it."""
    while symbols is not None:
        for name, owned_ref in symbols.refs.items():
            if owned_ref == ref:
                return name in symbols.stores
        symbols = symbols.parent
    return False


def comma_separated(values: Sequence[Value]) -> str:
    """Python expressions, with commas between."""
    return ", ".join(value.code for value in values)


def kind_of(column: Sequence[Any]) -> str:
    """The kind that all values of a column have.

    ["a", "b"] is "str", [1, 2] "int", [1, 2**63] and [1, "a"] and [1, None] "any"; [["a"], []] is "texts",
    [["a"], [1]] "list".
    """
    # Where all rows share one object, such as the list of a task's answer options, it is looked at once.
    if len(column) > 1 and column[0] is column[-1] and all(map(is_, column, repeat(column[0]))):
        column = column[:1]
    types = set(map(type, column))
    if len(types) != 1:
        return "any"
    (only,) = types
    if only is int:
        return "int" if min(column) >= -MACHINE_INT and max(column) < MACHINE_INT else "any"
    if only is float and not all(map(isfinite, column)):
        return "any"
    if only is list:
        return "texts" if set(map(type, chain.from_iterable(column))) <= {str} else "list"
    return _KINDS.get(only, "any")
