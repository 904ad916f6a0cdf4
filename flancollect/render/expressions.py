"""Jinja expressions to Python expressions, one function per kind of node.

The tree is the one that `cards/rewrite.py` prepared for reference Jinja, counting filters included. Where a
kind is known, or can be tested for cheaply, plain Python stands for what the sandbox would do at length;
everything else calls the sandbox's own functions. What the plain form handles unseen is small enough
(`Unit.small`) that all such steps of one row stay within the row's budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import nodes
from jinja2.idtracking import Symbols

from flancollect.cards.keyed_choice import KEYED, chosen
from flancollect.cards.rewrite import GROWN, JOINED, OPERAND, PART
from flancollect.render import operators
from flancollect.render.inline import (
    FILTERS,
    METHODS,
    Plain,
    guarded,
    joined_texts,
    simple,
    text_piece,
    within,
)
from flancollect.render.quick import LIST_FILTERS
from flancollect.render.unit import MAYBE_MISSING, CannotCompile, Unit, Value

_INTS = ("int", "position")
_NUMBERS = (*_INTS, "float", "bool")
_SCALARS = (*_NUMBERS, "none")
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
    """The Python of one expression.

    With `lenient`, a missing item is a value, not a reason to give up. With `lazy`, the caller takes a list
    where Jinja has something to walk through once.
    """
    write = _WRITERS.get(type(node))
    if write is None:
        raise CannotCompile(f"{type(node).__name__.lower()} is not covered")
    value = write(node, symbols, unit, lenient)
    return Value(f"iter({value.code})") if value.kind == "lazy" and not lazy else value


def _all(items: Sequence[nodes.Expr], symbols: Symbols, unit: Unit) -> list[Value]:
    return [expression(item, symbols, unit) for item in items]


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(value.code for value in values)


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
    items = _all(node.items, symbols, unit)
    kind = "texts" if items and all(item.kind == "str" for item in items) else "list"
    return Value(f"[{_listed(items)}]", kind)


def _tuple(node: nodes.Tuple, symbols: Symbols, unit: Unit, _: bool) -> Value:
    items = _all(node.items, symbols, unit)
    return Value(f"({_listed(items)}{',' if len(items) == 1 else ''})")


def _dict(node: nodes.Dict, symbols: Symbols, unit: Unit, _: bool) -> Value:
    pairs = (
        f"{expression(pair.key, symbols, unit).code}: {expression(pair.value, symbols, unit).code}"
        for pair in node.items
    )
    return Value(f"({{{', '.join(pairs)}}})", "dict")


# --- operators ---------------------------------------------------------------------------------------------


def _and_or(word: str) -> Callable[..., Value]:
    def write(node: nodes.BinExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        left, right = _all((node.left, node.right), symbols, unit)
        kind = left.kind if left.kind == right.kind else "any"
        return Value(f"({left.code} {word} {right.code})", kind)

    return write


def _not(node: nodes.Not, symbols: Symbols, unit: Unit, _: bool) -> Value:
    return Value(f"(not {expression(node.node, symbols, unit).code})", "bool")


def _signed(sign: str) -> Callable[..., Value]:
    def write(node: nodes.UnaryExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        value = expression(node.node, symbols, unit)
        return Value(f"({sign}{value.code})", "int" if value.kind in _INTS else value.kind if value.kind == "float" else "any")

    return write


def _arithmetic(sign: str) -> Callable[..., Value]:
    """Small numbers are added in plain Python; the rest is for the sandbox, which asks for the room first."""

    def write(node: nodes.BinExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        left, right = _all((node.left, node.right), symbols, unit)
        kinds = {left.kind, right.kind}
        plain = kinds <= {*_INTS, "float"} and (sign in "+-" or "float" in kinds) and sign not in ("**", "%")
        if plain:
            return Value(f"({left.code} {sign} {right.code})", "float" if "float" in kinds else "int")
        if sign == "+" and kinds == {"str"}:
            return within(f"({left.code} + {right.code})", unit)
        helper = unit.helper(_OPERATOR_NAMES[sign], operators.OPERATORS[sign])
        return Value(f"{helper}({left.code}, {right.code})")

    return write


_OPERATOR_NAMES = {"+": "add", "-": "subtract", "*": "multiply", "**": "power", "%": "percent"}


def _divided(sign: str) -> Callable[..., Value]:
    def write(node: nodes.BinExpr, symbols: Symbols, unit: Unit, _: bool) -> Value:
        left, right = _all((node.left, node.right), symbols, unit)
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
        return Value(f"{unit.helper('attribute', operators.attribute)}({value.code}, {key})")
    if value.kind == "dict":
        return Value(f"{value.code}[{key}]")
    first, name = simple(value, unit)
    slow = f"{unit.helper('attribute', operators.attribute)}({name}, {key})"
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
        "previtem": Value(f"({items}[{index} - 2] if {index} > 1 else undefined({unit.constant('previtem')}))"),
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
    if lenient or value.kind in _SCALARS or key.kind in ("none", "float"):
        return Value(f"{unit.helper('item', operators.item)}({value.code}, {key.code})")
    textual = value.kind in ("str", "texts") and key.kind in (*_INTS, "bool")
    return Value(f"{value.code}[{key.code}]", "str" if textual else "any")


def _call(node: nodes.Call, symbols: Symbols, unit: Unit, _: bool) -> Value:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise CannotCompile("a call with * or ** is not covered")
    if isinstance(node.node, nodes.Getattr):
        return _method(node, node.node, symbols, unit)
    if not isinstance(node.node, nodes.Name):
        raise CannotCompile("a call of something without a name is not covered")
    name = node.node.name
    value = unit.raw(symbols.ref(name), symbols)
    if unit.columns.get(name) is not None or unit.constants.get(value.code) is not unit.globals.get(name, unit):
        raise CannotCompile(f"a call of `{name}` is not covered")
    unit.counts = True
    return Value(f"{value.code}({_arguments(node, symbols, unit)})", "range" if name == "range" else "any")


def _arguments(node: nodes.Call | nodes.Filter | nodes.Test, symbols: Symbols, unit: Unit) -> str:
    """Arguments as written; a name that Python cannot write goes through a mapping."""
    args = [value.code for value in _all(node.args, symbols, unit)]
    named = [
        f"{unit.constant(word.key)}: {expression(word.value, symbols, unit).code}" for word in node.kwargs
    ]
    return ", ".join([*args, *([f"**{{{', '.join(named)}}}"] if named else [])])


def _method(node: nodes.Call, method: nodes.Getattr, symbols: Symbols, unit: Unit) -> Value:
    if isinstance(method.node, nodes.Name) and symbols.find_ref(method.node.name) in unit.loops:
        raise CannotCompile(f"`loop.{method.attr}(...)` is not covered")
    value = expression(method.node, symbols, unit)
    helper = unit.helper("call_method", operators.call_method)
    key, arguments = unit.constant(method.attr), _arguments(node, symbols, unit)
    if method.attr == "join" and value.kind == "str" and len(node.args) == 1 and not node.kwargs:
        items = expression(node.args[0], symbols, unit)
        if items.kind == "texts" and _short(method.node):
            return joined_texts(value.code, items, lambda name: f"{helper}({value.code}, {key}, {name})", unit)
    plain = METHODS.get(method.attr)
    if plain is None or not _plain_call(node, plain) or value.kind not in ("str", "any"):
        return Value(f"{helper}({', '.join(part for part in (value.code, key, arguments) if part)})")
    rest = f", {arguments}" if arguments else ""
    return guarded(
        value,
        lambda name: f"{name}.{method.attr}({arguments})",
        lambda name: f"{helper}({name}, {key}{rest})",
        plain,
        unit,
    )


def _plain_call(node: nodes.Call | nodes.Filter, plain: Plain) -> bool:
    """Whether the arguments are few and short literals."""
    return (
        not node.kwargs and plain.least <= len(node.args) <= plain.most and all(map(_short, node.args))
    )


def _short(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Neg):
        node = node.node
    return isinstance(node, nodes.Const) and (not isinstance(node.value, str) or len(node.value) <= 64)


# --- filters and tests -------------------------------------------------------------------------------------


def _filter(node: nodes.Filter, symbols: Symbols, unit: Unit, lenient: bool) -> Value:
    special = _SPECIAL.get(node.name)
    if special is not None:
        return special(node, symbols, unit, lenient)
    value = expression(node.node, symbols, unit, lazy=node.name in LIST_FILTERS)
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
    arguments = _arguments(node, symbols, unit)
    head = _filter_head(node, unit)

    def slow(name: str) -> str:
        return f"{head}{name}{', ' if arguments else ''}{arguments})"

    method = METHODS.get(_AS_METHOD.get(node.name, ""))
    if method is not None and value.kind in ("str", "any") and _plain_call(node, method):
        return guarded(value, lambda name: f"{name}.{_AS_METHOD[node.name]}({arguments})", slow, method, unit)
    if node.name == "join" and value.kind == "texts" and not node.kwargs and len(node.args) < 2:
        separator = expression(node.args[0], symbols, unit) if node.args else Value(unit.constant(""), "str")
        if separator.kind == "str" and (not node.args or _short(node.args[0])):
            return joined_texts(separator.code, value, slow, unit)
    return Value(slow(value.code), "int" if node.name in _COUNTING else "any")


def _list_filter(node: nodes.Filter, value: Value, symbols: Symbols, unit: Unit) -> Value | None:
    """A filter over lists of data in its quick form, where its arguments are of the common kinds."""
    quick = LIST_FILTERS.get(node.name)
    if quick is None or value.kind not in ("any", "list", "lazy"):
        return None
    positional = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
    named = {word.key: word.value.value for word in node.kwargs if isinstance(word.value, nodes.Const)}
    form = quick(positional, named) if len(named) == len(node.kwargs) else None
    if form is None:
        return None
    helper = unit.helper(form.function.__name__, form.function)
    unit.constants[slow := unit.new("k")] = operators.filter_of(node.name)
    rest = [expression(arg, symbols, unit).code for arg in node.args]
    rest += [expression(word.value, symbols, unit).code for word in node.kwargs]
    extra = [unit.constant(item) for item in form.extra]
    return Value(f"{helper}({', '.join([slow, value.code, *extra, *rest])})", form.kind)


_AS_METHOD = {"lower": "lower", "upper": "upper", "capitalize": "capitalize", "trim": "strip", "replace": "replace"}
_COUNTING = frozenset({"length", "count", "wordcount"})


def _filter_head(node: nodes.Filter, unit: Unit) -> str:
    """The head of a call of a filter, up to its first argument."""
    unit.counts = True
    if node.name == "map" and node.args and not isinstance(node.args[0], nodes.Const):
        raise CannotCompile("`map` with a computed filter is not covered")
    draws = node.name in KEYED or (node.name == "map" and bool(node.args) and node.args[0].value in KEYED)
    if not draws:
        return f"{unit.constant(operators.filter_of(node.name))}("
    unit.picks = True
    if node.name in KEYED:
        return f"{unit.helper('chosen', chosen)}({_row(unit)}, "
    function = unit.constant(operators.environment().filters[node.name])
    return f"{function}({unit.helper('row_context', operators.row_context)}({_row(unit)}), "


def _row(unit: Unit) -> str:
    """What the template sees of the row, as a mapping."""
    seen = [(unit.constant(name), value.code) for name in unit.columns if (value := unit.from_row(name))]
    return f"{{{', '.join(f'{name}: {code}' for name, code in seen)}}}"


def _default(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    value = expression(node.node, symbols, unit, lenient=True)
    if node.kwargs or len(node.args) > 1 or (node.args and not isinstance(node.args[0], nodes.Const)):
        rest = _arguments(node, symbols, unit)
        return Value(f"{unit.constant(operators.filter_of('default'))}({value.code}, {rest})")
    if value.kind != "any":
        return value
    other = expression(node.args[0], symbols, unit) if node.args else Value(unit.constant(""), "str")
    first, name = simple(value, unit)
    return Value(f"({other.code} if isinstance({first}, Undefined) else {name})")


def _operand(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    value = expression(node.node, symbols, unit)
    if value.kind in _SCALARS:
        return value
    helper = unit.helper("operand", operators.OPERAND)
    if value.kind == "str":
        first, name = simple(value, unit)
        return Value(f"({name} if len({first}) < 257 else {helper}({name}))", "str")
    return Value(f"{helper}({value.code})", value.kind)


def _joined(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    values = _all((node.node, *node.args), symbols, unit)
    as_text = unit.helper("as_text", operators.AS_TEXT)
    pieces = ", ".join(text_piece(value, as_text, unit) for value in values)
    return within(f"{unit.constant('')}.join(({pieces},))", unit)


def _part(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    value = expression(node.node, symbols, unit)
    ends = _all(node.args, symbols, unit)
    helper = unit.helper("part", operators.part)
    kind = value.kind if value.kind in ("str", "texts", "list") else "any"
    if kind == "any" or any(end.kind not in (*_INTS, "none") for end in ends):
        return Value(f"{helper}({value.code}, {_listed(ends)})", kind)
    first, name = simple(value, unit)
    room = unit.small() if value.kind == "str" else unit.small() // 16
    fast = f"{name}[{':'.join('' if end.kind == 'none' else end.code for end in ends)}]"
    return Value(f"({fast} if len({first}) < {room} else {helper}({name}, {_listed(ends)}))", kind)


def _grown(node: nodes.Filter, symbols: Symbols, unit: Unit, _: bool) -> Value:
    helper = unit.helper("growing", operators.environment().filters[GROWN])
    return Value(f"{helper}({expression(node.node, symbols, unit).code})")


def _test(node: nodes.Test, symbols: Symbols, unit: Unit, _: bool) -> Value:
    lenient = node.name in ("defined", "undefined")
    value = expression(node.node, symbols, unit, lenient=lenient)
    if lenient and not node.args:
        known = isinstance(node.node, nodes.Name) and value.kind != "any"
        code = "True" if known else f"(not isinstance({value.code}, Undefined))"
        return Value(code if node.name == "defined" else f"(not {code})", "bool")
    if node.name == "none" and not node.args and value.kind not in _SCALARS:
        return Value(f"({value.code} is None)", "bool")
    unit.counts = True
    arguments = _arguments(node, symbols, unit)
    rest = f", {arguments}" if arguments else ""
    return Value(f"{unit.constant(operators.test_of(node.name))}({value.code}{rest})")


_SPECIAL: dict[str, Callable[..., Value]] = {
    "default": _default,
    "d": _default,
    OPERAND: _operand,
    JOINED: _joined,
    PART: _part,
    GROWN: _grown,
}
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
    nodes.Call: _call,
    nodes.Filter: _filter,
    nodes.Test: _test,
}
