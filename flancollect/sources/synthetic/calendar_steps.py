"""Which weekday or month lies some steps after or before another one.

Columns: `start`, `steps` (in digits, at least 2) and `label` (0-based position in the week or the year).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.dates import MONTHS
from flancollect.sources.synthetic.vocabulary import words

WEEKDAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
CYCLES: Mapping[str, tuple[str, ...]] = {"weekday": WEEKDAYS, "month": MONTHS}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"cycle": tuple(CYCLES), "direction": ("after", "before")}
SCHEMA = pa.schema([("start", pa.string()), ("steps", pa.string()), ("label", pa.int64())])
CONTENT = ("start", "steps")


def row(draws: Draws, *, cycle: str, direction: str) -> dict[str, object]:
    """A start and a number of steps; a cycle is walked round as often as needed."""
    names = CYCLES[cycle]
    start, steps = draws.below(len(names)), draws.between(2, 99)
    end = start + steps if direction == "after" else start - steps
    # Python's % is never negative here: 9 days before Monday (0) is -9 % 7 = 5, a Saturday.
    return {"start": names[start], "steps": str(steps), "label": end % len(names)}
