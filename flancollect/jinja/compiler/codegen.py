"""A Jinja tree to the source of one Python function that renders whole columns.

The tree comes from Jinja's own parser, as `jinja/rewrite.py` prepared it for reference Jinja; scoping comes
from Jinja's own `idtracking`. The function takes the columns it needs and adds one text (or native value)
per row to a list; for a row that raised it adds None and notes the row. Text of the template stands in its
source as escaped literals only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes
from jinja2.idtracking import Symbols, find_symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import CannotCompile, Unit, Value, store_counts
from flancollect.jinja.compiler.expressions import expression
from flancollect.jinja.compiler.names import enter
from flancollect.jinja.compiler.output import MOST_TEXT, Output
from flancollect.jinja.compiler.statements import write_body
from flancollect.jinja.expression import environment

# A row's budget (`jinja/bounds.py`) is shared out: what the sandbox's functions count, and what plain code
# handles unseen, inside loops and outside them. More than that is for reference Jinja to decide.
MOST_STEPS = 1_000
COUNTED_WORK = 8_000_000
COUNTED_STEPS = 40_000
_UNSEEN_WORK = 4_000_000
_STEP_ROOM = 50_000
_PER_CHARACTER = 4  # what one plain step would count for each character, about
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
    output = Output(unit, "s0")
    enter(symbols, unit)
    write_body(tree.body, symbols, unit, output)
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
        value = Value(f"{unit.helper('native', runtime.NATIVE)}({value.code})")
    unit.write(f"append({value.code})")
    return _assemble(unit)


def _unit(tree: nodes.Template, columns: Mapping[str, str]) -> Unit:
    """An empty compilation, with what each step may handle unseen so that all steps of a row stay in budget."""
    if sum(1 for _ in tree.find_all(nodes.Node)) > _MOST_NODES:
        raise CannotCompile(f"it has more than {_MOST_NODES:,} parts")
    inside = sum(1 for loop in tree.find_all(nodes.For) for _ in loop.find_all(_STEPS))
    steps = sum(1 for _ in tree.find_all(_STEPS))
    weights = sum(_weight(loop) for loop in tree.find_all(nodes.For))
    most_steps = min(MOST_STEPS, _STEP_ROOM // max(weights, 1))
    env = environment()
    return Unit(
        expression=expression,
        columns=columns,
        globals=env.globals,
        constants=runtime.constants(),
        stores=store_counts(tree),
        limit=_UNSEEN_WORK // (_PER_CHARACTER * max(steps, 4)),
        loop_limit=_UNSEEN_WORK // (_PER_CHARACTER * max(inside, 1) * (most_steps + 1)),
        most_steps=most_steps,
    )


def _weight(loop: nodes.For) -> int:
    """The steps that `jinja/rewrite.py` has each pass of a loop count."""
    counted: Any = loop.iter
    weight: int = counted.args[0].value
    return weight


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
