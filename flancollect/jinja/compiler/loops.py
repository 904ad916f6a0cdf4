"""Loops of a template as loops of Python, their steps held to what generated code vouches for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from jinja2 import nodes
from jinja2.compiler import find_undeclared
from jinja2.idtracking import Symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import CannotCompile, Loop, Unit, Value
from flancollect.jinja.compiler.expressions import expression
from flancollect.jinja.compiler.names import as_expression, enter, target_of
from flancollect.jinja.compiler.output import MOST_PIECES, Output
from flancollect.jinja.mutable import METHODS as GROWING_METHODS

Body: TypeAlias = Callable[[Sequence[nodes.Node], Symbols, Unit, Output], None]

_SLIM_TEXT = 1_000


def write_loop(node: nodes.For, symbols: Symbols, unit: Unit, output: Output, body: Body) -> None:
    """Write a loop; `body` writes what stands inside."""
    if node.recursive:
        raise CannotCompile("a recursive loop is not covered")
    output.flush()
    loop = Loop(unit.new("j"), unit.new("n"), unit.new("i"))
    uses_loop = bool(find_undeclared(node.body, ("loop",)))
    element = _items(node, symbols, unit, loop, uses_loop=uses_loop)
    late_test = _test(node, symbols, unit, loop, uses_loop=uses_loop)
    inner = Symbols(symbols)
    if uses_loop:
        unit.loops[inner.declare_parameter("loop")] = loop
    inner.analyze_node(node, for_branch="body")
    target = _loop_target(node.target, inner, unit, element)
    if late_test is None and element == "str" and _write_affixed(node, output, unit, loop):
        _else(node, symbols, unit, output, loop, body)
        return
    walked = (
        f"{loop.position}, {target} in enumerate({loop.items}, 1)"
        if uses_loop
        else f"{target} in {loop.items}"
    )
    unit.depth += 1
    with unit.block(f"for {walked}:"):
        if late_test is not None:
            with unit.block(f"if not {expression(as_expression(node.test), late_test, unit).code}:"):
                unit.write("continue")
        enter(inner, unit)
        body(node.body, inner, unit, output)
        output.flush()
        if not (element == "str" and _is_slim(node)):
            output.check()
    unit.depth -= 1
    if uses_loop:
        del unit.loops[inner.ref("loop")]
    _else(node, symbols, unit, output, loop, body)


def _else(node: nodes.For, symbols: Symbols, unit: Unit, output: Output, loop: Loop, body: Body) -> None:
    if not node.else_:
        return
    inner = Symbols(symbols)
    inner.analyze_node(node, for_branch="else")
    with unit.block(f"if not {loop.length}:"):
        enter(inner, unit)
        body(node.else_, inner, unit, output)
        output.flush()


def _write_affixed(node: nodes.For, output: Output, unit: Unit, loop: Loop) -> bool:
    """Write a loop that puts the same text around each of its texts as one join."""
    pieces = _pieces(node)
    places = [i for i, piece in enumerate(pieces) if not isinstance(piece, str)]
    if len(places) != 1 or not _is_target(pieces[places[0]], node):
        return False
    (at,) = places
    before, after = "".join(pieces[:at]), "".join(pieces[at + 1 :])
    with unit.block(f"if {loop.length}:"):
        output.literal(before)
        output.value(Value(f"{unit.constant(after + before)}.join({loop.items})", "str"))
        output.literal(after)
        output.flush()
        output.check()
    return True


def _pieces(node: nodes.For) -> list[Any]:
    """The body of a loop as texts and expressions, when it is nothing else and the texts are short; else nothing."""
    if not all(isinstance(part, nodes.Output) for part in node.body):
        return []
    children: list[Any] = [child for part in node.body for child in part.iter_child_nodes()]
    pieces = [child.data if isinstance(child, nodes.TemplateData) else child for child in children]
    short = sum(len(piece) for piece in pieces if isinstance(piece, str)) <= _SLIM_TEXT
    return pieces if short and len(pieces) <= MOST_PIECES else []


def _is_slim(node: nodes.For) -> bool:
    """Whether a step writes no more than its own text and little else, so that the input bounds the output."""
    values = [piece for piece in _pieces(node) if not isinstance(piece, str)]
    own = [value for value in values if _is_target(value, node)]
    return len(own) == 1 and all(value in own or _is_position(value) for value in values)


def _is_target(value: nodes.Node, loop: nodes.For) -> bool:
    target = loop.target
    return isinstance(value, nodes.Name) and isinstance(target, nodes.Name) and value.name == target.name


def _is_position(node: nodes.Node) -> bool:
    return (
        isinstance(node, nodes.Getattr)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "loop"
        and node.attr in ("index", "index0", "revindex", "revindex0", "length")
    )


def _items(node: nodes.For, symbols: Symbols, unit: Unit, loop: Loop, *, uses_loop: bool) -> str:
    """Write what a loop walks through, counted, and say of what kind its elements are."""
    grows = _changes(node, *GROWING_METHODS)
    counted: Any = node.iter
    value = expression(counted.node, symbols, unit, lazy=not grows)
    code = value.code
    if value.kind not in _WALKED and grows:
        code = f"{unit.helper('settled', runtime.settled)}({code}, {uses_loop})"
    elif value.kind not in _WALKED:
        code = f"{unit.helper('sequence', runtime.sequence)}({code})"
    unit.write(f"{loop.items} = {code}")
    unit.write(f"{loop.length} = len({loop.items})")
    if unit.depth:
        unit.write(f"steps += {loop.length}")
    elif any(part.find(nodes.For) for part in node.body):
        unit.write(f"steps = {loop.length}")
    with unit.block(f"if {'steps' if unit.depth else loop.length} > {unit.most_steps}:"):
        unit.write("doubt()")
    return _ELEMENTS.get(value.kind, "any")


_WALKED = frozenset({"texts", "list", "str", "range", "lazy"})
_ELEMENTS = {"texts": "str", "str": "str", "range": "int"}


def _changes(node: nodes.For, *methods: str) -> bool:
    """Whether the body of a loop may change a value by one of these methods."""
    return any(found.attr in methods for part in node.body for found in part.find_all(nodes.Getattr))


def _test(node: nodes.For, symbols: Symbols, unit: Unit, loop: Loop, *, uses_loop: bool) -> Symbols | None:
    """Write the choice of a loop's items; where the body may change the outcome, give the test's names instead."""
    if node.test is None:
        return None
    inner = Symbols(symbols)
    inner.analyze_node(node, for_branch="test")
    enter(inner, unit)
    if _changes(node, *GROWING_METHODS) or any(part.find(nodes.NSRef) for part in node.body):
        if uses_loop or node.else_:
            raise CannotCompile("a loop that may change what its own test sees is not covered")
        return inner
    kept, each = unit.new("i"), unit.new("e")
    unit.write(f"{kept} = []")
    unit.depth += 1
    with unit.block(f"for {each} in {loop.items}:"):
        unit.write(f"{_loop_target(node.target, inner, unit, 'any')} = {each}")
        with unit.block(f"if {expression(as_expression(node.test), inner, unit).code}:"):
            unit.write(f"{kept}.append({each})")
    unit.depth -= 1
    unit.write(f"{loop.items} = {kept}")
    unit.write(f"{loop.length} = len({loop.items})")
    return None


def _loop_target(target: nodes.Node, inner: Symbols, unit: Unit, element: str) -> str:
    if isinstance(target, nodes.Name):
        kind = element if unit.stores[target.name] == 1 else "any"
        unit.kinds[unit.variable(inner.ref(target.name))] = kind
    else:
        for name in target.find_all(nodes.Name):
            unit.kinds[unit.variable(inner.ref(name.name))] = "any"
    return target_of(target, inner, unit)
