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

    def bounds(self, rows: int) -> tuple[int, int]:
        """First row and the row after the last, of `rows`; percentages round like datasets."""
        low = 0 if self.start is None else _position(self.start, rows)
        high = rows if self.stop is None else _position(self.stop, rows)
        return low, max(low, high)


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
    share = bound.removesuffix("%")
    at = int(bound) if share == bound else round(Fraction(int(share) * rows, 100))
    return min(max(at + rows if at < 0 else at, 0), rows)
