"""Statements of a template to statements of Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import nodes
from jinja2.idtracking import VAR_LOAD_UNDEFINED, Symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import CannotCompile, Unit, Value
from flancollect.jinja.compiler.expressions import expression
from flancollect.jinja.compiler.filters import filtered
from flancollect.jinja.compiler.loops import write_loop
from flancollect.jinja.compiler.names import as_expression, enter, target_of
from flancollect.jinja.compiler.output import Output


def write_body(body: Sequence[nodes.Node], symbols: Symbols, unit: Unit, output: Output) -> None:
    """Write statements, their text into `output`."""
    for node in body:
        write = _STATEMENTS.get(type(node))
        if write is None:
            raise CannotCompile(f"{type(node).__name__.lower()} is not covered")
        write(node, symbols, unit, output)


def _output(node: nodes.Output, symbols: Symbols, unit: Unit, output: Output) -> None:
    child: Any
    for child in node.nodes:
        if isinstance(child, nodes.TemplateData):
            output.literal(child.data)
        elif isinstance(child, nodes.Const) and isinstance(child.value, str):
            output.literal(child.value)
        else:
            output.value(expression(child, symbols, unit))


def _if(node: nodes.If, symbols: Symbols, unit: Unit, output: Output) -> None:
    output.flush()
    for word, branch in [("if", node), *(("elif", branch) for branch in node.elif_)]:
        test = expression(as_expression(branch.test), symbols, unit).code
        with unit.block(f"{word} {test}:"):
            write_body(branch.body, symbols, unit, output)
            output.flush()
    if node.else_:
        with unit.block("else:"):
            write_body(node.else_, symbols, unit, output)
            output.flush()


def _assign(node: nodes.Assign, symbols: Symbols, unit: Unit, output: Output) -> None:
    output.flush()
    for target in node.find_all(nodes.NSRef):
        with unit.block(f"if not isinstance({unit.raw(symbols.ref(target.name), symbols).code}, Namespace):"):
            unit.write("doubt()")
    value = expression(as_expression(node.node), symbols, unit)
    unit.write(f"{target_of(node.target, symbols, unit)} = {value.code}")
    _assigned(node.target, value, symbols, unit)


def _assigned(target: nodes.Node, value: Value, symbols: Symbols, unit: Unit) -> None:
    """Note what is known of a name from here on, where nothing else ever assigns it."""
    if not isinstance(target, nodes.Name):
        return
    ref = symbols.ref(target.name)
    load = symbols.find_load(ref)
    if load is not None and load[0] == VAR_LOAD_UNDEFINED:
        unit.kinds[unit.variable(ref)] = value.kind if unit.stores[target.name] == 1 else "any"


def _assign_block(node: nodes.AssignBlock, symbols: Symbols, unit: Unit, output: Output) -> None:
    output.flush()
    value = _captured(node, node.filter, symbols, unit)
    unit.write(f"{target_of(node.target, symbols, unit)} = {value.code}")
    _assigned(node.target, value, symbols, unit)


def _filter_block(node: nodes.FilterBlock, symbols: Symbols, unit: Unit, output: Output) -> None:
    output.flush()
    output.value(_captured(node, node.filter, symbols, unit))


def _captured(
    node: nodes.AssignBlock | nodes.FilterBlock, filter_: nodes.Filter | None, symbols: Symbols, unit: Unit
) -> Value:
    inner = Symbols(symbols)
    inner.analyze_node(node)
    enter(inner, unit)
    captured = Output(unit, unit.new("s"))
    write_body(node.body, inner, unit, captured)
    captured.flush()
    value = Value(f"{unit.helper('made', runtime.MADE)}({captured.finish()})", "str")
    chain = []
    while filter_ is not None:
        chain.append(filter_)
        filter_ = filter_.node if isinstance(filter_.node, nodes.Filter) else None
    for each in reversed(chain):
        value = filtered(each, value, inner, unit)
    return value


def _with(node: nodes.With, symbols: Symbols, unit: Unit, output: Output) -> None:
    output.flush()
    inner = Symbols(symbols)
    inner.analyze_node(node)
    enter(inner, unit)
    for target, value in zip(node.targets, node.values, strict=True):
        unit.write(f"{target_of(target, inner, unit)} = {expression(value, symbols, unit).code}")
        for name in [target, *target.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                unit.kinds[unit.variable(inner.ref(name.name))] = "any"
    write_body(node.body, inner, unit, output)


def _for(node: nodes.For, symbols: Symbols, unit: Unit, output: Output) -> None:
    write_loop(node, symbols, unit, output, write_body)


_STATEMENTS: dict[type[nodes.Node], Callable[..., None]] = {
    nodes.Output: _output,
    nodes.If: _if,
    nodes.Assign: _assign,
    nodes.AssignBlock: _assign_block,
    nodes.FilterBlock: _filter_block,
    nodes.With: _with,
    nodes.For: _for,
}
