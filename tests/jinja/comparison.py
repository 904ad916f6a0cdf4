"""Generated code against reference Jinja, row by row: equal text, or the same error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flancollect.jinja.evaluate import Outcome, evaluate_columns, render_rows
from flancollect.jinja.expression import ExpressionError, compile_expression, compile_template


def differences(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> tuple[list[str], Outcome]:
    """What differs in one call for all rows, and the outcome of that call."""
    template = compile_template(text)
    outcome = render_rows(text, columns, rows)
    problems = []
    for i in range(rows):
        row = {name: column[i] for name, column in columns.items() if name in template.variables}
        actual, expected = _typed(outcome.rows[i]), _typed_result(template.render, row)
        if actual != expected:
            problems.append(f"row {i}: {actual!r} where Jinja gives {expected!r}")
    return problems, outcome


def native_differences(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> list[str]:
    """The same for an expression and its native values."""
    expression = compile_expression(text)
    problems = []
    for i, value in enumerate(evaluate_columns(text, columns, rows)):
        row = {name: column[i] for name, column in columns.items()}
        actual, expected = _typed(value), _typed_result(expression.evaluate, row)
        if actual != expected:
            problems.append(f"row {i}: {actual!r} where Jinja gives {expected!r}")
    return problems


def _typed_result(run: Any, row: dict[str, Any]) -> str:
    try:
        return _typed(run(row))
    except ExpressionError as error:
        return _typed(error)


def _typed(value: Any) -> str:
    """Type and value, so that 1, True and "1" differ."""
    if isinstance(value, ExpressionError):
        return f"error: {value}"
    return value if isinstance(value, str) and type(value) is str else f"{type(value).__name__}: {value!r}"
