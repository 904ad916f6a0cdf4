"""Jinja expressions to Python expressions, one function per kind of node.

The tree is the one that `jinja/rewrite.py` prepared for reference Jinja, counting filters included. Where a
kind is known, or can be tested for cheaply, plain Python stands for what the sandbox would do at length;
everything else calls the sandbox's own functions. What the plain form handles unseen is small enough
(`CompileContext.unseen_limit`) that all such steps of one row stay within the row's budget.
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
    CompileContext,
    Value,
    comma_separated,
)
from flancollect.jinja.compiler.filters import write_filter, write_test
from flancollect.jinja.compiler.inline import bind, limited_text
from flancollect.jinja.operators import OPERATORS

Writer = Callable[..., Value]

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


def write_expression(
    node: nodes.Node, symbols: Symbols, context: CompileContext, *, lenient: bool = False, lazy: bool = False
) -> Value:
    """The Python of one expression; see `context.ExpressionWriter`. Raises CannotCompile."""
    write = _WRITERS.get(type(node))
    if write is None:
        raise CannotCompile(f"{type(node).__name__.lower()} is not covered")
    value = write(node, symbols, context, lenient)
    return Value(f"iter({value.code})") if value.kind == "lazy" and not lazy else value


def write_name(node: nodes.Name, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`premise` -> `r1`, a variable of the template -> `v1`; `undefined(k1)` where nothing has the name."""
    ref = symbols.ref(node.name)
    if ref in context.loops:
        raise CannotCompile("`loop` is used as a value of its own")
    value = context.load(ref, symbols)
    if value.code == "missing":
        return Value(f"undefined({context.constant(node.name)})")
    if value.kind == MAYBE_MISSING:
        undefined = f"undefined({context.constant(node.name)})"
        return Value(f"({undefined} if {value.code} is missing else {value.code})")
    return value


def write_constant(node: nodes.Const, _: Symbols, context: CompileContext, __: bool) -> Value:
    """A small number, true, false or none as it is written; anything else by the name of a constant."""
    value = node.value
    if value is None or isinstance(value, bool):
        return Value(repr(value), "none" if value is None else "bool")
    # "int" promises machine size, as `kind_of` does for columns; a literal beyond it is for the sandbox.
    if type(value) is int and abs(value) < 1 << 62:
        return Value(repr(value), "int")
    return Value(context.constant(value), {str: "str", float: "float"}.get(type(value), "any"))


def write_template_data(node: nodes.TemplateData, _: Symbols, context: CompileContext, __: bool) -> Value:
    """Text between the braces, where Jinja has it inside an expression."""
    return Value(context.constant(node.data), "str")


