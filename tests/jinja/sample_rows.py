"""Rows for any template: the shape of each variable is read off the template, its values are keyed draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from flancollect.draw import Draws
from flancollect.jinja.expression import compile_template, environment
from flancollect.jinja.methods import LIST_METHODS, TEXT_METHODS

TEXTS = (
    "The bridge reopened on Monday.",
    "",
    " padded\n",
    "Ünïcödé ß ﬁ 中文 🎉 \u2028x",
    "a; b, c|||d\te",
    'it\'s "quoted" {{ not }} {% code %} \\n',
    "Yes",
    "1,234",
    "0.5",
)
ODD = (
    None,
    True,
    False,
    0,
    -1,
    7,
    10**20,
    1.5,
    1e16,
    float("nan"),
    float("inf"),
    -0.0,
    [],
    ["a", "é"],
    ["a", None, 2],
    [["x", ["y"]], []],
    {},
    {"text": ["a"], "0": 1},
    [{"a": 1}, {"a": "b"}],
    *TEXTS,
)


@dataclass
class Shape:
    """What a template does with a value: items by name, a walk over its elements, arithmetic or indexing."""

    keys: dict[str, Shape] = field(default_factory=dict)
    element: Shape | None = None
    number: bool = False
    text: bool = False

    def key(self, name: str) -> Shape:
        return self.keys.setdefault(name, Shape())

    def each(self) -> Shape:
        self.element = self.element or Shape()
        return self.element


class _Reader:
    """Reads shapes off a tree: what each variable, item and loop element is used as."""

    def __init__(self, tree: nodes.Template) -> None:
        self.root = Shape()
        self.names: dict[str, Shape | None] = {}
        self.methods = {id(call.node) for call in tree.find_all(nodes.Call)}
        for node in tree.find_all((nodes.Assign, nodes.For)):
            source = node.node if isinstance(node, nodes.Assign) else node.iter
            self._alias(node.target, source, looped=isinstance(node, nodes.For))
        for node in tree.find_all(nodes.Expr):
            self._note(node)

    def _alias(self, target: nodes.Node, source: nodes.Expr, *, looped: bool) -> None:
        shape = self.shape(source)
        if isinstance(target, nodes.Name):
            self.names[target.name] = shape.each() if shape and looped else shape
        for name in target.find_all(nodes.Name):
            self.names[name.name] = None
        if looped and isinstance(source, nodes.Call) and isinstance(target, nodes.Tuple):  # zip(a, b)
            for name, arg in zip(target.items, source.args, strict=False):
                of_arg = self.shape(arg)
                self.names[name.name] = of_arg.each() if of_arg else None

    def shape(self, node: nodes.Node) -> Shape | None:
        if isinstance(node, nodes.Name):
            return self.names[node.name] if node.name in self.names else self.root.key(node.name)
        if isinstance(node, nodes.Getattr) and id(node) not in self.methods:
            shape = self.shape(node.node)
            return shape.key(node.attr) if shape else None
        if isinstance(node, nodes.Getitem):
            return self._item(node, self.shape(node.node))
        if isinstance(node, nodes.Filter) and node.node is not None:
            shape = self.shape(node.node)
            return shape.each() if shape and node.name in ("choice", "random", "first", "last") else None
        return None

    def _item(self, node: nodes.Getitem, shape: Shape | None) -> Shape | None:
        if shape is None or isinstance(node.arg, nodes.Slice):
            return shape
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return shape.key(node.arg.value)
        return shape.each()

    def _note(self, node: nodes.Expr) -> None:
        self.shape(node)
        if isinstance(node, nodes.Getitem):
            ends = (node.arg.start, node.arg.stop) if isinstance(node.arg, nodes.Slice) else (node.arg,)
            if isinstance(node.node, nodes.Dict):
                self._textual(node.arg)
            else:
                self._number(*ends)
        elif isinstance(node, nodes.BinExpr) and not isinstance(node, nodes.And | nodes.Or):
            self._number(node.left, node.right)
        elif isinstance(node, nodes.Compare):
            sides = [node.expr, *(op.expr for op in node.ops)]
            if any(isinstance(side, nodes.Const) and isinstance(side.value, int | float) for side in sides):
                self._number(*sides)
        elif isinstance(node, nodes.Filter):
            self._filter(node)
        elif isinstance(node, nodes.Call):
            self._call(node)

    def _call(self, node: nodes.Call) -> None:
        if isinstance(node.node, nodes.Getattr) and node.node.attr in TEXT_METHODS - LIST_METHODS:
            self._textual(node.node.node)

    def _textual(self, node: nodes.Node) -> None:
        shape = self.shape(node)
        if shape is not None:
            shape.text = True

    def _number(self, *sides: nodes.Node | None) -> None:
        for side in sides:
            shape = self.shape(side) if side is not None else None
            if shape is not None:
                shape.number = True

    def _filter(self, node: nodes.Filter) -> None:
        shape = self.shape(node.node) if node.node is not None else None
        if shape is None:
            return
        if node.name in ("round", "abs", "int", "float"):
            shape.number = True
        if node.name in ("join", "map", "select", "reject", "selectattr", "unique") and not shape.keys:
            shape.each()
        named = [word.value for word in node.kwargs if word.key == "attribute"] + node.args[:1]
        if node.name in ("map", "selectattr", "rejectattr") and (node.name != "map" or node.kwargs):
            for word in named[:1]:
                shape.each().key(str(word.value))


def shapes_of(text: str) -> dict[str, Shape]:
    """The shape of every variable of a template."""
    return _Reader(environment().parse(text)).root.keys


def value_of(shape: Shape, draws: Draws, odd: int, texts: Sequence[str], name: str = "") -> Any:
    """A value of a shape; one in `odd` leaves is of no fitting type at all (0: none is)."""
    if odd and draws.below(odd) == 0:
        return draws.pick(ODD)
    if shape.keys and shape.element is None:
        return {key: value_of(inner, draws, odd, texts, key) for key, inner in sorted(shape.keys.items())}
    if (shape.element is not None and not shape.text) or name == "answer_choices":
        inner = Shape(
            keys=shape.keys | (shape.element.keys if shape.element else {}),
            element=shape.element.element if shape.element else None,
            number=bool(shape.element and shape.element.number),
            text=bool(shape.element and shape.element.text),
        )
        return [value_of(inner, draws, odd, texts) for _ in range(draws.between(2, 6))]
    if shape.number and not shape.text:
        return draws.below(3)
    return draws.pick(texts)


def rows_for(text: str, count: int, odd: int, *names: str) -> dict[str, list[Any]]:
    """Columns of `count` rows for a template, keyed by `names`. Some texts hold what the template looks for."""
    template = compile_template(text)
    shapes = shapes_of(text)
    draws = Draws("made rows", odd, *names)
    constants = sorted(
        {
            node.value
            for node in environment().parse(text).find_all(nodes.Const)
            if isinstance(node.value, str)
        }
    )
    texts = [*TEXTS, *constants * 3, " ".join(constants), " x ".join([*constants, *constants])]
    return {
        name: [value_of(shapes.get(name, Shape()), draws, odd, texts, name) for _ in range(count)]
        for name in sorted(template.variables)
    }
