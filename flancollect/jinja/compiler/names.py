"""Names of a template as names of Python: what scopes begin with, and what assignments assign to."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.idtracking import VAR_LOAD_ALIAS, VAR_LOAD_PARAMETER, VAR_LOAD_RESOLVE, Symbols

from flancollect.jinja.compiler.context import MAYBE_MISSING, CannotCompile, Unit, Value, stored


def target_of(node: nodes.Node, symbols: Symbols, unit: Unit) -> str:
    """The Python that an assignment assigns to."""
    if isinstance(node, nodes.Name):
        return unit.variable(symbols.ref(node.name))
    if isinstance(node, nodes.NSRef):
        return f"{unit.raw(symbols.ref(node.name), symbols).code}[{unit.constant(node.attr)}]"
    if isinstance(node, nodes.Tuple) and node.items:
        return f"({', '.join(target_of(item, symbols, unit) for item in node.items)},)"
    raise CannotCompile("this target of an assignment is not covered")


def enter(symbols: Symbols, unit: Unit) -> None:
    """Give the names of a scope what they begin with."""
    for ref, (action, source) in symbols.loads.items():
        if action == VAR_LOAD_PARAMETER:
            continue
        begins = Value("missing", MAYBE_MISSING)
        if action == VAR_LOAD_ALIAS:
            begins = unit.raw(source, symbols)
        elif action == VAR_LOAD_RESOLVE:
            if not stored(ref, symbols):
                continue
            begins = unit.from_row(source) or begins
        variable = unit.variable(ref)
        unit.write(f"{variable} = {begins.code}")
        unit.kinds[variable] = begins.kind if begins.kind == MAYBE_MISSING else "any"


def as_expression(node: Any) -> nodes.Expr:
    """A part of the tree that Jinja types as any node, though it is an expression."""
    found: nodes.Expr = node
    return found
