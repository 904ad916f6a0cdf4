"""The tree of a template, before code is made of it: refusals, and filters that count.

Jinja's hooks see operators and calls. Loops, comparisons, slices, `~` and dictionary keys become plain
Python, so they are sent here through filters of `sandbox.py` whose names hold a space, which no template
can write: `{% for x in xs %}` becomes `{% for x in xs | count loop(1) %}`.
"""

from __future__ import annotations

from typing import Any, NoReturn

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import TrackingCodeGenerator
from jinja2.visitor import NodeTransformer

from flancollect.errors import did_you_mean
from flancollect.jinja import bounds
from flancollect.jinja.filters import REFUSED_FILTERS
from flancollect.jinja.keyed_choice import KEYED_FILTERS
from flancollect.jinja.mutable import MUTATOR_NAMES

MAX_NODES = 10_000
NODES_PER_STEP = 16

COUNT_LOOP, COUNT_OPERAND = "count loop", "count operand"
COUNTED_SLICE, COUNTED_CONCAT = "counted slice", "counted concat"
MUTABLE_LITERAL = "mutable literal"

_CALLABLE = {"caller", "loop", "super"}
"""Names of Jinja's own that templates may call."""
_SEARCHES = frozenset({"in", "notin"})
_FILES = "include, import, extends and block are no part of cards; write the text out"
_REFUSED_NODES: dict[type[nodes.Node], str] = {
    nodes.Include: _FILES,
    nodes.Import: _FILES,
    nodes.FromImport: _FILES,
    nodes.Extends: _FILES,
    nodes.Block: _FILES,
    nodes.ScopedEvalContextModifier: "autoescape is no part of cards: they write plain text",
}


def rewrite(tree: nodes.Template, env: Environment) -> nodes.Template:
    """Rewrite a tree in place. Raises TemplateSyntaxError for what is no part of cards, or BoundError."""
    all_nodes = [tree, *tree.find_all(nodes.Node)]
    if len(all_nodes) > MAX_NODES:
        raise bounds.BoundError(f"more than {MAX_NODES:,} parts")
    for node in all_nodes:
        if type(node) in _REFUSED_NODES:
            _refuse(_REFUSED_NODES[type(node)], node)
    # Only a template that names such a method pays for lists of a type of their own.
    mutates = any(isinstance(node, nodes.Getattr) and node.attr in MUTATOR_NAMES for node in all_nodes)
    bound = {node.name for node in all_nodes if isinstance(node, nodes.Name) and node.ctx != "load"}
    bound |= {node.name for node in all_nodes if isinstance(node, nodes.Macro)}
    _Rewriter(env, functions=bound | _CALLABLE | set(env.globals), mutates=mutates).visit(tree)
    return tree


def undeclared(tree: nodes.Template, env: Environment) -> set[str]:
    """Names that the tree takes from the row: `range` is one of them, unless it is called.

    Raises TemplateSyntaxError for a name that is called and used as a value, too.
    """
    if not _binds(tree):  # what Jinja's own finder says then, without its writing all the code
        names = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        callees = {id(call.node): call.node for call in tree.find_all(nodes.Call)}
        called = {node.name for node in callees.values() if isinstance(node, nodes.Name)}
        values = {node.name for node in tree.find_all(nodes.Name) if id(node) not in callees}
        for name in sorted(called & values & set(env.globals)):
            what = f'`{name}` is called, and used as a value; a column of that name is read as row["{name}"]'
            raise TemplateSyntaxError(what, 1)
        return names - (called & set(env.globals)) - {"self"}
    finder = TrackingCodeGenerator(env)
    finder.optimizer = None
    finder.visit(tree)
    return finder.undeclared_identifiers


def _binds(tree: nodes.Template) -> bool:
    """Whether it may name values that it then uses; an assignment that stands alone comes after every use."""
    statements = list(tree.find_all(nodes.Stmt))
    if len(statements) == 1 and isinstance(statements[0], nodes.Assign):
        return not isinstance(statements[0].target, nodes.Name)
    return not all(isinstance(statement, nodes.Output | nodes.If) for statement in statements)


def node_count(tree: nodes.Node) -> int:
    """How many nodes a tree has."""
    return 1 + sum(1 for _ in tree.find_all(nodes.Node))


def steps_per_pass(node_count: int) -> int:
    """Loop steps that one pass over a body of this many nodes counts."""
    # `{{ loop.index }}. {{ x }}` has 5 nodes and counts 1 step per pass; a body of 40 nodes counts 1 + 40 // 16 = 3.
    # Otherwise 100,000 steps would bound next to nothing: a body may have 10,000 nodes.
    return 1 + node_count // NODES_PER_STEP


def counted_loop(node: nodes.For) -> tuple[nodes.Expr, int]:
    """What a loop of a rewritten tree walks through, and the steps that each pass over its body counts."""
    counting: Any = node.iter
    return counting.node, counting.args[0].value


