"""Calls in Jinja to Python: methods of values, and the few functions that the environment knows."""

from __future__ import annotations

from jinja2 import nodes
from jinja2.idtracking import Symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import CannotCompile, Unit, Value
from flancollect.jinja.compiler.inline import METHODS, Plain, guarded, joined_texts


def write_call(node: nodes.Call, symbols: Symbols, unit: Unit, _: bool) -> Value:
    """A call of a method by its name, or of a function of the environment."""
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise CannotCompile("a call with * or ** is not covered")
    if isinstance(node.node, nodes.Getattr):
        return _method(node, node.node, symbols, unit)
    if not isinstance(node.node, nodes.Name):
        raise CannotCompile("a call of something without a name is not covered")
    name = node.node.name
    value = unit.raw(symbols.ref(name), symbols)
    if unit.columns.get(name) is not None or unit.constants.get(value.code) is not unit.globals.get(
        name, unit
    ):
        raise CannotCompile(f"a call of `{name}` is not covered")
    unit.counts = True
    return Value(f"{value.code}({arguments_of(node, symbols, unit)})", "range" if name == "range" else "any")


def arguments_of(node: nodes.Call | nodes.Filter | nodes.Test, symbols: Symbols, unit: Unit) -> str:
    """Arguments as written; a name that Python cannot write goes through a mapping."""
    args = [value.code for value in unit.all(node.args, symbols)]
    named = [
        f"{unit.constant(word.key)}: {unit.expression(word.value, symbols, unit).code}"
        for word in node.kwargs
    ]
    return ", ".join([*args, *([f"**{{{', '.join(named)}}}"] if named else [])])


def _method(node: nodes.Call, method: nodes.Getattr, symbols: Symbols, unit: Unit) -> Value:
    if isinstance(method.node, nodes.Name) and symbols.find_ref(method.node.name) in unit.loops:
        raise CannotCompile(f"`loop.{method.attr}(...)` is not covered")
    value = unit.expression(method.node, symbols, unit)
    helper = unit.helper("call_method", runtime.call_method)
    key, arguments = unit.constant(method.attr), arguments_of(node, symbols, unit)
    if method.attr == "join" and value.kind == "str" and len(node.args) == 1 and not node.kwargs:
        items = unit.expression(node.args[0], symbols, unit)
        if items.kind == "texts" and is_short(method.node):
            return joined_texts(
                value.code, items, lambda name: f"{helper}({value.code}, {key}, {name})", unit
            )
    plain = METHODS.get(method.attr)
    if plain is None or not fits_plain(node, plain) or value.kind not in ("str", "any"):
        return Value(f"{helper}({', '.join(part for part in (value.code, key, arguments) if part)})")
    rest = f", {arguments}" if arguments else ""
    return guarded(
        value,
        lambda name: f"{name}.{method.attr}({arguments})",
        lambda name: f"{helper}({name}, {key}{rest})",
        plain,
        unit,
    )


def fits_plain(node: nodes.Call | nodes.Filter, plain: Plain) -> bool:
    """Whether the arguments are few and short literals."""
    return not node.kwargs and plain.least <= len(node.args) <= plain.most and all(map(is_short, node.args))


def is_short(node: nodes.Node) -> bool:
    """Whether this is a literal that no step takes long over."""
    if isinstance(node, nodes.Neg):
        node = node.node
    return isinstance(node, nodes.Const) and (not isinstance(node.value, str) or len(node.value) <= 64)
