"""Filters and tests in Jinja to Python, and the counting filters that stand for what Jinja has no name for."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes
from jinja2.idtracking import Symbols

from flancollect.jinja import bounds
from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.calls import arguments_of, is_short_literal, takes_arguments
from flancollect.jinja.compiler.context import (
    INTS,
    SCALARS,
    CannotCompile,
    CompileContext,
    Value,
    comma_separated,
)
from flancollect.jinja.compiler.inline import (
    INLINE_FILTERS,
    INLINE_METHODS,
    bind,
    guarded_method,
    joined_texts,
    limited_text,
    text_piece,
)
from flancollect.jinja.compiler.list_filters import LIST_FILTERS
from flancollect.jinja.expression import environment
from flancollect.jinja.formatting import as_text
from flancollect.jinja.keyed_choice import KEYED_FILTERS, keyed_pick
from flancollect.jinja.mutable import as_mutable
from flancollect.jinja.nulls import NULL_CHECK, is_nothing, present
from flancollect.jinja.rewrite import COUNT_OPERAND, COUNTED_CONCAT, COUNTED_SLICE, MUTABLE_LITERAL
from flancollect.jinja.sandbox import counted_slice

_AS_METHOD = {
    "lower": "lower",
    "upper": "upper",
    "capitalize": "capitalize",
    "trim": "strip",
    "replace": "replace",
}
_GIVE_INT = frozenset({"length", "count", "wordcount"})


def write_filter(node: nodes.Filter, symbols: Symbols, context: CompileContext, lenient: bool) -> Value:
    """A filter with the value it is applied to."""
    special = _SPECIAL.get(node.name)
    if special is not None:
        return special(node, symbols, context, lenient)
    lazy = node.name in LIST_FILTERS
    value = context.write_expression(_value_of(node), symbols, context, lazy=lazy)
    return apply_filter(node, value, symbols, context)


def _value_of(node: nodes.Filter) -> nodes.Expr:
    # Only the head of a `{% filter upper %}` block has none, and that goes to `apply_filter`.
    if node.node is None:
        raise CannotCompile("a filter of nothing is not covered")
    return node.node


def apply_filter(node: nodes.Filter, value: Value, symbols: Symbols, context: CompileContext) -> Value:
    """A filter applied to a value that is written already: the cheapest form that gives the same."""
    inline = INLINE_FILTERS.get((node.name, value.kind))
    if inline is not None and not node.args and not node.kwargs:
        return inline(value, context)
    fast = _list_filter(node, value, symbols, context)
    if fast is not None:
        return fast
    if value.kind == "lazy":
        value = Value(f"iter({value.code})")
    arguments = arguments_of(node, symbols, context)
    head = _call_head(node, context)

    def slow(name: str) -> str:
        return f"{head}{name}{', ' if arguments else ''}{arguments})"

    method_name = _AS_METHOD.get(node.name, "")
    method = INLINE_METHODS.get(method_name)
    if method is not None and value.kind in ("str", "any") and takes_arguments(method, node):
        return guarded_method(value, lambda name: f"{name}.{method_name}({arguments})", slow, method, context)
    if node.name == "join" and value.kind == "texts" and not node.kwargs and len(node.args) < 2:
        separator = Value(context.constant(""), "str")
        if node.args:
            separator = context.write_expression(node.args[0], symbols, context)
        if separator.kind == "str" and (not node.args or is_short_literal(node.args[0])):
            return joined_texts(separator.code, value, slow, context)
    return Value(slow(value.code), "int" if node.name in _GIVE_INT else "any")


def _list_filter(node: nodes.Filter, value: Value, symbols: Symbols, context: CompileContext) -> Value | None:
    """A filter over lists of data in its fast form, where its arguments are of the common kinds."""
    choose_form = LIST_FILTERS.get(node.name)
    if choose_form is None or value.kind not in ("any", "list", "lazy"):
        return None
    positional = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
    named = {str(word.key): word.value.value for word in node.kwargs if isinstance(word.value, nodes.Const)}
    form = choose_form(positional, named) if len(named) == len(node.kwargs) else None
    if form is None:
        return None
    # `docs | map(attribute="text")` becomes `map_attribute(k1, r1, k2)`: the sandbox's filter, to give way to;
    # the value; what the form itself adds; the template's arguments.
    helper = context.helper(form.function)
    slow = context.fresh("k")
    context.constants[slow] = runtime.filter_of(node.name)
    arguments = [context.write_expression(arg, symbols, context).code for arg in node.args]
    arguments += [context.write_expression(word.value, symbols, context).code for word in node.kwargs]
    extra = [context.constant(item) for item in form.extra]
    return Value(f"{helper}({', '.join([slow, value.code, *extra, *arguments])})", form.kind)


def _call_head(node: nodes.Filter, context: CompileContext) -> str:
    """The head of a call of a filter, up to its first argument."""
    context.uses_budget = True
    mapped = node.args[0] if node.name == "map" and node.args else None
    if mapped is not None and not isinstance(mapped, nodes.Const):
        raise CannotCompile("`map` with a computed filter is not covered")
    draws = node.name in KEYED_FILTERS or (mapped is not None and mapped.value in KEYED_FILTERS)
    if not draws:
        return f"{context.constant(runtime.filter_of(node.name))}("
    context.uses_draws = True
    # What the template sees of the row, as a mapping: `{k1: r1, k2: r2}`. All of it, though the template may
    # draw from a constant list, since it is what the draw is keyed by.
    pairs = [f"{context.constant(name)}: {context.row_variable(name)}" for name in context.column_kinds]
    row = f"{{{', '.join(pairs)}}}"
    if node.name in KEYED_FILTERS:
        return f"{context.helper(keyed_pick)}({row}, "
    function = context.constant(environment().filters[node.name])
    return f"{function}({context.helper(runtime.row_context)}({row}), "


def write_default(node: nodes.Filter, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`a.b | default("none")` -> `(k2 if isinstance((t1 := attribute(r1, k1)), Undefined) else t1)`."""
    value = context.write_expression(_value_of(node), symbols, context, lenient=True)
    if node.kwargs or len(node.args) > 1 or (node.args and not isinstance(node.args[0], nodes.Const)):
        rest = arguments_of(node, symbols, context)
        return Value(f"{context.constant(runtime.filter_of('default'))}({value.code}, {rest})")
    if value.kind not in ("any", "none", "float"):  # then it is neither undefined nor null
        return value
    other = Value(context.constant(""), "str")
    if node.args:
        other = context.write_expression(node.args[0], symbols, context)
    first, name = bind(value, context)
    helper = context.helper(is_nothing)
    return Value(f"({other.code} if {helper}({first}) else {name})")