class _Rewriter(NodeTransformer):
    """Refuses what is no part of cards, and puts counting filters where work would go uncounted."""

    def __init__(self, env: Environment, *, functions: set[str], mutates: bool) -> None:
        """`functions` are names that may be called: a column never can."""
        self.env = env
        self.functions = functions
        self.mutates = mutates
        self.keyed_filters = 0

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        """Count the steps."""
        weight = steps_per_pass(sum(map(node_count, node.body)))
        self.generic_visit(node)
        node.iter = self._through(COUNT_LOOP, node.iter, nodes.Const(weight))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        """`a ~ b`."""
        self.generic_visit(node)
        return self._through(COUNTED_CONCAT, *node.nodes)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        """Count both sides, unless one is a constant: `x == "yes"` looks at no more of x than of the constant."""
        self.generic_visit(node)
        first = node.ops[0]
        searches = first.op in _SEARCHES  # `"yes" in x` may look at all of x, `x in ["yes", "no"]` does not
        if len(node.ops) == 1 and (_is_constant(first.expr) or (_is_constant(node.expr) and not searches)):
            return node
        node.expr = self._through(COUNT_OPERAND, node.expr)
        for operand in node.ops:
            operand.expr = self._through(COUNT_OPERAND, operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        """Slices make texts and lists; a tuple as key is walked through."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            ends = (node.arg.start, node.arg.stop, node.arg.step)
            return self._through(COUNTED_SLICE, node.node, *(end or nodes.Const(None) for end in ends))
        if not _is_constant(node.arg):
            node.arg = self._through(COUNT_OPERAND, node.arg)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Expr:  # noqa: N802
        """A list written out in a template that adds to one."""
        self.generic_visit(node)
        return self._through(MUTABLE_LITERAL, node) if self.mutates else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:  # noqa: N802
        """The same for a dictionary."""
        self.generic_visit(node)
        return self._through(MUTABLE_LITERAL, node) if self.mutates else node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Pair:  # noqa: N802
        """The keys of a dictionary."""
        self.generic_visit(node)
        if not _is_constant(node.key):
            node.key = self._through(COUNT_OPERAND, node.key)
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Name:  # noqa: N802
        """Jinja's `self` is the template, whatever column has the name."""
        if node.name == "self":
            _refuse(
                '`self` is a word of the template language; a column of that name is read as row["self"]',
                node,
            )
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Call:  # noqa: N802
        """What `*` and `**` spread out. What is called is a method, whatever keys an object has."""
        if isinstance(node.node, nodes.Getattr):
            _refuse_internal(node.node)
            node.node.node = self.visit(node.node.node)
            callee, node.node = node.node, nodes.Const(None)
            self.generic_visit(node)
            node.node = callee
        else:
            if isinstance(node.node, nodes.Name) and node.node.name not in self.functions:
                listed = did_you_mean(node.node.name, sorted(self.env.globals), "Functions")
                _refuse(f'no function "{node.node.name}".{listed} Filters are written `value | name`.', node)
            self.generic_visit(node)
        if node.dyn_args is not None:
            node.dyn_args = self._through(COUNT_OPERAND, node.dyn_args)
        if node.dyn_kwargs is not None:
            node.dyn_kwargs = self._through(COUNT_OPERAND, node.dyn_kwargs)
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        """Python's own names are nobody's data. `o.items` is the key of that name where the object has it."""
        _refuse_internal(node)
        self.generic_visit(node)
        if not hasattr(dict, node.attr):
            return node
        # Jinja looks for a method before it looks for a key, and by `o["items"]` the other way round.
        position = {"lineno": node.lineno, "environment": self.env}
        return nodes.Getitem(node.node, nodes.Const(node.attr, **position), node.ctx, **position)

    def visit_Const(self, node: nodes.Const) -> nodes.Const:  # noqa: N802
        """A literal number has its size, too."""
        if isinstance(node.value, int):
            bounds.check_result(node.value)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        """Unknown and refused filters are an error now, not when a row first meets them."""
        self._check_filter(node.name, node)
        _check_arguments(node)
        if node.name == "map" and node.args and isinstance(node.args[0], nodes.Const):
            self._check_filter(node.args[0].value, node)
        if node.name in KEYED_FILTERS:
            if node.args or node.kwargs:
                _refuse(f"`{node.name}` takes no arguments", node)
            # Its place among the keyed filters of the template, so that each draws for itself.
            node.args = [nodes.Const(self.keyed_filters)]
            self.keyed_filters += 1
        return self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        """The same for tests."""
        if node.name not in self.env.tests:
            _refuse(f'no test named "{node.name}".{did_you_mean(node.name, sorted(self.env.tests))}', node)
        _check_arguments(node)
        return self.generic_visit(node)

    def _check_filter(self, name: Any, node: nodes.Node) -> None:
        if name in REFUSED_FILTERS:
            _refuse(f"the filter `{name}` is no part of cards: {REFUSED_FILTERS[name]}", node)
        if name not in self.env.filters:
            public = sorted(each for each in self.env.filters if " " not in each)
            _refuse(f'no filter named "{name}".{did_you_mean(str(name), public)}', node)

    def _through(self, name: str, first: Any, *rest: nodes.Expr) -> nodes.Filter:
        position = {"lineno": first.lineno, "environment": self.env}
        return nodes.Filter(first, name, list(rest), [], None, None, **position)


def _refuse_internal(node: nodes.Getattr) -> None:
    if node.attr.startswith("__"):
        _refuse(f'"{node.attr}" belongs to Python, not to the data; templates cannot reach it', node)


def _is_constant(node: nodes.Expr) -> bool:
    """A literal, or a list of literals."""
    if isinstance(node, nodes.List | nodes.Tuple):
        return all(isinstance(item, nodes.Const) for item in node.items)
    return isinstance(node, nodes.Const)


def _check_arguments(node: nodes.Filter | nodes.Test) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        _refuse(f"`{node.name}` takes its arguments one by one, not with * or **", node)


def _refuse(reason: str, node: nodes.Node) -> NoReturn:
    raise TemplateSyntaxError(reason, node.lineno)
