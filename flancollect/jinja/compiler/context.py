"""What one compilation of one template knows and collects: lines of Python, constants, names, kinds.

A kind is what is known of a value before any row is seen. "str", "int" (of machine size), "float", "bool" and
"none" are exactly these types; "position" is an int that counts loop steps; "texts" is a list of exactly str;
"list", "dict" and "range" are these; "lazy" is a list that stands for what Jinja walks through lazily; "any" is
all else, undefined values included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import is_
from typing import Any, NamedTuple, Protocol

from jinja2 import nodes
from jinja2.idtracking import VAR_LOAD_RESOLVE, Symbols

SIMPLE = re.compile(r"[A-Za-z_]\w*")
MACHINE_INT = 1 << 63
INTS = ("int", "position")
NUMBERS = (*INTS, "float", "bool")
SCALARS = (*NUMBERS, "none")
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


class Expression(Protocol):
    """What writes the Python of one expression.

    With `lenient`, a missing item is a value, not a reason to give up. With `lazy`, the caller takes a list
    where Jinja has something to walk through once.
    """

    def __call__(
        self, node: nodes.Expr, symbols: Symbols, unit: Unit, *, lenient: bool = False, lazy: bool = False
    ) -> Value:
        """Write it. Raises CannotCompile."""
        ...


@dataclass(slots=True, kw_only=True)
class Unit:
    """One compilation. `columns` holds kinds by row name; `constants` is what the code may name."""

    expression: Expression
    columns: Mapping[str, str]
    globals: Mapping[str, Any]
    constants: dict[str, Any]
    stores: Mapping[str, int]
    limit: int  # characters that a step outside loops may handle without counting them
    loop_limit: int  # the same for a step inside a loop
    most_steps: int  # loop steps of one row
    lines: list[str] = field(default_factory=list)
    indent: int = 3
    depth: int = 0
    counts: bool = False
    picks: bool = False
    loops: dict[str, Loop] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    _variables: dict[str, str] = field(default_factory=dict)
    _interned: dict[tuple[type, Any], str] = field(default_factory=dict)
    _numbered: int = 0

    def write(self, line: str) -> None:
        """Add a line."""
        self.lines.append("    " * self.indent + line)

    @contextmanager
    def block(self, head: str) -> Any:
        """Add a head line; lines written inside stand under it."""
        self.write(head)
        self.indent += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.write("pass")
        self.indent -= 1

    def new(self, letter: str) -> str:
        """A fresh Python name."""
        self._numbered += 1
        return f"{letter}{self._numbered}"

    def constant(self, value: Any) -> str:
        """The name of a value that the code may use; equal texts share one."""
        if not isinstance(value, str):
            name = self.new("k")
            self.constants[name] = value
            return name
        if (str, value) not in self._interned:
            self._interned[str, value] = self.new("k")
            self.constants[self._interned[str, value]] = value
        return self._interned[str, value]

    def helper(self, name: str, function: Callable[..., Any]) -> str:
        """The name of a function that counts against the row's budget."""
        self.counts = True
        self.constants[name] = function
        return name

    def small(self) -> int:
        """The characters that a step here may handle without counting them."""
        return self.loop_limit if self.depth else self.limit

    def all(self, items: Sequence[nodes.Expr], symbols: Symbols) -> list[Value]:
        """The Python of several expressions."""
        return [self.expression(item, symbols, self) for item in items]

    # --- names -----------------------------------------------------------------------------------------

    def variable(self, ref: str) -> str:
        """The Python name of one of Jinja's own names."""
        if ref not in self._variables:
            self._variables[ref] = self.new("v")
        return self._variables[ref]

    def from_row(self, name: str) -> Value | None:
        """What the row, or else the environment, calls by this name; None where nothing is."""
        if name in self.columns:
            if name not in self.used:
                self.used[name] = self.new("r")
            return Value(self.used[name], self.columns[name])
        return Value(self.constant(self.globals[name])) if name in self.globals else None

    def raw(self, ref: str, symbols: Symbols) -> Value:
        """What a name stands for, `missing` included."""
        load = symbols.find_load(ref)
        if load is not None and load[0] == VAR_LOAD_RESOLVE and not stored(ref, symbols):
            return self.from_row(load[1]) or Value("missing", MAYBE_MISSING)
        variable = self.variable(ref)
        return Value(variable, self.kinds.get(variable, MAYBE_MISSING))


def stored(ref: str, symbols: Symbols | None) -> bool:
    """Whether the scope that owns a name also assigns it."""
    while symbols is not None:
        for name, owned in symbols.refs.items():
            if owned == ref:
                return name in symbols.stores
        symbols = symbols.parent
    return False


def listed(values: Sequence[Value]) -> str:
    """Python expressions, with commas between."""
    return ", ".join(value.code for value in values)


def store_counts(tree: nodes.Template) -> dict[str, int]:
    """How often each name is assigned."""
    counts: dict[str, int] = {}
    for name in tree.find_all(nodes.Name):
        if name.ctx != "load":
            counts[name.name] = counts.get(name.name, 0) + 1
    return counts


def kind_of(column: Sequence[Any]) -> str:
    """The kind that all values of a column have."""
    if len(column) > 1 and column[0] is column[-1] and all(map(is_, column, repeat(column[0]))):
        column = column[:1]
    types = set(map(type, column))
    if len(types) != 1:
        return "any"
    (only,) = types
    if only is int:
        return "int" if min(column) >= -MACHINE_INT and max(column) < MACHINE_INT else "any"
    if only is list:
        return "texts" if set(map(type, chain.from_iterable(column))) <= {str} else "list"
    return _KINDS.get(only, "any")
