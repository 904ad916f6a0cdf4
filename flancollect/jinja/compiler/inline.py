"""Plain Python in place of the sandbox's calls: which methods and filters, and under what guard.

A guard is an exact type test where the kind is not known, and a length that keeps the step within the budget
of its row; what fails it takes the slow form, which calls the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flancollect.jinja.compiler.context import IDENTIFIER, PLAIN, CompileContext, Value

Write = Callable[[str], str]
"""From the name of a value to the code of what is done with it."""


class InlineMethod(NamedTuple):
    """A text method that may stand as it is, with so many short literals as arguments.

    `cost` divides the length that the guard allows: what the method counts for each character. `lengthens`
    says that the result may be longer than the text.
    """

    min_args: int
    max_args: int
    kind: str
    cost: int = 1
    lengthens: bool = False


INLINE_METHODS: dict[str, InlineMethod] = {
    **dict.fromkeys(
        ("lower", "upper", "capitalize", "swapcase", "casefold", "title"), InlineMethod(0, 0, "str")
    ),
    **dict.fromkeys(("strip", "lstrip", "rstrip"), InlineMethod(0, 1, "str")),
    **dict.fromkeys(("removeprefix", "removesuffix"), InlineMethod(1, 1, "str")),
    **dict.fromkeys(("startswith", "endswith"), InlineMethod(1, 1, "bool")),
    **dict.fromkeys(
        ("isdigit", "isalpha", "isupper", "islower", "isspace", "isnumeric"), InlineMethod(0, 0, "bool")
    ),
    **dict.fromkeys(("find", "rfind", "index", "rindex", "count"), InlineMethod(1, 1, "int")),
    # "a b c" gives a list item, which counts 16 and weighs some 50 bytes, for every other character.
    **dict.fromkeys(("split", "rsplit"), InlineMethod(0, 2, "texts", cost=40)),
    "splitlines": InlineMethod(0, 0, "texts", cost=40),
    "replace": InlineMethod(2, 3, "str", lengthens=True),
}


def bind(value: Value, context: CompileContext) -> tuple[str, str]:
    """The code of a value where it is first used, and the name by which it is used again.

    `r1` gives ("r1", "r1"); `r1[k1]` gives ("(t1 := r1[k1])", "t1").
    """
    if IDENTIFIER.fullmatch(value.code):
        return value.code, value.code
    name = context.fresh("t")
    return f"({name} := {value.code})", name


def limited_text(code: str, context: CompileContext) -> Value:
    """A text just made, given up when it is long."""
    name = context.fresh("t")
    return Value(f"({name} if len({name} := {code}) < {context.unseen_limit()} else doubt())", "str")


def guarded_method(
    value: Value, fast: Write, slow: Write, method: InlineMethod, context: CompileContext
) -> Value:
    """A text method in plain Python where the value is a text short enough.

    `x.strip()` of a "str" becomes `(r1.strip() if len(r1) < 250000 else call_method(r1, k1))`.
    """
    first, name = bind(value, context)
    limit = context.unseen_limit() // method.cost
    # Python evaluates the test first, so that is where the value is bound.
    is_text = "" if value.kind == "str" else f"type({first}) is str and "
    test = f"{is_text}len({name if is_text else first}) < {limit}"
    result = fast(name)
    if method.lengthens:
        longer = context.fresh("t")
        test, result = f"{test} and len({longer} := {result}) < {limit}", longer
    return Value(f"({result} if {test} else {slow(name)})", method.kind if value.kind == "str" else "any")


def joined_texts(separator: str, items: Value, slow: Write, context: CompileContext) -> Value:
    """A list of texts joined by a short separator."""
    first, name = bind(items, context)
    joined = context.fresh("t")
    limit = context.unseen_limit()
    # Sixteen for each item: what the sandbox counts for it, besides its text.
    test = f"len({first}) < {limit // 16} and len({joined} := {separator}.join({name})) < {limit}"
    return Value(f"({joined} if {test} else {slow(name)})", "str")


def text_piece(value: Value, slow: str, context: CompileContext) -> str:
    """The text of a value; `slow` names what makes text of anything."""
    if value.kind == "str":
        return value.code
    if value.kind in PLAIN:
        return f"str({value.code})"
    first, name = bind(value, context)
    return f"({name} if type({first}) is str else {slow}({name}))"


InlineFilter = Callable[[Value, CompileContext], Value]
"""Writes a filter without arguments on a value of a known kind."""


def inline_item(position: int) -> InlineFilter:
    """`value[position]`; a list that is empty raises, and the row is left to Jinja."""
    return lambda value, _: Value(f"{value.code}[{position}]", "str" if value.kind == "texts" else "any")


def inline_prefix(gap: str) -> InlineFilter:
    """The gap and the text, or nothing for an empty text."""

    def write(value: Value, context: CompileContext) -> Value:
        first, name = bind(value, context)
        return Value(f"({context.constant(gap)} + {name} if {first} else {context.constant('')})", "str")

    return write


INLINE_FILTERS: dict[tuple[str, str], InlineFilter] = {
    **{
        (name, kind): lambda value, _: Value(f"len({value.code})", "int")
        for name in ("length", "count")
        for kind in ("str", "texts", "list", "dict", "any")
    },
    **{("first", kind): inline_item(0) for kind in ("texts", "list")},
    **{("last", kind): inline_item(-1) for kind in ("texts", "list")},
    ("one", "texts"): inline_item(0),
    # A value that is already what the filter makes of it.
    **dict.fromkeys(
        (("string", "str"), ("one", "str"), ("int", "int"), ("float", "float")), lambda value, _: value
    ),
    ("para", "str"): inline_prefix("\n\n"),
    ("line", "str"): inline_prefix("\n"),
}
"""By filter and kind of its value."""
