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
    seen = {name: column for name, column in columns.items() if name in template.variables}
    found = []
    for i in range(rows):
        wanted = _said(template.render, {name: column[i] for name, column in seen.items()})
        if _shown(outcome.rows[i]) != wanted:
            found.append(f"row {i}: {_shown(outcome.rows[i])!r} where Jinja gives {wanted!r}")
    return found, outcome


def native_differences(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> list[str]:
    """The same for an expression and its native values."""
    expression = compile_expression(text)
    found = evaluate_columns(text, columns, rows)
    wanted = [
        _said(expression.evaluate, {name: column[i] for name, column in columns.items()}) for i in range(rows)
    ]
    return [
        f"row {i}: {_shown(f)} {w}"
        for i, (f, w) in enumerate(zip(found, wanted, strict=True))
        if _shown(f) != w
    ]


def _said(run: Any, row: dict[str, Any]) -> str:
    try:
        return _shown(run(row))
    except ExpressionError as error:
        return _shown(error)


def _shown(value: Any) -> str:
    """Type and value, so that 1, True and "1" differ."""
    if isinstance(value, ExpressionError):
        return f"error: {value}"
    return value if isinstance(value, str) and type(value) is str else f"{type(value).__name__}: {value!r}"
