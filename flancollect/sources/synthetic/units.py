"""Whole amounts converted from one unit to another.

Columns: `amount` (as shown, in digits), `answer` (in digits), and `quantity` (the amount of the larger
unit, which decides the split).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws

# Larger unit, smaller unit: how many of the smaller make one of the larger.
FACTORS: Mapping[tuple[str, str], int] = {
    ("minutes", "seconds"): 60,
    ("hours", "minutes"): 60,
    ("days", "hours"): 24,
    ("weeks", "days"): 7,
    ("years", "months"): 12,
    ("metres", "centimetres"): 100,
    ("centimetres", "millimetres"): 10,
    ("kilograms", "grams"): 1000,
    ("dozens", "single pieces"): 12,
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "pair": tuple(f"{larger} and {smaller}" for larger, smaller in FACTORS),
    "into": ("smaller", "larger"),
}
SCHEMA = pa.schema([("amount", pa.string()), ("answer", pa.string()), ("quantity", pa.int64())])
# In the larger unit for both directions: "3 hours" and "180 minutes" are one question and its answer.
CONTENT = ("quantity",)


def row(draws: Draws, *, pair: str, into: str) -> dict[str, object]:
    """An amount that comes out whole in both units."""
    larger, smaller = pair.split(" and ")
    quantity = draws.between(2, 999)
    both = (quantity, quantity * FACTORS[larger, smaller])
    amount, answer = both if into == "smaller" else both[::-1]
    return {"amount": str(amount), "answer": str(answer), "quantity": quantity}
