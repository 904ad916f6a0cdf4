"""Two dates of one year: which is earlier, which is later, how many days lie between them.

One stream of rows serves all three questions. Columns: `options` (both dates as shown), `earlier` and
`later` (0-based positions among them), and `days` (from the earlier to the later, in digits).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.dates import in_words

PARAMETERS: Mapping[str, tuple[str, ...]] = {}
SCHEMA = pa.schema(
    [
        ("options", pa.list_(pa.string())),
        ("earlier", pa.int64()),
        ("later", pa.int64()),
        ("days", pa.string()),
    ]
)
CONTENT = ("options",)


def row(draws: Draws) -> dict[str, object]:
    """Two different dates, at most 30 days apart, in either order."""
    year, days = draws.between(1990, 2029), draws.between(1, 30)
    # Day 334 of the year plus 30 is day 364, its last: both dates are of one year, also of one without a leap day.
    start = date(year, 1, 1) + timedelta(days=draws.below(335))
    later = draws.below(2)
    pair = [start, start + timedelta(days=days)]
    options = [in_words(day) for day in (pair if later else pair[::-1])]
    return {"options": options, "earlier": 1 - later, "later": later, "days": str(days)}
