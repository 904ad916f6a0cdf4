"""Filters and tests in Jinja to Python, and the counting filters that stand for what Jinja has no name for."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes
from jinja2.idtracking import Symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.calls import arguments_of, fits_plain, is_short
from flancollect.jinja.compiler.context import INTS, SCALARS, CannotCompile, Unit, Value, listed
from flancollect.jinja.compiler.inline import (
    FILTERS,
    METHODS,
    guarded,
    joined_texts,
    simple,
    text_piece,
    within,
)
from flancollect.jinja.compiler.list_filters import LIST_FILTERS
from flancollect.jinja.expression import environment
from flancollect.jinja.keyed_choice import KEYED, chosen
from flancollect.jinja.rewrite import GROWN, JOINED, OPERAND, PART


def _operand_of(node: nodes.Filter) -> nodes.Expr:
    if node.node is None:
        raise CannotCompile("a filter of nothing is not covered")
    return node.node


def write_filter(node: nodes.Filter, symbols: Symbols, unit: Unit, lenient: bool) -> Value:
    """A filter with the value it is applied to."""
    special = _SPECIAL.get(node.name)
    if special is not None:
        return special(node, symbols, unit, lenient)
    value = unit.expression(_operand_of(node), symbols, unit, lazy=node.name in LIST_FILTERS)
    return filtered(node, value, symbols, unit)


def filtered(node: nodes.Filter, value: Value, symbols: Symbols, unit: Unit) -> Value:
    """A filter applied to a value that is written already."""
    plain = FILTERS.get((node.name, value.kind))
    if plain is not None and not node.args and not node.kwargs:
        return plain(value, unit)
    quick = _list_filter(node, value, symbols, unit)
    if quick is not None:
        return quick
    if value.kind == "lazy":
        value = Value(f"iter({value.code})")
    arguments = arguments_of(node, symbols, unit)
    head = _filter_head(node, unit)

    def slow(name: str) -> str:
        return f"{head}{name}{', ' if arguments else ''}{arguments})"

    method = METHODS.get(_AS_METHOD.get(node.name, ""))
    if method is not None and value.kind in ("str", "any") and fits_plain(node, method):
        return guarded(value, lambda name: f"{name}.{_AS_METHOD[node.name]}({arguments})", slow, method, unit)
    if node.name == "join" and value.kind == "texts" and not node.kwargs and len(node.args) < 2:
        separator = (
            unit.expression(node.args[0], symbols, unit) if node.args else Value(unit.constant(""), "str")
        )
        if separator.kind == "str" and (not node.args or is_short(node.args[0])):
            return joined_texts(separator.code, value, slow, unit)
    return Value(slow(value.code), "int" if node.name in _COUNTING else "any")


def _list_filter(node: nodes.Filter, value: Value, symbols: Symbols, unit: Unit) -> Value | None:
    """A filter over lists of data in its quick form, where its arguments are of the common kinds."""
    quick = LIST_FILTERS.get(node.name)
    if quick is None or value.kind not in ("any", "list", "lazy"):
        return None
    positional = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
    named = {str(word.key): word.value.value for word in node.kwargs if isinstance(word.value, nodes.Const)}
    form = quick(positional, named) if len(named) == len(node.kwargs) else None
    if form is None:
        return None
    helper = unit.helper(form.function.__name__, form.function)
    unit.constants[slow := unit.new("k")] = runtime.filter_of(node.name)
    rest = [unit.expression(arg, symbols, unit).code for arg in node.args]
    rest += [unit.expression(word.value, symbols, unit).code for word in node.kwargs]
    extra = [unit.constant(item) for item in form.extra]
    return Value(f"{helper}({', '.join([slow, value.code, *extra, *rest])})", form.kind)


_AS_METHOD = {
    "lower": "lower",
    "upper": "upper",
    "capitalize": "capitalize",
    "trim": "strip",
    "replace": "replace",
}
_COUNTING = frozenset({"length", "count", "wordcount"})


def _filter_head(node: nodes.Filter, unit: Unit) -> str:
    """The head of a call of a filter, up to its first argument."""
    unit.counts = True
    mapped = node.args[0] if node.name == "map" and node.args else None
    if mapped is not None and not isinstance(mapped, nodes.Const):
        raise CannotCompile("`map` with a computed filter is not covered")
    draws = node.name in KEYED or (mapped is not None and mapped.value in KEYED)
    if not draws:
        return f"{unit.constant(runtime.filter_of(node.name))}("
    unit.picks = True
    if node.name in KEYED:
        return f"{unit.helper('chosen', chosen)}({_row(unit)}, "
    function = unit.constant(environment().filters[node.name])
    return f"{function}({unit.helper('row_context', runtime.row_context)}({_row(unit)}), "


def _row(unit: Unit) -> str:
    """What the template sees of the row, as a mapping."""
    seen = [(unit.constant(name), value.code) for name in unit.columns if (value := unit.from_row(name))]
    return f"{{{', '.join(f'{name}: {code}' for name, code in seen)}}}"


def _default(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    value = unit.expression(_operand_of(node), symbols, unit, lenient=True)
    if node.kwargs or len(node.args) > 1 or (node.args and not isinstance(node.args[0], nodes.Const)):
        rest = arguments_of(node, symbols, unit)
        return Value(f"{unit.constant(runtime.filter_of('default'))}({value.code}, {rest})")
    if value.kind != "any":
        return value
    other = unit.expression(node.args[0], symbols, unit) if node.args else Value(unit.constant(""), "str")
    first, name = simple(value, unit)
    return Value(f"({other.code} if isinstance({first}, Undefined) else {name})")


def _operand(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    value = unit.expression(_operand_of(node), symbols, unit)
    if value.kind in SCALARS:
        return value
    helper = unit.helper("operand", runtime.OPERAND)
    if value.kind == "str":
        first, name = simple(value, unit)
        return Value(f"({name} if len({first}) < 257 else {helper}({name}))", "str")
    return Value(f"{helper}({value.code})", value.kind)


def _joined(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    values = unit.all((_operand_of(node), *node.args), symbols)
    as_text = unit.helper("as_text", runtime.AS_TEXT)
    pieces = ", ".join(text_piece(value, as_text, unit) for value in values)
    return within(f"{unit.constant('')}.join(({pieces},))", unit)


def _part(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    value = unit.expression(_operand_of(node), symbols, unit)
    ends = unit.all(node.args, symbols)
    helper = unit.helper("part", runtime.part)
    kind = value.kind if value.kind in ("str", "texts", "list") else "any"
    if kind == "any" or any(end.kind not in (*INTS, "none") for end in ends):
        return Value(f"{helper}({value.code}, {listed(ends)})", kind)
    first, name = simple(value, unit)
    room = unit.small() if value.kind == "str" else unit.small() // 16
    fast = f"{name}[{':'.join('' if end.kind == 'none' else end.code for end in ends)}]"
    return Value(f"({fast} if len({first}) < {room} else {helper}({name}, {listed(ends)}))", kind)


def _grown(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    helper = unit.helper("growing", environment().filters[GROWN])
    return Value(f"{helper}({unit.expression(_operand_of(node), symbols, unit).code})")


def write_test(node: nodes.Test, symbols: Symbols, unit: Unit, _: bool) -> Value:
    """A test with the value that is tested."""
    lenient = node.name in ("defined", "undefined")
    value = unit.expression(node.node, symbols, unit, lenient=lenient)
    if lenient and not node.args:
        known = isinstance(node.node, nodes.Name) and value.kind != "any"
        code = "True" if known else f"(not isinstance({value.code}, Undefined))"
        return Value(code if node.name == "defined" else f"(not {code})", "bool")
    if node.name == "none" and not node.args and value.kind not in SCALARS:
        return Value(f"({value.code} is None)", "bool")
    unit.counts = True
    arguments = arguments_of(node, symbols, unit)
    rest = f", {arguments}" if arguments else ""
    return Value(f"{unit.constant(runtime.test_of(node.name))}({value.code}{rest})")


_SPECIAL: dict[str, Callable[..., Value]] = {
    "default": _default,
    "d": _default,
    OPERAND: _operand,
    JOINED: _joined,
    PART: _part,
    GROWN: _grown,
}
