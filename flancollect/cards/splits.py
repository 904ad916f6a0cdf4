"""Split slices in the notation of `datasets`: `train`, `train[:-200]`, `train[90%:]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_SLICE = re.compile(r"^(?P<name>[\w.-]+)(?:\[(?P<start>-?\d+%?)?:(?P<stop>-?\d+%?)?\])?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSlice:
    """A source split and the part of it that is meant. Bounds are as written: None, "-200" or "90%"."""

    name: str
    start: str | None = None
    stop: str | None = None

    def __str__(self) -> str:
        """As cards write it."""
        whole = self.start is None and self.stop is None
        return self.name if whole else f"{self.name}[{self.start or ''}:{self.stop or ''}]"

    def bounds(self, rows: int) -> tuple[int, int]:
        """First row and the row after the last, of `rows`; percentages round like datasets.

        Of 1,005 rows `[:-200]` is (0, 805), `[-200:]` (805, 1005), `[90%:]` (904, 1005), as 904.5 rounds to the
        even neighbour, and `[-10%:]` (905, 1005), as -100.5 does too. Bounds beyond the split end at it.
        """
        low = 0 if self.start is None else _position(self.start, rows)
        high = rows if self.stop is None else _position(self.stop, rows)
        return low, max(low, high)  # a slice that ends before it starts is empty


@lru_cache(maxsize=1024)
def parse_split(text: str) -> SplitSlice:
    """Read a split slice. Raises ValueError in plain words."""
    match = _SLICE.match(text.strip())
    if not match:
        raise ValueError(f'"{text}" is not a split; write train, train[:-200], train[90%:]')
    bounds = [bound for bound in (match["start"], match["stop"]) if bound is not None]
    if len({bound.endswith("%") for bound in bounds}) > 1:
        raise ValueError(f'"{text}" mixes rows and percent; write both bounds in one of them')
    return SplitSlice(**match.groupdict())


def _position(bound: str, rows: int) -> int:
    """The row that a bound means, within 0 and `rows`."""
    number = bound.removesuffix("%")
    # Half to even, as datasets rounds, and before a negative bound is counted from the end.
    at = int(bound) if number == bound else round(Fraction(int(number) * rows, 100))
    return min(max(at + rows if at < 0 else at, 0), rows)
