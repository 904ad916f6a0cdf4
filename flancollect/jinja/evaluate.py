"""The one way from a template's text and columns to strings, and from an expression and columns to values.

Everything above asks here; how a template is evaluated is known here alone. Text is compiled to a Python
function per template and kinds of its columns. A row in which that function raises is rendered by reference
Jinja, which gives the text or says what is wrong; a template that cannot be compiled is reference Jinja
throughout. Either way the result is reference Jinja's, letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from flancollect.jinja import bounds
from flancollect.jinja.compiler.codegen import Code, generate_expression, generate_template
from flancollect.jinja.compiler.context import CannotCompile, kind_of
from flancollect.jinja.compiler.output import MAX_FAST_TEXT
from flancollect.jinja.expression import (
    ExpressionError,
    compile_expression,
    compile_template,
    rewritten_expression,
    rewritten_template,
)

T = TypeVar("T")
Reference = Callable[[Mapping[str, Any]], Any]
Kinds = tuple[tuple[str, str], ...]
"""The kind of each column, by name, as something that a cache can look up."""

_BARE = re.compile(r"\{\{ ([A-Za-z_]\w*) \}\}", re.ASCII)

RENDER_VERSION = 3
"""Raised by every change that alters a rendered byte; part of the name of all cached work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of each row: its text or value, or the ExpressionError that it failed with.

    `fallback` are the rows that reference Jinja rendered, because there is no generated code or it was in doubt.
    """

    rows: list[Any]
    fallback: list[int]


def render_columns(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> list[str]:
    """Render one template for `rows` rows given by columns, in order. Raises ExpressionError."""
    outcome = render_rows(text, columns, rows)
    for i in outcome.fallback:
        if isinstance(outcome.rows[i], ExpressionError):
            raise outcome.rows[i]
    return outcome.rows


def render_rows(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> Outcome:
    """Render one template for `rows` rows given by columns; rows that fail do not stop the others."""
    if not text:  # most templates have no intro
        return Outcome(rows=[""] * rows, fallback=[])
    template = compile_template(text)
    column = columns.get(_bare_name(text))
    if column is not None and len(column) == rows and _are_plain_texts(column):
        return Outcome(rows=list(column), fallback=[])
    columns = {name: column for name, column in columns.items() if name in template.variables}
    if not template.variables and rows:  # every row is the same
        one = _evaluate(_template_code(text, ()), template.render, {}, 1)
        return Outcome(rows=one.rows * rows, fallback=list(range(rows)) if one.fallback else [])
    return _evaluate(_template_code(text, _kinds(columns)), template.render, columns, rows)


@lru_cache(maxsize=16384)
def _bare_name(text: str) -> str:
    """The name that is all of a template: "answer" of `{{ answer }}`; empty where there is more."""
    bare = _BARE.fullmatch(text)
    return bare[1] if bare else ""


def _are_plain_texts(column: Sequence[Any]) -> bool:
    """Whether a template that says nothing but the column's name gives its values: most targets are so."""
    return set(map(type, column)) <= {str} and max(map(len, column), default=0) < MAX_FAST_TEXT


def evaluate_columns(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> list[Any]:
    """Evaluate one expression for `rows` rows given by columns, in order.

    Where a row fails, its ExpressionError stands in place of a value.
    """
    expression = compile_expression(text)
    if expression.column is not None and expression.column in columns:
        return list(columns[expression.column])
    kinds = _kinds({name: column for name, column in columns.items() if name in expression.variables})
    return _evaluate(_expression_code(text, kinds), expression.evaluate, columns, rows).rows


def why_not_compiled(text: str) -> str | None:
    """Why a template is left to reference Jinja; None if it is compiled. Raises ExpressionError."""
    template = compile_template(text)
    code = _template_code(text, tuple((name, "any") for name in sorted(template.variables)))
    return None if isinstance(code, Code) else code


def _kinds(columns: Mapping[str, Sequence[Any]]) -> Kinds:
    return tuple(sorted((name, kind_of(column)) for name, column in columns.items()))


def _evaluate(
    code: Code | str, reference: Reference, columns: Mapping[str, Sequence[Any]], rows: int
) -> Outcome:
    """Run the code; what it is in doubt of, or everything where there is none, is for reference Jinja."""
    values: list[Any] = []
    fallback: list[int] = []
    if isinstance(code, Code):
        # zip() in the code stops at the shortest column, and a column may be longer than `rows`.
        inputs = [
            columns[name] if len(columns[name]) == rows else columns[name][:rows] for name in code.columns
        ]
        token = bounds.resume(budget := bounds.Budget())
        try:
            code.run(rows, inputs, budget, values, fallback)
        finally:
            bounds.stop(token)
    else:
        values, fallback = [None] * rows, list(range(rows))
    for i in fallback:
        try:
            values[i] = reference({name: column[i] for name, column in columns.items()})
        except ExpressionError as error:
            values[i] = error
    return Outcome(rows=values, fallback=fallback)


# A template has one function for each combination of kinds that its columns come with: a handful, as a batch of
# rows in which a column holds a None among its texts has another kind than one without.
@lru_cache(maxsize=8192)
def _template_code(text: str, kinds: Kinds) -> Code | str:
    """The code of a template, or why there is none."""
    return _code(generate_template, rewritten_template(text), kinds)


@lru_cache(maxsize=8192)
def _expression_code(text: str, kinds: Kinds) -> Code | str:
    """The code of an expression, or why there is none."""
    return _code(generate_expression, rewritten_expression(text), kinds)


def _code(generate: Callable[[T, Mapping[str, str]], Code], tree: T, kinds: Kinds) -> Code | str:
    try:
        return generate(tree, dict(kinds))
    except CannotCompile as reason:
        return str(reason)
    except RecursionError:
        return "it is nested too deep"
