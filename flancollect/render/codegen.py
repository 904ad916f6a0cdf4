"""A Jinja tree to the source of one Python function that renders whole columns.

The tree comes from Jinja's own parser, as `cards/rewrite.py` prepared it for reference Jinja; scoping comes
from Jinja's own `idtracking`. The function takes the columns it needs and adds one text (or native value)
per row to a list; for a row that raised it adds None and notes the row. Text of the template stands in its
source as escaped literals only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes
from jinja2.compiler import find_undeclared
from jinja2.idtracking import (
    VAR_LOAD_ALIAS,
    VAR_LOAD_PARAMETER,
    VAR_LOAD_RESOLVE,
    VAR_LOAD_UNDEFINED,
    Symbols,
    find_symbols,
)

from flancollect.cards.growing import METHODS as GROWING_METHODS
from flancollect.render import operators
from flancollect.render.expressions import expression, filtered
from flancollect.render.inline import simple
from flancollect.render.unit import MAYBE_MISSING, CannotCompile, Loop, Unit, Value, store_counts, stored

MOST_TEXT = 1_000_000  # characters of output, or of one captured block, that generated code vouches for
MOST_STEPS = 1_000
COUNTED_WORK = 8_000_000
COUNTED_STEPS = 40_000
_UNSEEN_WORK = 4_000_000
_STEP_ROOM = 50_000
_PER_CHARACTER = 4  # what one plain step counts for each character, at most
_MOST_PIECES = 64
_SLIM_TEXT = 1_000
_MOST_NODES = 4_000
_STEPS = (nodes.Filter, nodes.Call, nodes.Add)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A generated function, and the columns that it wants, in order."""

    source: str
    run: Callable[..., None]
    columns: tuple[str, ...]


def text_code(tree: nodes.Template, columns: Mapping[str, str]) -> Code:
    """The function that renders a template. Raises CannotCompile."""
    unit = _unit(tree, columns)
    symbols = Symbols()
    symbols.analyze_node(tree)
    output = _Output(unit, "s0")
    _enter(symbols, unit)
    _body(tree.body, symbols, unit, output)
    text = output.finish()
    if text != "s0":
        text = f"(s0 := {text})"
    unit.write(f"append(s0 if len({text}) < {MOST_TEXT} else doubt())")
    return _assemble(unit)


def native_code(tree: nodes.Expr, columns: Mapping[str, str]) -> Code:
    """The function that evaluates an expression. Raises CannotCompile."""
    whole = nodes.Template([nodes.Output([tree])], lineno=1)
    unit = _unit(whole, columns)
    symbols = find_symbols([tree])
    value = expression(tree, symbols, unit)
    if unit.picks:
        raise CannotCompile("what is drawn depends on all columns")
    if value.kind not in ("int", "float", "bool", "none"):
        value = Value(f"{unit.helper('native', operators.NATIVE)}({value.code})")
    unit.write(f"append({value.code})")
    return _assemble(unit)


