"""Statements of a template to statements of Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import nodes
from jinja2.idtracking import VAR_LOAD_UNDEFINED, Symbols

from flancollect.jinja import bounds
from flancollect.jinja.compiler.context import CannotCompile, CompileContext, Value
from flancollect.jinja.compiler.expressions import write_expression
from flancollect.jinja.compiler.filters import apply_filter
from flancollect.jinja.compiler.loops import write_loop
from flancollect.jinja.compiler.names import enter, target_of
from flancollect.jinja.compiler.output import Output


def write_body(body: Sequence[nodes.Node], symbols: Symbols, context: CompileContext, output: Output) -> None:
    """Write statements, their text into `output`."""
    for node in body:
        write = _WRITERS.get(type(node))
        if write is None:
            raise CannotCompile(f"{type(node).__name__.lower()} is not covered")
        write(node, symbols, context, output)


def write_output(node: nodes.Output, symbols: Symbols, context: CompileContext, output: Output) -> None:
    """Text, and `{{ expression }}`."""
    child: Any
    for child in node.nodes:
        if isinstance(child, nodes.TemplateData):
            output.literal(child.data)
        elif isinstance(child, nodes.Const) and isinstance(child.value, str):
            output.literal(child.value)
        else:
            output.value(write_expression(child, symbols, context))


def write_if(node: nodes.If, symbols: Symbols, context: CompileContext, output: Output) -> None:
    """`{% if %}`, `{% elif %}`, `{% else %}`."""
    # What has gathered is written before the branches: the f-string of a branch must not take it along.
    output.flush()
    for word, branch in [("if", node), *(("elif", branch) for branch in node.elif_)]:
        test = write_expression(branch.test, symbols, context).code
        with context.block(f"{word} {test}:"):
            write_body(branch.body, symbols, context, output)
            output.flush()
    if node.else_:
        with context.block("else:"):
            write_body(node.else_, symbols, context, output)
            output.flush()


def write_assign(node: nodes.Assign, symbols: Symbols, context: CompileContext, output: Output) -> None:
    """`{% set x = a %}` -> `v1 = r1`; `{% set ns.x = a %}` -> `v1[k1] = r1`, if it is a namespace."""
    output.flush()
    for target in node.find_all(nodes.NSRef):
        namespace = context.load(symbols.ref(target.name), symbols).code
        with context.block(f"if not isinstance({namespace}, Namespace):"):
            context.emit("doubt()")
    value = write_expression(node.node, symbols, context)
    context.emit(f"{target_of(node.target, symbols, context)} = {value.code}")
    _note_kind(node.target, value, symbols, context)


def _note_kind(target: nodes.Node, value: Value, symbols: Symbols, context: CompileContext) -> None:
    """Note what is known of a name from here on, where nothing else ever assigns it."""
    if not isinstance(target, nodes.Name):
        return
    ref = symbols.ref(target.name)
    load = symbols.find_load(ref)
    if load is not None and load[0] == VAR_LOAD_UNDEFINED:
        kind = value.kind if context.store_counts[target.name] == 1 else "any"
        context.variable_kinds[context.variable(ref)] = kind


def write_assign_block(
    node: nodes.AssignBlock, symbols: Symbols, context: CompileContext, output: Output
) -> None:
    """`{% set x %}...{% endset %}`."""
    output.flush()
    value = _capture(node, node.filter, symbols, context)
    context.emit(f"{target_of(node.target, symbols, context)} = {value.code}")
    _note_kind(node.target, value, symbols, context)


def write_filter_block(
    node: nodes.FilterBlock, symbols: Symbols, context: CompileContext, output: Output
) -> None:
    """`{% filter upper %}...{% endfilter %}`."""
    output.flush()
    output.value(_capture(node, node.filter, symbols, context))


def _capture(
    node: nodes.AssignBlock | nodes.FilterBlock,
    outermost: nodes.Filter | None,
    symbols: Symbols,
    context: CompileContext,
) -> Value:
    """The text of a block, through its filters."""
    inner = Symbols(symbols)
    inner.analyze_node(node)
    enter(inner, context)
    block_output = Output(context, context.fresh("s"))
    write_body(node.body, inner, context, block_output)
    block_output.flush()
    value = Value(f"{context.helper(bounds.check_result)}({block_output.finish()})", "str")
    # `{% filter trim | upper %}` is the node upper(trim(nothing)): from the outermost to the one that comes first.
    filters = []
    while outermost is not None:
        filters.append(outermost)
        outermost = outermost.node if isinstance(outermost.node, nodes.Filter) else None
    for filter_node in reversed(filters):
        value = apply_filter(filter_node, value, inner, context)
    return value


def write_with(node: nodes.With, symbols: Symbols, context: CompileContext, output: Output) -> None:
    """`{% with x = a %}...{% endwith %}`."""
    output.flush()
    inner = Symbols(symbols)
    inner.analyze_node(node)
    enter(inner, context)
    for target, value in zip(node.targets, node.values, strict=True):
        # The values are read in the scope around: in `with x = y, y = x` both are those from outside.
        code = write_expression(value, symbols, context).code
        context.emit(f"{target_of(target, inner, context)} = {code}")
        for name in [target, *target.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                context.variable_kinds[context.variable(inner.ref(name.name))] = "any"
    write_body(node.body, inner, context, output)


def write_for(node: nodes.For, symbols: Symbols, context: CompileContext, output: Output) -> None:
    """`{% for %}`, in a module of its own."""
    write_loop(node, symbols, context, output, write_body)


_WRITERS: dict[type[nodes.Node], Callable[..., None]] = {
    nodes.Output: write_output,
    nodes.If: write_if,
    nodes.Assign: write_assign,
    nodes.AssignBlock: write_assign_block,
    nodes.FilterBlock: write_filter_block,
    nodes.With: write_with,
    nodes.For: write_for,
}
