"""Null, and the number that is none (NaN): a card may ask for them, and never makes a value of them.

Sources have holes. Jinja writes a null as `None`, reads it as the number 0 and compares it with anything, so a hole
would become a label or a word of a prompt. Here whatever would make a value of a null fails instead, and the row
falls away, unless the card says what to do: `default("unknown")`, `x or y`, `x is none`, `a if x is none else x`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from jinja2 import Undefined, nodes
from jinja2.visitor import NodeTransformer

NULL_CHECK = "null check"

NodeT = TypeVar("NodeT", bound=nodes.Node)


class NullError(ValueError):
    """A null where a value is needed."""


def is_null(value: Any) -> bool:
    """Whether this is null or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def present(value: Any, name: str = "a value that is written out") -> Any:
    """The value. Raises NullError, which says `name`, for a null or NaN."""
    if is_null(value):
        raise NullError(f"null in {name}")
    return value


def refuse_nulls_within(value: Any) -> None:
    """Raise NullError for a list or mapping that holds a null, however deep. Its size must have been looked at."""
    # Python's notation of a list would write it as `None`: ["red", None].
    pending = [value]
    while pending:
        value = present(pending.pop())
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)


def default_value(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Jinja's `default`, which here also stands for a null: an absent key and a null are both nothing."""
    return default_value if is_nothing(value) or (boolean and not value) else value


def is_nothing(value: Any) -> bool:
    """Whether there is no value: an absent key, a null or NaN. What `is undefined` and `default` ask."""
    return isinstance(value, Undefined) or is_null(value)


def with_null_checks(tree: NodeT) -> NodeT:
    """A tree in which every value that another is made of must be there; changed in place.

    A null goes where a value goes: it may be the outcome, an item of a list, what `or` and `default` look at. What
    works on it fails: `label | int` becomes `label | null check("label") | int`, `a ~ b.c` checks `a` and `b.c`, and
    `[a, b] | first == "x"` what the filter gives.
    """
    checked: NodeT = _Checker().visit(tree)
    return checked


_ASKING_FILTERS = frozenset({"default", "d", "many", NULL_CHECK})
"""Filters that say themselves what becomes of a null."""
_CONVERSIONS = frozenset({"int", "float"})
"""Filters that do so where they name a default: `label | int(-1)`."""
_GIVE_NULL = frozenset({"attr", "choice", "default", "d", "first", "last", "max", "min", "one", "random"})
"""Filters that hand on what they are given, or an item of it; all others make something of their own."""
_METHODS_GIVE_NULL = frozenset({"get", "pop", "setdefault"})
_HOLDERS = frozenset({"dict", "namespace"})
"""Functions that keep what they are given as it is."""

ASKING_TESTS = frozenset(
    [
        *("none", "defined", "undefined", "boolean", "callable", "escaped", "filter", "float", "integer"),
        *("iterable", "mapping", "number", "sequence", "string", "test"),
    ]
)
"""Tests of whether there is a value, and of what type."""


def _is_path(node: nodes.Node) -> bool:
    """A name, or what is reached from one by keys and positions: `doc.title`, `answers[0]`, `choices[label]`."""
    if isinstance(node, nodes.Getitem):
        return not isinstance(node.arg, nodes.Slice) and _is_path(node.node)
    return isinstance(node, nodes.Name) or (isinstance(node, nodes.Getattr) and _is_path(node.node))


def _spelled(node: nodes.Node) -> str:
    """A value as a card writes it; what is worked out on the way is "…"."""
    match node:
        case nodes.Name():
            return str(node.name)
        case nodes.Getattr():
            return f"{_spelled(node.node)}.{node.attr}"
        case nodes.Getitem():
            key = node.arg
            return (
                f"{_spelled(node.node)}[{repr(key.value) if isinstance(key, nodes.Const) else _spelled(key)}]"
            )
        case nodes.Filter() if node.node is not None:
            return _spelled(node.node) if node.name == NULL_CHECK else f"{_spelled(node.node)} | {node.name}"
        case nodes.Call():
            return f"{_spelled(node.node)}()"
    return "…"


def _may_be_null(node: nodes.Node | None) -> bool:
    """Whether a null of the row may come out of this."""
    may = False
    match node:
        case nodes.Name() | nodes.Getattr():
            may = True
        case nodes.Getitem():
            may = not isinstance(node.arg, nodes.Slice)
        case nodes.Filter():
            may = node.name in _GIVE_NULL or _converts_or_defaults(node)
        case nodes.Call():
            may = isinstance(node.node, nodes.Getattr) and node.node.attr in _METHODS_GIVE_NULL
        case nodes.CondExpr():
            may = _may_be_null(node.expr1) or _may_be_null(node.expr2)
        case nodes.Or():
            may = _may_be_null(node.right)
        case nodes.And():
            may = _may_be_null(node.left) or _may_be_null(node.right)
    return may


def _converts_or_defaults(node: nodes.Filter) -> bool:
    return node.name in _CONVERSIONS and bool(node.args or any(word.key == "default" for word in node.kwargs))


def _is_none(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and node.value is None


def _occurs(path: nodes.Node, trees: Sequence[nodes.Node]) -> bool:
    """Whether a path stands somewhere in other parts."""
    if not _is_path(path):
        return False
    spelled = _spelled(path)
    return any(
        _is_path(node) and _spelled(node) == spelled
        for tree in trees
        for node in (tree, *tree.find_all(nodes.Expr))
    )


class _Checker(NodeTransformer):
    """Puts a check around everything that is worked on; `visit` gives a value that may still be null."""

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        """A position is worked on, and so is what is cut: `text[start:]` with a null start is not the whole text."""
        if isinstance(node.arg, nodes.Slice):
            node.node = self._needed(node.node)
            for end in ("start", "stop", "step"):
                value = getattr(node.arg, end)
                if value is not None:
                    setattr(node.arg, end, self._needed(value))
        else:
            node.node, node.arg = self.visit(node.node), self._needed(node.arg)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:  # noqa: N802
        """A null would be unequal to everything: `label != "spam"` would keep every row without a label."""
        if any(_is_none(side) for side in (node.expr, *(operand.expr for operand in node.ops))):
            return self.generic_visit(node)  # type: ignore[return-value]
        node.expr = self._side(node.expr)
        for operand in node.ops:
            operand.expr = self._side(operand.expr)
        return node

    def _side(self, node: nodes.Expr) -> nodes.Expr:
        """A side of a comparison; of a list that is written out it is the items that are compared."""
        if isinstance(node, nodes.List | nodes.Tuple):
            node.items = [self._needed(item) for item in node.items]
            return node
        return self._needed(node)

    def visit_BinExpr(self, node: nodes.BinExpr) -> nodes.Expr:  # noqa: N802
        """`a + b` and its like."""
        node.left, node.right = self._needed(node.left), self._needed(node.right)
        return node

    visit_Add = visit_Sub = visit_Mul = visit_Div = visit_BinExpr  # noqa: N815
    visit_FloorDiv = visit_Mod = visit_Pow = visit_BinExpr  # noqa: N815

    def visit_Neg(self, node: nodes.UnaryExpr) -> nodes.Expr:  # noqa: N802
        """`-a`."""
        node.node = self._needed(node.node)
        return node

    visit_Pos = visit_Neg  # noqa: N815

    def visit_Not(self, node: nodes.Not) -> nodes.Expr:  # noqa: N802
        """Nothing is not false."""
        return self._condition(node, ())

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        """`a ~ b`."""
        node.nodes = [self._needed(part) for part in node.nodes]
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Expr:  # noqa: N802
        """`a if a else b` asks whether a is there; `"yes" if label else "no"` would take a null for a no."""
        branches = [branch for branch in (node.expr1, node.expr2) if branch is not None]
        node.test = self._condition(node.test, branches)
        node.expr1 = self.visit(node.expr1)
        node.expr2 = None if node.expr2 is None else self.visit(node.expr2)
        return node

    def visit_If(self, node: nodes.If) -> nodes.Node:  # noqa: N802
        """The same for `{% if %}`: `{% if note %}({{ note }}){% endif %}` asks for the note."""
        node.test = self._condition(node.test, (*node.body, *node.elif_, *node.else_))
        for part in ("body", "elif_", "else_"):
            setattr(node, part, [self.visit(each) for each in getattr(node, part)])
        return node

    def _condition(self, node: Any, branches: Sequence[nodes.Node]) -> nodes.Expr:
        """What decides between branches: each part of it is there, or is asked for since a branch shows it."""
        match node:
            case nodes.Not():
                node.node = self._condition(node.node, branches)
                return node
            case nodes.And():
                # `a and a[0] == "x"` asks for a no less than `a[0] if a`, but nothing says what to do without it.
                node.left = self._condition(node.left, branches)
                node.right = self._condition(node.right, branches)
                return node
            case nodes.Or():
                node.left, node.right = self.visit(node.left), self._condition(node.right, branches)
                return node
        return self.visit(node) if _occurs(node, branches) else self._needed(node)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Expr:  # noqa: N802
        """Value and arguments, unless the filter is one that asks: `label | default(other)` may give either."""
        if node.name in _ASKING_FILTERS or _converts_or_defaults(node):
            return self.generic_visit(node)  # type: ignore[return-value]
        if node.node is not None:
            node.node = self._needed(node.node)
        self._check_arguments(node)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Expr:  # noqa: N802
        """`label is eq "spam"` compares as `==` does."""
        if node.name in ASKING_TESTS or any(map(_is_none, node.args)):
            return self.generic_visit(node)  # type: ignore[return-value]
        node.node = self._needed(node.node)
        self._check_arguments(node)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802
        """Of `a.lower()` it is `a` that must be there; `range` is no value of the row."""
        if isinstance(node.node, nodes.Name) and node.node.name in _HOLDERS:
            return self.generic_visit(node)  # type: ignore[return-value]
        if isinstance(node.node, nodes.Getattr):
            node.node.node = self._needed(node.node.node)
            if node.node.attr in _METHODS_GIVE_NULL:
                node.args = [
                    self.visit(argument) if place else self._needed(argument)
                    for place, argument in enumerate(node.args)
                ]
                return node
        self._check_arguments(node)
        return node

    def _check_arguments(self, node: nodes.Filter | nodes.Test | nodes.Call) -> None:
        node.args = [self._needed(argument) for argument in node.args]
        for word in node.kwargs:
            word.value = self._needed(word.value)

    def _needed(self, node: nodes.Expr) -> nodes.Expr:
        """A value that something is made of."""
        spelled, may_be_null = _spelled(node), _may_be_null(node)
        checked: nodes.Expr = self.visit(node)
        if not may_be_null:
            return checked
        position = {"lineno": node.lineno, "environment": node.environment}
        return nodes.Filter(
            checked, NULL_CHECK, [nodes.Const(spelled, **position)], [], None, None, **position
        )
