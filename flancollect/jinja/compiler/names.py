"""Names of a template as names of Python: what scopes begin with, and what assignments assign to."""

from __future__ import annotations

from jinja2 import nodes
from jinja2.idtracking import VAR_LOAD_ALIAS, VAR_LOAD_PARAMETER, VAR_LOAD_RESOLVE, Symbols

from flancollect.jinja.compiler.context import MAYBE_MISSING, CannotCompile, CompileContext, Value, is_stored


def target_of(node: nodes.Node, symbols: Symbols, context: CompileContext) -> str:
    """The Python that an assignment assigns to."""
    if isinstance(node, nodes.Name):
        return context.variable(symbols.ref(node.name))
    if isinstance(node, nodes.NSRef):
        return f"{context.load(symbols.ref(node.name), symbols).code}[{context.constant(node.attr)}]"
    if isinstance(node, nodes.Tuple) and node.items:
        return f"({', '.join(target_of(item, symbols, context) for item in node.items)},)"
    raise CannotCompile("this target of an assignment is not covered")


def enter(symbols: Symbols, context: CompileContext) -> None:
    """Give the names of a scope what they begin with."""
    # Jinja's loads by name: a parameter has its value from the loop; an alias begins as the name of the scope
    # around it; what is resolved comes from the row, and needs a variable only where the scope also assigns it.
    for ref, (action, source) in symbols.loads.items():
        if action == VAR_LOAD_PARAMETER:
            continue
        initial = Value("missing", MAYBE_MISSING)
        if action == VAR_LOAD_ALIAS:
            initial = context.load(source, symbols)
        elif action == VAR_LOAD_RESOLVE:
            if not is_stored(ref, symbols):
                continue
            initial = context.resolve(source) or initial
        variable = context.variable(ref)
        context.emit(f"{variable} = {initial.code}")
        # "any", not the kind it begins with: it is about to be assigned, perhaps in one branch only.
        context.variable_kinds[variable] = initial.kind if initial.kind == MAYBE_MISSING else "any"
