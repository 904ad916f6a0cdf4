"""The tree of a template, before code is made of it: refusals, and filters that count.

Jinja's hooks see operators and calls. Loops, comparisons, slices, `~` and dictionary keys become plain
Python, so they are sent here through filters of `sandbox.py` whose names hold a space, which no template
can write.
"""

from __future__ import annotations

from typing import Any, NoReturn

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import TrackingCodeGenerator
from jinja2.visitor import NodeTransformer

from flancollect.errors import did_you_mean
from flancollect.jinja import bounds
from flancollect.jinja.filters import LEFT_OUT
from flancollect.jinja.keyed_choice import KEYED
from flancollect.jinja.mutable import METHODS

MAX_NODES = 10_000
BODY_PARTS = 16  # a loop step or macro call over a larger body counts once more for every so many parts

LOOP, OPERAND, PART, JOINED = "loop steps", "an operand", "a part", "joined text"
GROWN = "a list of its own"

_SEARCHES = frozenset({"in", "notin"})
_FILES = "include, import, extends and block are no part of cards; write the text out"
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Include: _FILES,
    nodes.Import: _FILES,
    nodes.FromImport: _FILES,
    nodes.Extends: _FILES,
    nodes.Block: _FILES,
    nodes.ScopedEvalContextModifier: "autoescape is no part of cards: they write plain text",
}


def rewrite(tree: nodes.Template, env: Environment) -> nodes.Template:
    """Rewrite a tree in place. Raises TemplateSyntaxError for what is no part of cards, or BoundError."""
    found = [tree, *tree.find_all(nodes.Node)]
    if len(found) > MAX_NODES:
        raise bounds.BoundError(f"more than {MAX_NODES:,} parts")
    for node in found:
        if type(node) in _REFUSED:
            _refuse(_REFUSED[type(node)], node)
    grows = any(isinstance(node, nodes.Getattr) and node.attr in METHODS for node in found)
    _Rewriter(env, grows=grows).visit(tree)
    return tree


def undeclared(tree: nodes.Template, env: Environment) -> set[str]:
    """Names that the tree takes from the row."""
    if not _binds(tree):  # what Jinja's own finder says then, without its writing all the code
        names = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        return names.difference(env.globals, ["self"])
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


def parts(tree: nodes.Node) -> int:
    """How many nodes a tree has."""
    return 1 + sum(1 for _ in tree.find_all(nodes.Node))


def steps_of(size: int) -> int:
    """Loop steps that one pass over a body of this many nodes counts."""
    return 1 + size // BODY_PARTS


class _Rewriter(NodeTransformer):
    """Refuses what is no part of cards, and puts counting filters where work would go unseen."""

    def __init__(self, env: Environment, *, grows: bool) -> None:
        self.env = env
        self.grows = grows
        self.draws = 0

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        """Count the steps."""
        weight = steps_of(sum(map(parts, node.body)))
        self.generic_visit(node)
        node.iter = self._through(LOOP, node.iter, nodes.Const(weight))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        """`a ~ b`."""
        self.generic_visit(node)
        return self._through(JOINED, *node.nodes)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        """Count both sides, unless one is a constant, which any comparison soon tells apart."""
        self.generic_visit(node)
        right = node.ops[0]
        searched = right.op in _SEARCHES
        if len(node.ops) == 1 and (_constant(right.expr) or (_constant(node.expr) and not searched)):
            return node
        node.expr = self._through(OPERAND, node.expr)
        for operand in node.ops:
            operand.expr = self._through(OPERAND, operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        """Slices make texts and lists; a tuple as key is walked through."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            ends = (node.arg.start, node.arg.stop, node.arg.step)
            return self._through(
                PART, node.node, *(nodes.Const(None) if end is None else end for end in ends)
            )
        if not _constant(node.arg):
            node.arg = self._through(OPERAND, node.arg)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Expr:  # noqa: N802
        """A list written out in a template that adds to one."""
        self.generic_visit(node)
        return self._through(GROWN, node) if self.grows else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:  # noqa: N802
        """The same for a mapping."""
        self.generic_visit(node)
        return self._through(GROWN, node) if self.grows else node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Pair:  # noqa: N802
        """The keys of a dictionary."""
        self.generic_visit(node)
        if not _constant(node.key):
            node.key = self._through(OPERAND, node.key)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Call:  # noqa: N802
        """What `*` and `**` spread out."""
        self.generic_visit(node)
        if node.dyn_args is not None:
            node.dyn_args = self._through(OPERAND, node.dyn_args)
        if node.dyn_kwargs is not None:
            node.dyn_kwargs = self._through(OPERAND, node.dyn_kwargs)
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        """Python's own names are nobody's data."""
        if node.attr.startswith("__"):
            _refuse(f'"{node.attr}" belongs to Python, not to the data; templates cannot reach it', node)
        return self.generic_visit(node)

    def visit_Const(self, node: nodes.Const) -> nodes.Const:  # noqa: N802
        """A literal number has its size, too."""
        if isinstance(node.value, int):
            bounds.made(node.value)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        """Unknown and left out filters are refused now, not when a row first meets them."""
        self._known_filter(node.name, node)
        _plain_arguments(node)
        if node.name == "map" and node.args and isinstance(node.args[0], nodes.Const):
            self._known_filter(node.args[0].value, node)
        if node.name in KEYED:
            self._place(node)
        return self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        """The same for tests."""
        if node.name not in self.env.tests:
            _refuse(f'no test named "{node.name}".{did_you_mean(node.name, sorted(self.env.tests))}', node)
        _plain_arguments(node)
        return self.generic_visit(node)

    def _place(self, node: nodes.Filter) -> None:
        """Number the filters that draw, so that each draws for itself."""
        if node.args or node.kwargs:
            _refuse(f"`{node.name}` takes no arguments", node)
        node.args = [nodes.Const(self.draws)]
        self.draws += 1

    def _known_filter(self, name: Any, node: nodes.Node) -> None:
        if name in LEFT_OUT:
            _refuse(f"the filter `{name}` is no part of cards: {LEFT_OUT[name]}", node)
        if name not in self.env.filters:
            known = sorted(known for known in self.env.filters if " " not in known)
            _refuse(f'no filter named "{name}".{did_you_mean(str(name), known)}', node)

    def _through(self, name: str, first: Any, *rest: nodes.Expr) -> nodes.Filter:
        place = {"lineno": first.lineno, "environment": self.env}
        return nodes.Filter(first, name, list(rest), [], None, None, **place)


def _constant(node: nodes.Expr) -> bool:
    """A literal, or a list of literals."""
    if isinstance(node, nodes.List | nodes.Tuple):
        return all(isinstance(item, nodes.Const) for item in node.items)
    return isinstance(node, nodes.Const)


def _plain_arguments(node: nodes.Filter | nodes.Test) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        _refuse(f"`{node.name}` takes its arguments one by one, not with * or **", node)


def _refuse(what: str, node: nodes.Node) -> NoReturn:
    raise TemplateSyntaxError(what, node.lineno)