def write_list(node: nodes.List, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`[a, "b"]` -> `[r1, k1]`, of kind "texts" where every item is a "str"."""
    items = context.write_all(node.items, symbols)
    kind = "texts" if items and all(item.kind == "str" for item in items) else "list"
    return Value(f"[{comma_separated(items)}]", kind)


def write_tuple(node: nodes.Tuple, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`(a,)` -> `(r1,)`."""
    items = context.write_all(node.items, symbols)
    return Value(f"({comma_separated(items)}{',' if len(items) == 1 else ''})")


def write_dict(node: nodes.Dict, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`{"a": b}` -> `({k1: r1})`."""
    pairs = (
        f"{write_expression(pair.key, symbols, context).code}: "
        f"{write_expression(pair.value, symbols, context).code}"
        for pair in node.items
    )
    # In parentheses, because an f-string would read `{{` as a brace of the text.
    return Value(f"({{{', '.join(pairs)}}})", "dict")


def boolean_writer(word: str) -> Writer:
    """`a and b` -> `(r1 and r2)`: one of the two values, not a bool."""

    def write(node: nodes.BinExpr, symbols: Symbols, context: CompileContext, _: bool) -> Value:
        lhs, rhs = context.write_all((node.left, node.right), symbols)
        kind = lhs.kind if lhs.kind == rhs.kind else "any"
        return Value(f"({lhs.code} {word} {rhs.code})", kind)

    return write


def write_not(node: nodes.Not, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`not a` -> `(not r1)`."""
    return Value(f"(not {write_expression(node.node, symbols, context).code})", "bool")


def sign_writer(sign: str) -> Writer:
    """`-a` -> `(-r1)`; minus true is an int."""

    def write(node: nodes.UnaryExpr, symbols: Symbols, context: CompileContext, _: bool) -> Value:
        value = write_expression(node.node, symbols, context)
        kind = "int" if value.kind in INTS else "float" if value.kind == "float" else "any"
        return Value(f"({sign}{value.code})", kind)

    return write


def arithmetic_writer(sign: str) -> Writer:
    """Small numbers are added in plain Python; the rest is for the sandbox, which asks for the room first."""

    def write(node: nodes.BinExpr, symbols: Symbols, context: CompileContext, _: bool) -> Value:
        lhs, rhs = context.write_all((node.left, node.right), symbols)
        kinds = {lhs.kind, rhs.kind}
        # A sum has one bit more than what is added, and a template has 4,000 nodes at most, so sums are plain.
        # A product may have twice the bits, and so is plain only where a float makes it a float. `**` is none
        # of these: (-2.0) ** 0.5 is complex. `%` is too rare on floats to have a form.
        plain = kinds <= {*INTS, "float"} and (sign in "+-" or "float" in kinds) and sign not in ("**", "%")
        if plain:
            return Value(f"({lhs.code} {sign} {rhs.code})", "float" if "float" in kinds else "int")
        if sign == "+" and kinds == {"str"}:
            return limited_text(f"({lhs.code} + {rhs.code})", context)
        return Value(f"{context.helper(OPERATORS[sign])}({lhs.code}, {rhs.code})")

    return write


def division_writer(sign: str) -> Writer:
    """`a / b` -> `(r1 / r2)`: what it makes is never larger than what it is made of."""

    def write(node: nodes.BinExpr, symbols: Symbols, context: CompileContext, _: bool) -> Value:
        lhs, rhs = context.write_all((node.left, node.right), symbols)
        return Value(f"({lhs.code} {sign} {rhs.code})")

    return write


def write_comparison(node: nodes.Compare, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`1 < a <= b` -> `(1 < r1 <= r2)`."""
    code = write_expression(node.expr, symbols, context).code
    for operand in node.ops:
        code += f" {_COMPARISONS[operand.op]} {write_expression(operand.expr, symbols, context).code}"
    return Value(f"({code})", "bool")


def write_conditional(
    node: nodes.CondExpr, symbols: Symbols, context: CompileContext, lenient: bool
) -> Value:
    """`a if b else c` -> `(r1 if r2 else r3)`; without `else` it may be undefined."""
    test = write_expression(node.test, symbols, context)
    first = write_expression(node.expr1, symbols, context, lenient=lenient)
    if node.expr2 is None:
        return Value(f"({first.code} if {test.code} else undefined({context.constant('else')}))")
    second = write_expression(node.expr2, symbols, context, lenient=lenient)
    kind = first.kind if first.kind == second.kind else "any"
    return Value(f"({first.code} if {test.code} else {second.code})", kind)


def write_attribute(node: nodes.Getattr, symbols: Symbols, context: CompileContext, lenient: bool) -> Value:
    """`doc.text` -> `(r1[k1] if type(r1) is dict else attribute(r1, k1))`."""
    if isinstance(node.node, nodes.Name) and (ref := symbols.find_ref(node.node.name)) in context.loops:
        return _loop_attribute(node.attr, context, ref or "")
    value = write_expression(node.node, symbols, context)
    key = context.constant(node.attr)
    # In Jinja `doc.items` is the method of a dictionary, even of one that has an item of that name.
    if lenient or value.kind == "str" or hasattr(dict, node.attr):
        return Value(f"{context.helper(runtime.attribute)}({value.code}, {key})")
    if value.kind == "dict":
        return Value(f"{value.code}[{key}]")
    first, name = bind(value, context)
    slow = f"{context.helper(runtime.attribute)}({name}, {key})"
    return Value(f"({name}[{key}] if type({first}) is dict else {slow})")


def _loop_attribute(attribute: str, context: CompileContext, ref: str) -> Value:
    position, length, items = context.loops[ref]
    undefined = f"undefined({context.constant(attribute)})" if attribute in ("previtem", "nextitem") else ""
    attributes = {
        "index": Value(position, "position"),
        "index0": Value(f"({position} - 1)", "position"),
        "revindex": Value(f"({length} - {position} + 1)", "position"),
        "revindex0": Value(f"({length} - {position})", "position"),
        "first": Value(f"({position} == 1)", "bool"),
        "last": Value(f"({position} == {length})", "bool"),
        "length": Value(length, "int"),
        # Depth counts the calls of a recursive loop, and those are not covered.
        "depth": Value("1", "int"),
        "depth0": Value("0", "int"),
        # Positions begin at 1, items at 0: of [a, b, c] the second, at position 2, lies between [0] and [2].
        "previtem": Value(f"({items}[{position} - 2] if {position} > 1 else {undefined})"),
        "nextitem": Value(f"({items}[{position}] if {position} < {length} else {undefined})"),
    }
    if attribute not in attributes:
        raise CannotCompile(f"`loop.{attribute}` is not covered")
    return attributes[attribute]


def write_item(node: nodes.Getitem, symbols: Symbols, context: CompileContext, lenient: bool) -> Value:
    """`choices[label]` -> `r1[r2]`; what Python cannot index so raises, and is left to Jinja."""
    value = write_expression(node.node, symbols, context)
    key = write_expression(node.arg, symbols, context)
    if lenient or value.kind in SCALARS or key.kind in ("none", "float"):
        return Value(f"{context.helper(runtime.item)}({value.code}, {key.code})")
    is_text = value.kind in ("str", "texts") and key.kind in (*INTS, "bool")
    return Value(f"{value.code}[{key.code}]", "str" if is_text else "any")


_WRITERS: dict[type[nodes.Node], Writer] = {
    nodes.Name: write_name,
    nodes.Const: write_constant,
    nodes.TemplateData: write_template_data,
    nodes.List: write_list,
    nodes.Tuple: write_tuple,
    nodes.Dict: write_dict,
    nodes.And: boolean_writer("and"),
    nodes.Or: boolean_writer("or"),
    nodes.Not: write_not,
    nodes.Neg: sign_writer("-"),
    nodes.Pos: sign_writer("+"),
    nodes.Add: arithmetic_writer("+"),
    nodes.Sub: arithmetic_writer("-"),
    nodes.Mul: arithmetic_writer("*"),
    nodes.Pow: arithmetic_writer("**"),
    nodes.Mod: arithmetic_writer("%"),
    nodes.Div: division_writer("/"),
    nodes.FloorDiv: division_writer("//"),
    nodes.Compare: write_comparison,
    nodes.CondExpr: write_conditional,
    nodes.Getattr: write_attribute,
    nodes.Getitem: write_item,
    nodes.Call: write_call,
    nodes.Filter: write_filter,
    nodes.Test: write_test,
}
