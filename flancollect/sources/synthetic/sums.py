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
    low, high = (1, 99) if additive else (2, 30)
    lhs, rhs = draws.between(low, high), draws.between(low, high)
    # 17 and 25 make 42: "17 + 25" is 42, and "42 - 17" is 25. So no difference is negative, no quotient a fraction.
    whole = lhs + rhs if additive else lhs * rhs
    text, answer = {
        "add": (f"{lhs} + {rhs}", whole),
        "subtract": (f"{whole} - {lhs}", rhs),
        "multiply": (f"{lhs} x {rhs}", whole),
        "divide": (f"{whole} / {lhs}", rhs),
    }[operation]
    return {"sum": text, "answer": str(answer)}