def _unit(tree: nodes.Template, columns: Mapping[str, str]) -> Unit:
    """An empty compilation, with what each step may handle unseen so that all steps of a row stay in budget."""
    if sum(1 for _ in tree.find_all(nodes.Node)) > _MOST_NODES:
        raise CannotCompile(f"it has more than {_MOST_NODES:,} parts")
    inside = sum(1 for loop in tree.find_all(nodes.For) for _ in loop.find_all(_STEPS))
    steps = sum(1 for _ in tree.find_all(_STEPS))
    weights = sum(loop.iter.args[0].value for loop in tree.find_all(nodes.For))
    most_steps = min(MOST_STEPS, _STEP_ROOM // max(weights, 1))
    env = operators.environment()
    return Unit(
        columns=columns,
        globals=env.globals,
        constants=operators.constants(),
        stores=store_counts(tree),
        limit=_UNSEEN_WORK // (_PER_CHARACTER * max(steps, 4)),
        loop_limit=_UNSEEN_WORK // (_PER_CHARACTER * max(inside, 1) * (most_steps + 1)),
        most_steps=most_steps,
    )


def _assemble(unit: Unit) -> Code:
    used = list(unit.used.items())
    names = [name for _, name in used]
    head = [
        "def render(rows, columns, budget, out, failures):",
        "    append = out.append",
        f"    for {_targets(names)} in {_zipped(names)}:",
        "        try:",
    ]
    if unit.counts:
        head.append(f"            budget.steps, budget.work = {COUNTED_STEPS}, {COUNTED_WORK}")
    if unit.picks:
        head.append("            budget.draws = 0")
    tail = ["        except Exception:", "            failures.append(len(out))", "            append(None)"]
    source = "\n".join([*head, *unit.lines, *tail, ""])
    run = _function(source, unit.constants)
    return Code(source=source, run=run, columns=tuple(name for name, _ in used))


def _targets(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "_"


def _zipped(names: Sequence[str]) -> str:
    if not names:
        return "range(rows)"
    return "columns[0]" if len(names) == 1 else "zip(*columns)"


def _function(source: str, constants: dict[str, Any]) -> Callable[..., None]:
    try:
        code = compile(source, "<generated>", "exec")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise CannotCompile(f"Python does not take its code: {error}") from error
    exec(code, constants)  # noqa: S102 - names no builtins; template text is in it as escaped literals only
    run: Callable[..., None] = constants["render"]
    return run


# --- output ------------------------------------------------------------------------------------------------


class _Output:
    """Text on its way to one Python variable, written as few and large f-strings."""

    def __init__(self, unit: Unit, name: str) -> None:
        self._unit = unit
        self._name = name
        self._pieces: list[str] = []
        self._values = 0
        self._begun = False

    def literal(self, text: str) -> None:
        escaped = text.encode("unicode_escape").decode("ascii")
        self._pieces.append(escaped.replace('"', '\\"').replace("{", "{{").replace("}", "}}"))

    def value(self, value: Value) -> None:
        if value.kind == "position":
            code = f"digits[{value.code}]"
        elif value.kind in ("str", "int", "float", "bool", "none"):
            code = value.code
        else:
            helper = self._unit.helper("written", operators.written)
            first, name = simple(value, self._unit)
            code = f"({name} if type({first}) is str else {helper}({name}))"
        self._pieces.append(f"{{{code}}}")
        self._values += 1
        if self._values == _MOST_PIECES:
            self.flush()
            self.check()

    def flush(self) -> None:
        """Write what has gathered; from here on the variable exists."""
        text = f'f"{"".join(self._pieces)}"' if self._pieces else '""'
        if not self._begun:
            self._unit.write(f"{self._name} = {text}")
        elif self._pieces:
            self._unit.write(f"{self._name} += {text}")
        self._begun = True
        self._pieces, self._values = [], 0

    def check(self) -> None:
        """Give up where the output has grown long."""
        with self._unit.block(f"if len({self._name}) > {MOST_TEXT}:"):
            self._unit.write("doubt()")

    def finish(self) -> str:
        """The code of the whole text."""
        if self._begun:
            self.flush()
            return self._name
        return f'f"{"".join(self._pieces)}"'


# --- statements --------------------------------------------------------------------------------------------


def _body(body: Sequence[nodes.Node], symbols: Symbols, unit: Unit, output: _Output) -> None:
    for node in body:
        write = _STATEMENTS.get(type(node))
        if write is None:
            raise CannotCompile(f"{type(node).__name__.lower()} is not covered")
        write(node, symbols, unit, output)


def _output(node: nodes.Output, symbols: Symbols, unit: Unit, output: _Output) -> None:
    for child in node.nodes:
        if isinstance(child, nodes.TemplateData):
            output.literal(child.data)
        elif isinstance(child, nodes.Const) and isinstance(child.value, str):
            output.literal(child.value)
        else:
            output.value(expression(child, symbols, unit))


def _if(node: nodes.If, symbols: Symbols, unit: Unit, output: _Output) -> None:
    output.flush()
    branches = [("if", node), *(("elif", branch) for branch in node.elif_)]
    for word, branch in branches:
        test = expression(branch.test, symbols, unit).code
        with unit.block(f"{word} {test}:"):
            _body(branch.body, symbols, unit, output)
            output.flush()
    if node.else_:
        with unit.block("else:"):
            _body(node.else_, symbols, unit, output)
            output.flush()


def _assign(node: nodes.Assign, symbols: Symbols, unit: Unit, output: _Output) -> None:
    output.flush()
    for target in node.find_all(nodes.NSRef):
        with unit.block(f"if not isinstance({unit.raw(symbols.ref(target.name), symbols).code}, Namespace):"):
            unit.write("doubt()")
    value = expression(node.node, symbols, unit)
    unit.write(f"{_target(node.target, symbols, unit)} = {value.code}")
    _assigned(node.target, value, symbols, unit)


def _target(node: nodes.Node, symbols: Symbols, unit: Unit) -> str:
    if isinstance(node, nodes.Name):
        return unit.variable(symbols.ref(node.name))
    if isinstance(node, nodes.NSRef):
        return f"{unit.raw(symbols.ref(node.name), symbols).code}[{unit.constant(node.attr)}]"
    if isinstance(node, nodes.Tuple) and node.items:
        return f"({', '.join(_target(item, symbols, unit) for item in node.items)},)"
    raise CannotCompile("this target of an assignment is not covered")


def _assigned(target: nodes.Node, value: Value, symbols: Symbols, unit: Unit) -> None:
    """Note what is known of a name from here on, where nothing else ever assigns it."""
    if not isinstance(target, nodes.Name):
        return
    ref = symbols.ref(target.name)
    load = symbols.find_load(ref)
    if load is not None and load[0] == VAR_LOAD_UNDEFINED:
        unit.kinds[unit.variable(ref)] = value.kind if unit.stores[target.name] == 1 else "any"


def _assign_block(node: nodes.AssignBlock, symbols: Symbols, unit: Unit, output: _Output) -> None:
    output.flush()
    value = _captured(node, node.filter, symbols, unit)
    unit.write(f"{_target(node.target, symbols, unit)} = {value.code}")
    _assigned(node.target, value, symbols, unit)


def _filter_block(node: nodes.FilterBlock, symbols: Symbols, unit: Unit, output: _Output) -> None:
    output.flush()
    output.value(_captured(node, node.filter, symbols, unit))


def _captured(
    node: nodes.AssignBlock | nodes.FilterBlock, filter_: nodes.Filter | None, symbols: Symbols, unit: Unit
) -> Value:
    inner = Symbols(symbols)
    inner.analyze_node(node)
    _enter(inner, unit)
    captured = _Output(unit, unit.new("s"))
    _body(node.body, inner, unit, captured)
    captured.flush()
    value = Value(f"{unit.helper('made', operators.MADE)}({captured.finish()})", "str")
    chain = []
    while filter_ is not None:
        chain.append(filter_)
        filter_ = filter_.node if isinstance(filter_.node, nodes.Filter) else None
    for each in reversed(chain):
        value = filtered(each, value, inner, unit)
    return value


def _with(node: nodes.With, symbols: Symbols, unit: Unit, output: _Output) -> None:
    output.flush()
    inner = Symbols(symbols)
    inner.analyze_node(node)
    _enter(inner, unit)
    for target, value in zip(node.targets, node.values, strict=True):
        unit.write(f"{_target(target, inner, unit)} = {expression(value, symbols, unit).code}")
        for name in [target, *target.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                unit.kinds[unit.variable(inner.ref(name.name))] = "any"
    _body(node.body, inner, unit, output)


def _for(node: nodes.For, symbols: Symbols, unit: Unit, output: _Output) -> None:
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
        _else(node, symbols, unit, output, loop)
        return
    walked = f"{loop.index}, {target} in enumerate({loop.items}, 1)" if uses_loop else f"{target} in {loop.items}"
    unit.depth += 1
    with unit.block(f"for {walked}:"):
        if late_test is not None:
            with unit.block(f"if not {expression(node.test, late_test, unit).code}:"):
                unit.write("continue")
        _enter(inner, unit)
        _body(node.body, inner, unit, output)
        output.flush()
        if not (element == "str" and _is_slim(node)):
            output.check()
    unit.depth -= 1
    if uses_loop:
        del unit.loops[inner.ref("loop")]
    _else(node, symbols, unit, output, loop)


def _else(node: nodes.For, symbols: Symbols, unit: Unit, output: _Output, loop: Loop) -> None:
    if not node.else_:
        return
    inner = Symbols(symbols)
    inner.analyze_node(node, for_branch="else")
    with unit.block(f"if not {loop.length}:"):
        _enter(inner, unit)
        _body(node.else_, inner, unit, output)
        output.flush()


def _write_affixed(node: nodes.For, output: _Output, unit: Unit, loop: Loop) -> bool:
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
    children = [child for part in node.body for child in part.nodes]
    pieces = [child.data if isinstance(child, nodes.TemplateData) else child for child in children]
    short = sum(len(piece) for piece in pieces if isinstance(piece, str)) <= _SLIM_TEXT
    return pieces if short and len(pieces) <= _MOST_PIECES else []


def _is_slim(node: nodes.For) -> bool:
    """Whether a step writes no more than its own text and little else, so that the input bounds the output."""
    values = [piece for piece in _pieces(node) if not isinstance(piece, str)]
    own = [value for value in values if _is_target(value, node)]
    return len(own) == 1 and all(value in own or _is_position(value) for value in values)


def _is_target(value: nodes.Node, loop: nodes.For) -> bool:
    is_name = isinstance(value, nodes.Name) and isinstance(loop.target, nodes.Name)
    return is_name and value.name == loop.target.name


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
    value = expression(node.iter.node, symbols, unit, lazy=not grows)
    code = value.code
    if value.kind not in _WALKED and grows:
        code = f"{unit.helper('settled', operators.settled)}({code}, {uses_loop})"
    elif value.kind not in _WALKED:
        code = f"{unit.helper('sequence', operators.sequence)}({code})"
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


def _test(
    node: nodes.For, symbols: Symbols, unit: Unit, loop: Loop, *, uses_loop: bool
) -> Symbols | None:
    """Write the choice of a loop's items; where the body may change the outcome, give the test's names instead."""
    if node.test is None:
        return None
    inner = Symbols(symbols)
    inner.analyze_node(node, for_branch="test")
    _enter(inner, unit)
    if _changes(node, *GROWING_METHODS) or any(part.find(nodes.NSRef) for part in node.body):
        if uses_loop or node.else_:
            raise CannotCompile("a loop that may change what its own test sees is not covered")
        return inner
    kept, each = unit.new("i"), unit.new("e")
    unit.write(f"{kept} = []")
    unit.depth += 1
    with unit.block(f"for {each} in {loop.items}:"):
        unit.write(f"{_loop_target(node.target, inner, unit, 'any')} = {each}")
        with unit.block(f"if {expression(node.test, inner, unit).code}:"):
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
    return _target(target, inner, unit)


def _enter(symbols: Symbols, unit: Unit) -> None:
    """Give the names of a scope what they begin with."""
    for ref, (action, source) in symbols.loads.items():
        if action == VAR_LOAD_PARAMETER:
            continue
        begins = Value("missing", MAYBE_MISSING)
        if action == VAR_LOAD_ALIAS:
            begins = unit.raw(source, symbols)
        elif action == VAR_LOAD_RESOLVE:
            if not stored(ref, symbols):
                continue
            begins = unit.from_row(source) or begins
        variable = unit.variable(ref)
        unit.write(f"{variable} = {begins.code}")
        unit.kinds[variable] = begins.kind if begins.kind == MAYBE_MISSING else "any"


_STATEMENTS: dict[type[nodes.Node], Callable[..., None]] = {
    nodes.Output: _output,
    nodes.If: _if,
    nodes.Assign: _assign,
    nodes.AssignBlock: _assign_block,
    nodes.FilterBlock: _filter_block,
    nodes.With: _with,
    nodes.For: _for,
}
