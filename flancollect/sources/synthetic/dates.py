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
FIRST, LAST = date(1950, 1, 2), date(2049, 12, 30)

PARAMETERS: Mapping[str, tuple[str, ...]] = {"question": ("day_after", "day_before", "in_words", "in_digits")}
SCHEMA = pa.schema([("date", pa.string()), ("answer", pa.string()), ("iso", pa.string())])
CONTENT = ("iso",)


def in_words(day: date) -> str:
    """A date as `14 March 2021`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _drawn(draws: Draws) -> date:
    """Any day; the ends of months, where the day after is hard, are drawn more often."""
    day = FIRST + timedelta(days=draws.below((LAST - FIRST).days))
    if draws.chance(1, 4):
        day = day.replace(day=1) - timedelta(days=draws.below(2))
    return max(day, FIRST)


def row(draws: Draws, *, question: str) -> dict[str, object]:
    """A date and what is asked of it."""
    day = _drawn(draws)
    one = timedelta(days=1)
    shown, answer = {
        "day_after": (in_words(day), in_words(day + one)),
        "day_before": (in_words(day), in_words(day - one)),
        "in_words": (day.isoformat(), in_words(day)),
        "in_digits": (in_words(day), day.isoformat()),
    }[question]
    return {"date": shown, "answer": answer, "iso": day.isoformat()}
