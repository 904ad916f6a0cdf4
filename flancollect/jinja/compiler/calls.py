"""Calls in Jinja to Python: methods of values, and the few functions that the environment knows."""

from __future__ import annotations

from jinja2 import nodes
from jinja2.idtracking import Symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import CannotCompile, CompileContext, Value
from flancollect.jinja.compiler.inline import INLINE_METHODS, InlineMethod, guarded_method, joined_texts


def write_call(node: nodes.Call, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """A call of a method by its name, or of a function of the environment."""
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise CannotCompile("a call with * or ** is not covered")
    if isinstance(node.node, nodes.Getattr):
        return _write_method(node, node.node, symbols, context)
    if not isinstance(node.node, nodes.Name):
        raise CannotCompile("a call of something without a name is not covered")
    name = node.node.name
    value = context.load(symbols.ref(name), symbols)
    # Only `range`, `dict`, `zip` and `namespace` themselves: not a column of that name, nor a name that the
    # template assigned. The code then names a constant, and the constant is the environment's function; `context`
    # stands for "no such global", which no constant is.
    is_global = context.constants.get(value.code) is context.globals.get(name, context)
    if context.column_kinds.get(name) is not None or not is_global:
        raise CannotCompile(f"a call of `{name}` is not covered")
    context.uses_budget = True
    kind = "range" if name == "range" else "any"
    return Value(f"{value.code}({arguments_of(node, symbols, context)})", kind)


def arguments_of(
    node: nodes.Call | nodes.Filter | nodes.Test, symbols: Symbols, context: CompileContext
) -> str:
    """Arguments as written; a name that Python cannot write goes through a mapping."""
    # `f(a, class=b)` is fine in Jinja and no Python: it becomes `f(r1, **{k1: r2})`.
    args = [value.code for value in context.write_all(node.args, symbols)]
    named = [
        f"{context.constant(word.key)}: {context.write_expression(word.value, symbols, context).code}"
        for word in node.kwargs
    ]
    return ", ".join([*args, *([f"**{{{', '.join(named)}}}"] if named else [])])


def _write_method(
    node: nodes.Call, method: nodes.Getattr, symbols: Symbols, context: CompileContext
) -> Value:
    if isinstance(method.node, nodes.Name) and symbols.find_ref(method.node.name) in context.loops:
        raise CannotCompile(f"`loop.{method.attr}(...)` is not covered")
    value = context.write_expression(method.node, symbols, context)
    helper = context.helper(runtime.call_method)
    key, arguments = context.constant(method.attr), arguments_of(node, symbols, context)
    if method.attr == "join" and value.kind == "str" and len(node.args) == 1 and not node.kwargs:
        items = context.write_expression(node.args[0], symbols, context)
        if items.kind == "texts" and is_short_literal(method.node):
            return joined_texts(
                value.code, items, lambda name: f"{helper}({value.code}, {key}, {name})", context
            )
    inline = INLINE_METHODS.get(method.attr)
    if inline is None or not takes_arguments(inline, node) or value.kind not in ("str", "any"):
        return Value(f"{helper}({', '.join(part for part in (value.code, key, arguments) if part)})")
    rest = f", {arguments}" if arguments else ""
    return guarded_method(
        value,
        lambda name: f"{name}.{method.attr}({arguments})",
        lambda name: f"{helper}({name}, {key}{rest})",
        inline,
        context,
    )


def takes_arguments(method: InlineMethod, node: nodes.Call | nodes.Filter) -> bool:
    """Whether the arguments are as few as the method takes, and short literals."""
    return (
        not node.kwargs
        and method.min_args <= len(node.args) <= method.max_args
        and all(map(is_short_literal, node.args))
    )


def is_short_literal(node: nodes.Node) -> bool:
    """Whether this is a literal that no step takes long over."""
    if isinstance(node, nodes.Neg):
        node = node.node
    return isinstance(node, nodes.Const) and (not isinstance(node.value, str) or len(node.value) <= 64)
