"""A Jinja tree to the source of one Python function that renders whole columns.

The tree comes from Jinja's own parser, as `jinja/rewrite.py` prepared it for reference Jinja; scoping comes
from Jinja's own `idtracking`. The function takes the columns it needs and adds one text (or native value)
per row to a list; for a row that raised it adds None and notes the row. Text of the template stands in its
source as escaped literals only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jinja2 import nodes
from jinja2.idtracking import Symbols, find_symbols

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import CannotCompile, CompileContext, Value
from flancollect.jinja.compiler.expressions import write_expression
from flancollect.jinja.compiler.names import enter
from flancollect.jinja.compiler.output import MAX_FAST_TEXT, Output
from flancollect.jinja.compiler.statements import write_body
from flancollect.jinja.expression import environment, native
from flancollect.jinja.nulls import NULL_CHECK
from flancollect.jinja.rewrite import counted_loop

# A row's budget (`jinja/bounds.py`: 20,000,000 characters, 100,000 steps) is shared out, so that generated code
# can never use up more than reference Jinja would allow:
#     8,000,000 characters   counted, by the functions of the sandbox that generated code calls
#     4,000,000              handled unseen by plain code outside loops
#     4,000,000              handled unseen by plain code in loops
#    40,000 steps            counted, by those functions
#    50,000                  made by the loops of the template, none of them counted
# More than that is for reference Jinja to decide.
MAX_LOOP_STEPS = 1_000
COUNTED_WORK = 8_000_000
COUNTED_STEPS = 40_000
_UNSEEN_WORK = 4_000_000
_UNSEEN_STEPS = 50_000
_WORK_PER_CHARACTER = 4  # what one plain step would count for each character, about
_MAX_NODES = 4_000
_WORKING_NODES = (nodes.Filter, nodes.Call, nodes.Add)
"""What may handle a text unseen. `~` and slices are filters by now; operators but `+` are the sandbox's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A generated function, and the columns that it reads, in order."""

    source: str
    run: Callable[..., None]
    columns: tuple[str, ...]


def generate_template(tree: nodes.Template, column_kinds: Mapping[str, str]) -> Code:
    """The function that renders a template. Raises CannotCompile."""
    context = _compile_context(tree, column_kinds)
    symbols = Symbols()
    symbols.analyze_node(tree)
    output = Output(context, "s0")
    enter(symbols, context)
    write_body(tree.body, symbols, context, output)
    text = output.finish()
    if text != "s0":
        text = f"(s0 := {text})"
    context.emit(f"append(s0 if len({text}) < {MAX_FAST_TEXT} else doubt())")
    return _assemble(context)


def generate_expression(tree: nodes.Expr, column_kinds: Mapping[str, str]) -> Code:
    """The function that evaluates an expression. Raises CannotCompile."""
    context = _compile_context(nodes.Template([nodes.Output([tree])], lineno=1), column_kinds)
    value = write_expression(tree, find_symbols([tree]), context)
    if context.uses_draws:
        # `column_kinds` has the columns that an expression names, and reference Jinja is given all of the row.
        raise CannotCompile("what is drawn depends on all columns")
    if value.kind not in ("int", "float", "bool", "none"):
        value = Value(f"{context.helper(native)}({value.code})")
    context.emit(f"append({value.code})")
    return _assemble(context)


def _compile_context(tree: nodes.Template, column_kinds: Mapping[str, str]) -> CompileContext:
    """An empty compilation, with what each step may handle unseen so that all steps of a row stay in budget."""
    if sum(1 for _ in tree.find_all(nodes.Node)) > _MAX_NODES:
        raise CannotCompile(f"it has more than {_MAX_NODES:,} parts")
    loops = list(tree.find_all(nodes.For))
    # A template with 8 working nodes, 2 of them in a loop (one is its counting filter) whose passes count 1 each:
    #     loops may make min(1,000, 50,000 // 1) = 1,000 steps,
    #     a step may handle 4,000,000 // (4 * 8) = 125,000 characters unseen,
    #     a step in the loop 4,000,000 // (4 * 2 * 1,001) = 499: it runs a thousand times, and once for good measure.
    # A node in a loop in a loop is found twice here, and so makes the limit smaller than it need be.
    nodes_in_loops = sum(map(_count_working, loops))
    working_nodes = _count_working(tree)
    pass_steps = sum(steps for _, steps in map(counted_loop, loops))
    max_loop_steps = min(MAX_LOOP_STEPS, _UNSEEN_STEPS // max(pass_steps, 1))
    return CompileContext(
        write_expression=write_expression,
        column_kinds=column_kinds,
        globals=environment().globals,
        constants=runtime.constants(),
        store_counts=Counter(name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"),
        step_limit=_UNSEEN_WORK // (_WORK_PER_CHARACTER * max(working_nodes, 4)),
        loop_step_limit=_UNSEEN_WORK // (_WORK_PER_CHARACTER * max(nodes_in_loops, 1) * (max_loop_steps + 1)),
        max_loop_steps=max_loop_steps,
    )


def _count_working(tree: nodes.Node) -> int:
    return sum(
        1
        for node in tree.find_all(_WORKING_NODES)
        # It looks whether there is a value, and at nothing of it.
        if not (isinstance(node, nodes.Filter) and node.name == NULL_CHECK)
    )


def _assemble(context: CompileContext) -> Code:
    """The whole function around the lines of one row."""
    names = list(context.row_variables.values())
    # zip() of one column would give tuples of one, and of no columns no rows at all.
    rows = {0: "range(rows)", 1: "columns[0]"}.get(len(names), "zip(*columns)")
    head = [
        "def render(rows, columns, budget, out, failures):",
        "    append = out.append",
        f"    for {', '.join(names) or '_'} in {rows}:",
        "        try:",
    ]
    # One budget serves all rows, and is filled up again for each; a row that counts nothing leaves it alone.
    if context.uses_budget:
        head.append(f"            budget.steps, budget.work = {COUNTED_STEPS}, {COUNTED_WORK}")
    if context.uses_draws:
        head.append("            budget.draws = 0")
    tail = ["        except Exception:", "            failures.append(len(out))", "            append(None)"]
    source = "\n".join([*head, *context.lines, *tail, ""])
    try:
        code = compile(source, "<generated>", "exec")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise CannotCompile(f"Python does not take its code: {error}") from error
    exec(code, context.constants)  # noqa: S102 - names no builtins; template text is in it as escaped literals only
    return Code(source=source, run=context.constants["render"], columns=tuple(context.row_variables))
