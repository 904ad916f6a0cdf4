"""Loops of a template as loops of Python, their steps held to what generated code vouches for.

Reference Jinja counts each step of a loop as it goes. Generated code looks at the length once, before the loop,
and leaves rows with more than `max_loop_steps` to Jinja; of loops in loops it adds the lengths up in `steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from jinja2 import nodes
from jinja2.compiler import find_undeclared
from jinja2.idtracking import Symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import CannotCompile, CompileContext, Loop, Value
from flancollect.jinja.compiler.expressions import write_expression
from flancollect.jinja.compiler.names import enter, target_of
from flancollect.jinja.compiler.output import MAX_PIECES, Output
from flancollect.jinja.mutable import MUTATOR_NAMES
from flancollect.jinja.rewrite import counted_loop

Body: TypeAlias = Callable[[Sequence[nodes.Node], Symbols, CompileContext, Output], None]

_SLIM_TEXT = 1_000
_ITERABLE_KINDS = frozenset({"texts", "list", "str", "range", "lazy"})
_ELEMENT_KINDS = {"texts": "str", "str": "str", "range": "int"}


def write_loop(
    node: nodes.For, symbols: Symbols, context: CompileContext, output: Output, body: Body
) -> None:
    """Write a loop; `body` writes what stands in it."""
    if node.recursive:
        raise CannotCompile("a recursive loop is not covered")
    output.flush()
    loop = Loop(context.fresh("j"), context.fresh("n"), context.fresh("i"))
    uses_loop = bool(find_undeclared(node.body, ("loop",)))
    element = _write_items(node, symbols, context, loop, uses_loop=uses_loop)
    late_test = _write_test(node, symbols, context, loop, uses_loop=uses_loop)
    inner = Symbols(symbols)
    if uses_loop:
        context.loops[inner.declare_parameter("loop")] = loop
    inner.analyze_node(node, for_branch="body")
    target = _loop_target(node.target, inner, context, element)
    if not (late_test is None and element == "str" and _write_as_join(node, output, context, loop)):
        head = f"for {target} in {loop.items}:"
        if uses_loop:
            head = f"for {loop.position}, {target} in enumerate({loop.items}, 1):"
        context.loop_depth += 1
        with context.block(head):
            if late_test is not None and node.test is not None:
                with context.block(f"if not {write_expression(node.test, late_test, context).code}:"):
                    context.emit("continue")
            enter(inner, context)
            body(node.body, inner, context, output)
            output.flush()
            if not (element == "str" and _is_slim(node)):
                output.check()
        context.loop_depth -= 1
        if uses_loop:
            del context.loops[inner.ref("loop")]
    if node.else_:
        with context.block(f"if not {loop.length}:"):
            inner = Symbols(symbols)
            inner.analyze_node(node, for_branch="else")
            enter(inner, context)
            body(node.else_, inner, context, output)
            output.flush()


def _write_items(
    node: nodes.For, symbols: Symbols, context: CompileContext, loop: Loop, *, uses_loop: bool
) -> str:
    """Write what a loop walks through, counted, and say of what kind its elements are."""
    mutates = _may_mutate(node)
    # Without the filter that `rewrite.py` put around it: the steps are counted here.
    items, _ = counted_loop(node)
    value = write_expression(items, symbols, context, lazy=not mutates)
    code = value.code
    if value.kind not in _ITERABLE_KINDS:
        if mutates:
            code = f"{context.helper(runtime.stable_sequence)}({code}, {uses_loop})"
        else:
            code = f"{context.helper(runtime.sequence)}({code})"
    context.emit(f"{loop.items} = {code}")
    context.emit(f"{loop.length} = len({loop.items})")
    # Over 30 lists of 30 items: `steps` is 30 before the outer loop, and 60, 90, ... 930 before the inner ones.
    # A loop without loops in it needs no sum, its own length is enough.
    if context.loop_depth:
        context.emit(f"steps += {loop.length}")
    elif any(part.find(nodes.For) for part in node.body):
        context.emit(f"steps = {loop.length}")
    with context.block(f"if {'steps' if context.loop_depth else loop.length} > {context.max_loop_steps}:"):
        context.emit("doubt()")
    return _ELEMENT_KINDS.get(value.kind, "any")


def _write_test(
    node: nodes.For, symbols: Symbols, context: CompileContext, loop: Loop, *, uses_loop: bool
) -> Symbols | None:
    """Write the choice of a loop's items; where the body may change the outcome, give the test's names instead."""
    if node.test is None:
        return None
    inner = Symbols(symbols)
    inner.analyze_node(node, for_branch="test")
    enter(inner, context)
    # `{% for x in xs if x not in l %}{% set _ = l.append(x) %}`: the test of each item has to wait for the body of
    # those before. With `loop` that cannot be: `loop.length` counts the items that pass.
    if _may_mutate(node) or any(part.find(nodes.NSRef) for part in node.body):
        if uses_loop or node.else_:
            raise CannotCompile("a loop that may change what its own test sees is not covered")
        return inner
    passing, each = context.fresh("i"), context.fresh("e")
    context.emit(f"{passing} = []")
    context.loop_depth += 1
    with context.block(f"for {each} in {loop.items}:"):
        context.emit(f"{_loop_target(node.target, inner, context, 'any')} = {each}")
        with context.block(f"if {write_expression(node.test, inner, context).code}:"):
            context.emit(f"{passing}.append({each})")
    context.loop_depth -= 1
    context.emit(f"{loop.items} = {passing}")
    context.emit(f"{loop.length} = len({loop.items})")
    return None


def _may_mutate(node: nodes.For) -> bool:
    """Whether the body of a loop may change a list or dictionary of the template."""
    return any(read.attr in MUTATOR_NAMES for part in node.body for read in part.find_all(nodes.Getattr))


def _loop_target(target: nodes.Node, inner: Symbols, context: CompileContext, element: str) -> str:
    if isinstance(target, nodes.Name):
        # A name that is assigned here only always holds an element.
        kind = element if context.store_counts[target.name] == 1 else "any"
        context.variable_kinds[context.variable(inner.ref(target.name))] = kind
    else:
        for name in target.find_all(nodes.Name):
            context.variable_kinds[context.variable(inner.ref(name.name))] = "any"
    return target_of(target, inner, context)


def _write_as_join(node: nodes.For, output: Output, context: CompileContext, loop: Loop) -> bool:
    """Write a loop that puts the same text around each of its texts as one join, if it is such a loop."""
    # `{% for x in xs %}- {{ x }};\n{% endfor %}` of ["a", "b"] is "- " + ";\n- ".join(xs) + ";\n".
    pieces = _pieces(node)
    targets = [i for i, piece in enumerate(pieces) if not isinstance(piece, str)]
    if len(targets) != 1 or not _is_target(pieces[targets[0]], node):
        return False
    (at,) = targets
    before, after = "".join(pieces[:at]), "".join(pieces[at + 1 :])
    with context.block(f"if {loop.length}:"):
        output.literal(before)
        output.value(Value(f"{context.constant(after + before)}.join({loop.items})", "str"))
        output.literal(after)
        output.flush()
        output.check()
    return True


def _is_slim(node: nodes.For) -> bool:
    """Whether a step writes no more than its own text and little else, so that the input bounds the output."""
    values = [piece for piece in _pieces(node) if not isinstance(piece, str)]
    own = [value for value in values if _is_target(value, node)]
    return len(own) == 1 and all(value in own or _is_position(value) for value in values)


def _pieces(node: nodes.For) -> list[Any]:
    """The body of a loop as texts and expressions, when it is nothing else and the texts are short; else nothing."""
    if not all(isinstance(part, nodes.Output) for part in node.body):
        return []
    children: list[Any] = [child for part in node.body for child in part.iter_child_nodes()]
    pieces = [child.data if isinstance(child, nodes.TemplateData) else child for child in children]
    is_short = sum(len(piece) for piece in pieces if isinstance(piece, str)) <= _SLIM_TEXT
    return pieces if is_short and len(pieces) <= MAX_PIECES else []


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