def write_null_check(node: nodes.Filter, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """A value of the row that must be there; most kinds say that it is."""
    value = context.write_expression(_value_of(node), symbols, context)
    if value.kind not in ("any", "none", "float"):
        return value
    return Value(f"{context.helper(present)}({value.code})", value.kind)


def write_operand(node: nodes.Filter, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """A side of a comparison: counted, unless its kind says that it is small."""
    value = context.write_expression(_value_of(node), symbols, context)
    if value.kind in SCALARS:
        return value
    helper = context.helper(bounds.count_operand)
    if value.kind == "str":
        first, name = bind(value, context)
        return Value(f"({name} if len({first}) < 257 else {helper}({name}))", "str")
    return Value(f"{helper}({value.code})", value.kind)


def write_concat(node: nodes.Filter, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`a ~ b` -> `k1.join((r1, r2,))`, each side as text."""
    values = context.write_all((_value_of(node), *node.args), symbols)
    helper = context.helper(as_text)
    pieces = ", ".join(text_piece(value, helper, context) for value in values)
    return limited_text(f"{context.constant('')}.join(({pieces},))", context)


def write_slice(node: nodes.Filter, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`a[1:n]` -> `(r1[1:r2] if len(r1) < 250000 else counted_slice(r1, 1, r2, None))`."""
    value = context.write_expression(_value_of(node), symbols, context)
    ends = context.write_all(node.args, symbols)
    helper = context.helper(counted_slice)
    kind = value.kind if value.kind in ("str", "texts", "list") else "any"
    # Only an end that is not written is left out: a column of nulls is no end at all.
    open_ends = [isinstance(arg, nodes.Const) and arg.value is None for arg in node.args]
    if kind == "any" or not all(
        left_open or end.kind in INTS for left_open, end in zip(open_ends, ends, strict=True)
    ):
        return Value(f"{helper}({value.code}, {comma_separated(ends)})", kind)
    first, name = bind(value, context)
    limit = context.unseen_limit() if value.kind == "str" else context.unseen_limit() // 16
    fast = f"{name}[{':'.join('' if left_open else end.code for left_open, end in zip(open_ends, ends, strict=True))}]"
    return Value(f"({fast} if len({first}) < {limit} else {helper}({name}, {comma_separated(ends)}))", kind)


def write_mutable_literal(node: nodes.Filter, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """`[]` in a template that appends -> `as_mutable([])`."""
    value = context.write_expression(_value_of(node), symbols, context)
    return Value(f"{context.helper(as_mutable)}({value.code})")


def write_test(node: nodes.Test, symbols: Symbols, context: CompileContext, _: bool) -> Value:
    """A test with the value that is tested."""
    lenient = node.name in ("defined", "undefined")
    value = context.write_expression(node.node, symbols, context, lenient=lenient)
    if lenient and not node.args:
        nothing = f"{context.helper(is_nothing)}({value.code})"
        return Value(nothing if node.name == "undefined" else f"(not {nothing})", "bool")
    context.uses_budget = True
    arguments = arguments_of(node, symbols, context)
    rest = f", {arguments}" if arguments else ""
    return Value(f"{context.constant(runtime.test_of(node.name))}({value.code}{rest})")


_SPECIAL: dict[str, Callable[..., Value]] = {
    "default": write_default,
    "d": write_default,
    COUNT_OPERAND: write_operand,
    COUNTED_CONCAT: write_concat,
    COUNTED_SLICE: write_slice,
    MUTABLE_LITERAL: write_mutable_literal,
    NULL_CHECK: write_null_check,
}
