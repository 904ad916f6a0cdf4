"""Keyed randomness: every random decision is a pure function of its names.

`key(seed, task, variant, purpose)` hashes names to 64 bits; `draw(key, row)` and its column form
`draws(key, rows)` mix a row number in with SplitMix64 (Steele et al., 2014). Nothing here has state, so
workers, order, resume and added tasks change no decision. `Draws` is the same as a small stream, for
generators that need many decisions for one row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Ints: TypeAlias = npt.NDArray[np.int64]
"""A column of integers, such as row numbers."""

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


def key(*names: str | int) -> int:
    """Hash names to a 64-bit key. Names are length-prefixed, so ("ab", "c") differs from ("a", "bc")."""
    digest = hashlib.blake2b(digest_size=8)
    for name in names:
        _add(digest, name)
    return int.from_bytes(digest.digest(), "little")


def keys(names: Sequence[str | int], last: Iterable[str | int]) -> list[int]:
    """`key(*names, name)` for each of the last names; what they share is hashed once."""
    shared = hashlib.blake2b(digest_size=8)
    for name in names:
        _add(shared, name)
    found = []
    for name in last:
        digest = shared.copy()
        _add(digest, name)
        found.append(int.from_bytes(digest.digest(), "little"))
    return found


def _add(digest: hashlib.blake2b, name: str | int) -> None:
    data = str(name).encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def draw(key: int, row: int = 0) -> int:
    """The uniform 64-bit number of one row under a key."""
    z = (key + (row + 1) * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def draws(key: int, rows: Ints) -> npt.NDArray[np.uint64]:
    """`draw` for a column of row numbers: equal to it number by number."""
    with np.errstate(over="ignore"):
        return _mixed(np.uint64(key) + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA))


def streams(keys: Sequence[int], count: int) -> npt.NDArray[np.uint64]:
    """The first `count` numbers of the streams under these keys, one row each: those that `Draws` maps."""
    at = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        steps = (at + np.uint64(1)) * np.uint64(_GAMMA)
        return _mixed(np.array(keys, dtype=np.uint64)[:, None] + steps)


def _mixed(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def below(number: int, n: int) -> int:
    """Map a uniform 64-bit number to 0..n-1 by its high bits (bias under n / 2**64)."""
    return (number * n) >> 64


def belows(numbers: npt.NDArray[np.uint64], n: int) -> npt.NDArray[np.uint64]:
    """`below` for many numbers: equal to it number by number, for n below 2**32."""
    high, low = numbers >> np.uint64(32), numbers & np.uint64(0xFFFFFFFF)
    return (high * np.uint64(n) + ((low * np.uint64(n)) >> np.uint64(32))) >> np.uint64(32)


def permutation(key: int, n: int) -> Ints:
    """Row numbers 0..n-1 in keyed order: sorted by (draw, row number)."""
    return np.argsort(draws(key, np.arange(n, dtype=np.int64)), kind="stable")


class Draws:
    """A stream of keyed decisions: the i-th call always gives the i-th draw of the key."""

    __slots__ = ("_at", "_key")

    def __init__(self, *names: str | int) -> None:
        self._key = key(*names)
        self._at = 0

    def below(self, n: int) -> int:
        """A uniform integer in 0..n-1."""
        self._at += 1
        return below(draw(self._key, self._at), n)

    def between(self, low: int, high: int) -> int:
        """A uniform integer in low..high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, numerator: int, denominator: int) -> bool:
        """True in `numerator` of `denominator` cases; integers, so that no platform rounds differently."""
        return self.below(denominator) < numerator

    def pick(self, items: Sequence[T]) -> T:
        """One item, all equally likely."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All items in random order (Fisher-Yates)."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """K different items in random order. Raises ValueError when there are fewer than k."""
        if k > len(items):
            raise ValueError(f"cannot draw {k} of {len(items)} items")
        return self.shuffled(items)[:k]
