"""Plain Python in place of the sandbox's calls: which methods and filters, and under what guard.

A guard is an exact type test where the kind is not known, and a length that keeps the step within the budget
of its row; what fails it takes the slow form, which calls the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flancollect.jinja.compiler.context import SIMPLE, Unit, Value

Write = Callable[[str], str]


class Plain(NamedTuple):
    """A text method that may stand as it is, with so many short literals as arguments.

    `share` divides the length that the guard allows: what the method counts for each character.
    """

    least: int
    most: int
    kind: str
    share: int = 1
    grows: bool = False


METHODS: dict[str, Plain] = {
    **dict.fromkeys(("lower", "upper", "capitalize", "swapcase", "casefold", "title"), Plain(0, 0, "str")),
    **dict.fromkeys(("strip", "lstrip", "rstrip"), Plain(0, 1, "str")),
    **dict.fromkeys(("removeprefix", "removesuffix"), Plain(1, 1, "str")),
    **dict.fromkeys(("startswith", "endswith"), Plain(1, 1, "bool")),
    **dict.fromkeys(
        ("isdigit", "isalpha", "isupper", "islower", "isspace", "isnumeric"), Plain(0, 0, "bool")
    ),
    **dict.fromkeys(("find", "rfind", "index", "rindex", "count"), Plain(1, 1, "int")),
    **dict.fromkeys(("split", "rsplit"), Plain(0, 2, "texts", share=40)),
    "splitlines": Plain(0, 0, "texts", share=40),
    "replace": Plain(2, 3, "str", grows=True),
}


def simple(value: Value, unit: Unit) -> tuple[str, str]:
    """The code of a value where it is first used, and the name by which it is used again."""
    if SIMPLE.fullmatch(value.code):
        return value.code, value.code
    name = unit.new("t")
    return f"({name} := {value.code})", name


def within(code: str, unit: Unit) -> Value:
    """A text just made, given up when it is long."""
    name = unit.new("t")
    return Value(f"({name} if len({name} := {code}) < {unit.small()} else doubt())", "str")


def guarded(value: Value, fast: Write, slow: Write, plain: Plain, unit: Unit) -> Value:
    """A text method in plain Python where the value is a text short enough."""
    first, name = simple(value, unit)
    room = unit.small() // plain.share
    is_text = "" if value.kind == "str" else f"type({first}) is str and "
    test = f"{is_text}len({name if is_text else first}) < {room}"
    result = fast(name)
    if plain.grows:
        made = unit.new("t")
        test, result = f"{test} and len({made} := {result}) < {room}", made
    return Value(f"({result} if {test} else {slow(name)})", plain.kind if value.kind == "str" else "any")


def joined_texts(separator: str, items: Value, slow: Write, unit: Unit) -> Value:
    """A list of texts joined by a short separator."""
    first, name = simple(items, unit)
    made = unit.new("t")
    test = f"len({first}) < {unit.small() // 16} and len({made} := {separator}.join({name})) < {unit.small()}"
    return Value(f"({made} if {test} else {slow(name)})", "str")


def text_piece(value: Value, slow: str, unit: Unit) -> str:
    """The text of a value; `slow` names what makes text of anything."""
    if value.kind == "str":
        return value.code
    if value.kind in ("int", "position", "float", "bool", "none"):
        return f"str({value.code})"
    first, name = simple(value, unit)
    return f"({name} if type({first}) is str else {slow}({name}))"


# --- filters without arguments on values of a known kind ---------------------------------------------------


def _same(value: Value, _: Unit) -> Value:
    return value


def _length(value: Value, _: Unit) -> Value:
    return Value(f"len({value.code})", "int")


def _at(position: int) -> Callable[[Value, Unit], Value]:
    def write(value: Value, _: Unit) -> Value:
        return Value(f"{value.code}[{position}]", "str" if value.kind == "texts" else "any")

    return write


def _after(gap: str) -> Callable[[Value, Unit], Value]:
    def write(value: Value, unit: Unit) -> Value:
        first, name = simple(value, unit)
        return Value(f"({unit.constant(gap)} + {name} if {first} else {unit.constant('')})", "str")

    return write


FILTERS: dict[tuple[str, str], Callable[[Value, Unit], Value]] = {
    **{
        (name, kind): _length
        for name in ("length", "count")
        for kind in ("str", "texts", "list", "dict", "any")
    },
    **{("first", kind): _at(0) for kind in ("texts", "list")},
    **{("last", kind): _at(-1) for kind in ("texts", "list")},
    ("string", "str"): _same,
    ("one", "str"): _same,
    ("one", "texts"): _at(0),
    ("int", "int"): _same,
    ("float", "float"): _same,
    ("para", "str"): _after("\n\n"),
    ("line", "str"): _after("\n"),
}
