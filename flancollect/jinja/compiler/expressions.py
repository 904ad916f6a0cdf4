"""Jinja expressions to Python expressions, one function per kind of node.

The tree is the one that `jinja/rewrite.py` prepared for reference Jinja, counting filters included. Where a
kind is known, or can be tested for cheaply, plain Python stands for what the sandbox would do at length;
everything else calls the sandbox's own functions. What the plain form handles unseen is small enough
(`Unit.small`) that all such steps of one row stay within the row's budget.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes
from jinja2.idtracking import Symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.calls import write_call
from flancollect.jinja.compiler.context import (
    INTS,
    MAYBE_MISSING,
    SCALARS,
    CannotCompile,
    Unit,
    Value,
    listed,
)
from flancollect.jinja.compiler.filters import write_filter, write_test
from flancollect.jinja.compiler.inline import simple, within

_COMPARISONS = {
    "eq": "==",
    "ne": "!=",
    "gt": ">",
    "gteq": ">=",
    "lt": "<",
    "lteq": "<=",
    "in": "in",
    "notin": "not in",
}


def expression(
    node: nodes.Expr, symbols: Symbols, unit: Unit, *, lenient: bool = False, lazy: bool = False
) -> Value:
    """See `unit.Expression`."""
    write = _WRITERS.get(type(node))
    if write is None:
        raise CannotCompile(f"{type(node).__name__.lower()} is not covered")
    value = write(node, symbols, unit, lenient)
    return Value(f"iter({value.code})") if value.kind == "lazy" and not lazy else value


# --- names and literals ------------------------------------------------------------------------------------


def _name(node: nodes.Name, symbols: Symbols, unit: Unit, _: bool) -> Value:
    ref = symbols.ref(node.name)
    if ref in unit.loops:
        raise CannotCompile("`loop` is used as a value of its own")
    value = unit.raw(ref, symbols)
    if value.code == "missing":
        return Value(f"undefined({unit.constant(node.name)})")
    if value.kind == MAYBE_MISSING:
        return Value(f"(undefined({unit.constant(node.name)}) if {value.code} is missing else {value.code})")
    return value


def _const(node: nodes.Const, _: Symbols, unit: Unit, __: bool) -> Value:
    value = node.value
    if value is None or isinstance(value, bool):
        return Value(repr(value), "none" if value is None else "bool")
    if type(value) is int and abs(value) < 1 << 62:
        return Value(repr(value), "int")
    return Value(unit.constant(value), {str: "str", float: "float"}.get(type(value), "any"))


def _template_data(node: nodes.TemplateData, _: Symbols, unit: Unit, __: bool) -> Value:
    return Value(unit.constant(node.data), "str")


def _list(node: nodes.List, symbols: Symbols, unit: Unit, _: bool) -> Value:
    items = unit.all(node.items, symbols)
    kind = "texts" if items and all(item.kind == "str" for item in items) else "list"
    return Value(f"[{listed(items)}]", kind)


def _tuple(node: nodes.Tuple, symbols: Symbols, unit: Unit, _: bool) -> Value:
    items = unit.all(node.items, symbols)
    return Value(f"({listed(items)}{',' if len(items) == 1 else ''})")


def _dict(node: nodes.Dict, symbols: Symbols, unit: Unit, _: bool) -> Value:
    pairs = (
        f"{expression(pair.key, symbols, unit).code}: {expression(pair.value, symbols, unit).code}"
        for pair in node.items
    )
    return Value(f"({{{', '.join(pairs)}}})", "dict")


# --- operators ---------------------------------------------------------------------------------------------


def _and_or(word: str) -> Callable[..., Value]:
    def write(node: nodes.BinExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        left, right = unit.all((node.left, node.right), symbols)
        kind = left.kind if left.kind == right.kind else "any"
        return Value(f"({left.code} {word} {right.code})", kind)

    return write


def _not(node: nodes.Not, symbols: Symbols, unit: Unit, _: bool) -> Value:
    return Value(f"(not {expression(node.node, symbols, unit).code})", "bool")


def _signed(sign: str) -> Callable[..., Value]:
    def write(node: nodes.UnaryExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        value = expression(node.node, symbols, unit)
        return Value(
            f"({sign}{value.code})",
            "int" if value.kind in INTS else value.kind if value.kind == "float" else "any",
        )

    return write


def _arithmetic(sign: str) -> Callable[..., Value]:
    """Small numbers are added in plain Python; the rest is for the sandbox, which asks for the room first."""

    def write(node: nodes.BinExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        left, right = unit.all((node.left, node.right), symbols)
        kinds = {left.kind, right.kind}
        plain = kinds <= {*INTS, "float"} and (sign in "+-" or "float" in kinds) and sign not in ("**", "%")
        if plain:
            return Value(f"({left.code} {sign} {right.code})", "float" if "float" in kinds else "int")
        if sign == "+" and kinds == {"str"}:
            return within(f"({left.code} + {right.code})", unit)
        helper = unit.helper(_OPERATOR_NAMES[sign], runtime.OPERATORS[sign])
        return Value(f"{helper}({left.code}, {right.code})")

    return write


_OPERATOR_NAMES = {"+": "add", "-": "subtract", "*": "multiply", "**": "power", "%": "percent"}


def _divided(sign: str) -> Callable[..., Value]:
    def write(node: nodes.BinExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        left, right = unit.all((node.left, node.right), symbols)
        return Value(f"({left.code} {sign} {right.code})")

    return write


def _compare(node: nodes.Compare, symbols: Symbols, unit: Unit, _: bool) -> Value:
    code = expression(node.expr, symbols, unit).code
    for operand in node.ops:
        code += f" {_COMPARISONS[operand.op]} {expression(operand.expr, symbols, unit).code}"
    return Value(f"({code})", "bool")


def _conditional(node: nodes.CondExpr, symbols: Symbols, unit: Unit, lenient: bool) -> Value:
    test = expression(node.test, symbols, unit)
    first = expression(node.expr1, symbols, unit, lenient=lenient)
    if node.expr2 is None:
        return Value(f"({first.code} if {test.code} else undefined({unit.constant('else')}))")
    second = expression(node.expr2, symbols, unit, lenient=lenient)
    kind = first.kind if first.kind == second.kind else "any"
    return Value(f"({first.code} if {test.code} else {second.code})", kind)


# --- attributes, items, calls ------------------------------------------------------------------------------


def _attribute(node: nodes.Getattr, symbols: Symbols, unit: Unit, lenient: bool) -> Value:
    if isinstance(node.node, nodes.Name) and (ref := symbols.find_ref(node.node.name)) in unit.loops:
        return _loop_attribute(node.attr, unit, ref or "")
    value = expression(node.node, symbols, unit)
    key = unit.constant(node.attr)
    if lenient or value.kind == "str" or hasattr(dict, node.attr):
        return Value(f"{unit.helper('attribute', runtime.attribute)}({value.code}, {key})")
    if value.kind == "dict":
        return Value(f"{value.code}[{key}]")
    first, name = simple(value, unit)
    slow = f"{unit.helper('attribute', runtime.attribute)}({name}, {key})"
    return Value(f"({name}[{key}] if type({first}) is dict else {slow})")


def _loop_attribute(attribute: str, unit: Unit, ref: str) -> Value:
    index, length, items = unit.loops[ref]
    known = {
        "index": Value(index, "position"),
        "index0": Value(f"({index} - 1)", "position"),
        "revindex": Value(f"({length} - {index} + 1)", "position"),
        "revindex0": Value(f"({length} - {index})", "position"),
        "first": Value(f"({index} == 1)", "bool"),
        "last": Value(f"({index} == {length})", "bool"),
        "length": Value(length, "int"),
        "depth": Value("1", "int"),
        "depth0": Value("0", "int"),
        "previtem": Value(
            f"({items}[{index} - 2] if {index} > 1 else undefined({unit.constant('previtem')}))"
        ),
        "nextitem": Value(
            f"({items}[{index}] if {index} < {length} else undefined({unit.constant('nextitem')}))"
        ),
    }
    if attribute not in known:
        raise CannotCompile(f"`loop.{attribute}` is not covered")
    return known[attribute]


def _item(node: nodes.Getitem, symbols: Symbols, unit: Unit, lenient: bool) -> Value:
    value = expression(node.node, symbols, unit)
    key = expression(node.arg, symbols, unit)
    if lenient or value.kind in SCALARS or key.kind in ("none", "float"):
        return Value(f"{unit.helper('item', runtime.item)}({value.code}, {key.code})")
    textual = value.kind in ("str", "texts") and key.kind in (*INTS, "bool")
    return Value(f"{value.code}[{key.code}]", "str" if textual else "any")


_WRITERS: dict[type[nodes.Node], Callable[..., Value]] = {
    nodes.Name: _name,
    nodes.Const: _const,
    nodes.TemplateData: _template_data,
    nodes.List: _list,
    nodes.Tuple: _tuple,
    nodes.Dict: _dict,
    nodes.And: _and_or("and"),
    nodes.Or: _and_or("or"),
    nodes.Not: _not,
    nodes.Neg: _signed("-"),
    nodes.Pos: _signed("+"),
    nodes.Add: _arithmetic("+"),
    nodes.Sub: _arithmetic("-"),
    nodes.Mul: _arithmetic("*"),
    nodes.Pow: _arithmetic("**"),
    nodes.Mod: _arithmetic("%"),
    nodes.Div: _divided("/"),
    nodes.FloorDiv: _divided("//"),
    nodes.Compare: _compare,
    nodes.CondExpr: _conditional,
    nodes.Getattr: _attribute,
    nodes.Getitem: _item,
    nodes.Call: write_call,
    nodes.Filter: write_filter,
    nodes.Test: write_test,
}
