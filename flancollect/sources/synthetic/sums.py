"""One sum of two whole numbers; answers are whole and never negative.

Columns: `sum` (such as `17 + 25`) and `answer`. Multiplication is written `x`, division `/`.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws

PARAMETERS: Mapping[str, tuple[str, ...]] = {"operation": ("add", "subtract", "multiply", "divide")}
SCHEMA = pa.schema([("sum", pa.string()), ("answer", pa.string())])
CONTENT = ("sum",)


def row(draws: Draws, *, operation: str) -> dict[str, object]:
    """Both numbers of an addition are below 100; subtraction undoes one, division a multiplication."""
    additive = operation in ("add", "subtract")
    left, right = (
        (draws.between(1, 99), draws.between(1, 99))
        if additive
        else (
            draws.between(2, 30),
            draws.between(2, 30),
        )
    )
    whole = left + right if additive else left * right
    text, answer = {
        "add": (f"{left} + {right}", whole),
        "subtract": (f"{whole} - {left}", right),
        "multiply": (f"{left} x {right}", whole),
        "divide": (f"{whole} / {left}", right),
    }[operation]
    return {"sum": text, "answer": str(answer)}
