"""Null, and the number that is none (NaN): a template may ask for them, and never writes them out.

Sources have holes. Jinja writes a null as `None`, reads it as the number 0 and compares it with anything, so a hole
would become a label or a word of a prompt. Here whatever would make a value of a null fails instead, and the row
falls away, unless the card says what to do: `default("unknown")`, `x or y`, `x is none`, `a if x is none else x`.
"""

from __future__ import annotations

import math
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.visitor import NodeTransformer

NULL_CHECK = "null check"


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


def default_value(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Jinja's `default`, which here also stands for a null: an absent key and a null are both nothing."""
    missing = isinstance(value, Undefined) or is_null(value)
    return default_value if missing or (boolean and not value) else value


def with_null_checks(tree: nodes.Expr) -> nodes.Expr:
    """An expression in which every value of the row that another is made of must be there.

    `label | int` becomes `label | null check("label") | int`, `a ~ b.c` checks `a` and `b.c`. Not checked is what the
    expression itself looks at: the left side of `or`, the subject of a test or of `default`, and a value that stands
    by itself, which its user looks at.
    """
    if _is_path(tree):
        return tree
    checked: nodes.Expr = _Checker({_spelled(path) for path in _guarded(tree) if _is_path(path)}).visit(tree)
    return checked


def _is_path(node: nodes.Node) -> bool:
    """A name, or what is reached from one by keys and positions: `doc.title`, `answers[0]`, `choices[label]`."""
    if isinstance(node, nodes.Getitem):
        return not isinstance(node.arg, nodes.Slice) and _is_path(node.node)
    return isinstance(node, nodes.Name) or (isinstance(node, nodes.Getattr) and _is_path(node.node))


def _spelled(node: nodes.Node) -> str:
    """A path as a card writes it; a position that is worked out is "…"."""
    match node:
        case nodes.Name():
            return str(node.name)
        case nodes.Getattr():
            return f"{_spelled(node.node)}.{node.attr}"
        case nodes.Getitem():
            key = node.arg
            word = (
                repr(key.value) if isinstance(key, nodes.Const) else _spelled(key) if _is_path(key) else "…"
            )
            return f"{_spelled(node.node)}[{word}]"
    raise TypeError(type(node).__name__)


_ASKS = frozenset({"default", "d", "many", NULL_CHECK})
"""Filters that say themselves what becomes of a null."""
_CONVERSIONS = frozenset({"int", "float"})
"""Filters that do so where they name a default: `label | int(-1)`."""


def _guarded(tree: nodes.Node) -> list[nodes.Node]:
    """What an expression asks about: is it there?"""
    subjects: list[nodes.Node] = []
    for node in (tree, *tree.find_all(nodes.Node)):
        match node:
            case nodes.Test():
                subjects.append(node.node)
            case nodes.Filter() if node.node is not None and (
                node.name in _ASKS
                or (
                    node.name in _CONVERSIONS
                    and (node.args or any(word.key == "default" for word in node.kwargs))
                )
            ):
                subjects.append(node.node)
            case nodes.Or():
                subjects.append(node.left)
            case nodes.And() if _occurs(node.left, node.right):
                subjects.append(node.left)
            case nodes.CondExpr():
                # `a if a else b` asks whether a is there; `"yes" if label else "no"` takes a null for a no.
                subject = node.test.node if isinstance(node.test, nodes.Not) else node.test
                branches = [branch for branch in (node.expr1, node.expr2) if branch is not None]
                if any(_occurs(subject, branch) for branch in branches):
                    subjects.append(subject)
            case nodes.Compare() if any(
                _is_none(side) for side in (node.expr, *(op.expr for op in node.ops))
            ):
                subjects += [node.expr, *(op.expr for op in node.ops)]
    return subjects


def _is_none(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and node.value is None


def _occurs(path: nodes.Node, node: nodes.Node) -> bool:
    """Whether a path stands somewhere in an expression."""
    if not _is_path(path):
        return False
    spelled = _spelled(path)
    return any(_is_path(each) and _spelled(each) == spelled for each in (node, *node.find_all(nodes.Expr)))


class _Checker(NodeTransformer):
    """Puts the checks around paths, except those `guarded`, which the expression looks at itself."""

    def __init__(self, guarded: set[str]) -> None:
        self._guarded = guarded

    def visit_Name(self, node: nodes.Name) -> nodes.Expr:  # noqa: N802
        """A column."""
        return self._check(node, _spelled(node))

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Expr:  # noqa: N802
        """A path as a whole; of anything else, such as `(a or b).c`, what stands before the dot."""
        if _is_path(node):
            return self._check(self._path_with_checked_keys(node), _spelled(node))
        node.node = self.visit(node.node)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        """The same; a position is a value, too."""
        if _is_path(node):
            return self._check(self._path_with_checked_keys(node), _spelled(node))
        node.node, node.arg = self.visit(node.node), self.visit(node.arg)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802
        """Of `a.lower()` it is `a` that must be there; `range` is no value of the row."""
        if isinstance(node.node, nodes.Getattr):
            node.node.node = self.visit(node.node.node)
        node.args = [self.visit(arg) for arg in node.args]
        node.kwargs = [self.visit(word) for word in node.kwargs]
        return node

    def visit_List(self, node: nodes.List) -> nodes.Expr:  # noqa: N802
        """A list may hold nulls, which `select` leaves out; whatever makes text of it looks at each."""
        node.items = [
            self._path_with_checked_keys(item) if _is_path(item) else self.visit(item) for item in node.items
        ]
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802
        """The same."""
        node.items = [
            self._path_with_checked_keys(item) if _is_path(item) else self.visit(item) for item in node.items
        ]
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:  # noqa: N802
        """A null would be unequal to everything: `label != "spam"` would keep every row without a label."""
        sides = [self._side(side) for side in (node.expr, *(operand.expr for operand in node.ops))]
        node.expr = sides[0]
        for operand, side in zip(node.ops, sides[1:], strict=True):
            operand.expr = side
        return node

    def _side(self, node: nodes.Expr) -> nodes.Expr:
        checked: nodes.Expr = self.visit(node)
        if isinstance(node, nodes.Filter | nodes.Call | nodes.CondExpr | nodes.Or | nodes.And):
            return self._check(checked, "a side of a comparison")
        return checked

    def _path_with_checked_keys(self, path: Any) -> Any:
        """A path whose own positions are checked: of `choices[label]` it is `label`."""
        if isinstance(path, nodes.Getattr | nodes.Getitem):
            path.node = self._path_with_checked_keys(path.node)
            if isinstance(path, nodes.Getitem):
                path.arg = self.visit(path.arg)
        return path

    def _check(self, node: nodes.Expr, spelled: str) -> nodes.Expr:
        if spelled in self._guarded:
            return node
        position = {"lineno": node.lineno, "environment": node.environment}
        return nodes.Filter(node, NULL_CHECK, [nodes.Const(spelled, **position)], [], None, None, **position)
