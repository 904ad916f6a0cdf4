"""Calendar dates: the day after or before, and the two ways of writing a date.

Columns: `date` (as shown), `answer`, and `iso` (the date itself, which decides the split in all four).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import words

MONTHS = words("January February March April May June July August September October November December")
# A day in from both ends of the century, so that the day before the first and after the last stay in it.
FIRST, LAST = date(1950, 1, 2), date(2049, 12, 30)

PARAMETERS: Mapping[str, tuple[str, ...]] = {"question": ("day_after", "day_before", "in_words", "in_digits")}
SCHEMA = pa.schema([("date", pa.string()), ("answer", pa.string()), ("iso", pa.string())])
CONTENT = ("iso",)


def in_words(day: date) -> str:
    """A date as `14 March 2021`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def row(draws: Draws, *, question: str) -> dict[str, object]:
    """A date and what is asked of it; the ends of months, where the day after is hard, are drawn more often."""
    day = FIRST + timedelta(days=draws.below((LAST - FIRST).days))
    if draws.chance(1, 4):
        # The first of its month, or the last of the month before: 14 March becomes 1 March or 28 February.
        day = day.replace(day=1) - timedelta(days=draws.below(2))
    day = max(day, FIRST)
    one = timedelta(days=1)
    text, answer = {
        "day_after": (in_words(day), in_words(day + one)),
        "day_before": (in_words(day), in_words(day - one)),
        "in_words": (day.isoformat(), in_words(day)),
        "in_digits": (in_words(day), day.isoformat()),
    }[question]
    return {"date": text, "answer": answer, "iso": day.isoformat()}
