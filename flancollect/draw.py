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

_MASK = (1 << 64) - 1  # Python's integers do not wrap around at 64 bits; `& _MASK` does it for them
_GAMMA = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, made odd, so that its multiples pass all 2**64 states


def key(*names: str | int) -> int:
    """Hash names to a 64-bit key. Names are length-prefixed, so ("ab", "c") differs from ("a", "bc").

    A number and its digits are one name: `key("rows", 7) == key("rows", "7")`.
    """
    digest = hashlib.blake2b(b"".join([_prefixed(name) for name in names]), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def keys(names: Sequence[str | int], last: Iterable[str | int]) -> list[int]:
    """`key(*names, name)` for each of the last names; what they share is hashed once."""
    shared = hashlib.blake2b(b"".join([_prefixed(name) for name in names]), digest_size=8)
    hashes = []
    for name in last:
        # A hash that has not been closed can be copied and continued: the task's names are read once, not per row.
        digest = shared.copy()
        digest.update(_prefixed(name))
        hashes.append(int.from_bytes(digest.digest(), "little"))
    return hashes


def _prefixed(name: str | int) -> bytes:
    # Broken JSON holds lone surrogates, which UTF-8 refuses: they are hashed as the three bytes that they would be.
    data = str(name).encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "little") + data


def draw(key: int, row: int = 0) -> int:
    """The uniform 64-bit number of one row under a key."""
    # Row r of key k is number r + 1 of the SplitMix64 generator seeded with k, reached in one step instead of r + 1,
    # because the generator's state only counts up by _GAMMA:
    #   draw(0, 0) = mix(1 * _GAMMA) = 0xE220A8397B1DCDAF, the first number that the published code gives for seed 0
    #   draw(0, 1) = mix(2 * _GAMMA) = 0x6E789E6AA1B965F4, the second
    z = (key + (row + 1) * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def draws(key: int, rows: Ints) -> npt.NDArray[np.uint64]:
    """`draw` for a column of row numbers: equal to it number by number."""
    # All operands are uint64, as one int64 among them would turn the column into floats of 53 bits. A
    # uint64 column wraps around in silence; where the column is a single number numpy warns of it.
    with np.errstate(over="ignore"):
        return _mixed(np.uint64(key) + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA))


def streams(keys: Sequence[int], count: int) -> npt.NDArray[np.uint64]:
    """The first `count` numbers of the streams under these keys, one row each: those that `Draws` maps."""
    # `Draws` counts before it draws, so the first number of a stream is draw(key, 1), not draw(key, 0).
    at = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        steps = (at + np.uint64(1)) * np.uint64(_GAMMA)
        return _mixed(np.array(keys, dtype=np.uint64)[:, None] + steps)  # (keys, 1) + (count,): (keys, count)


def _mixed(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def below(number: int, n: int) -> int:
    """Map a uniform 64-bit number to 0..n-1 by its high bits (bias under n / 2**64)."""
    # The number is some fraction of 2**64, and the result is the same fraction of n (Lemire, 2019): draw(0, 0) is
    # 0xE220A8397B1DCDAF, 0.883 of 2**64, which for n = 10 is 8. `number % 10` would take a slow division.
    return (number * n) >> 64


def belows(numbers: npt.NDArray[np.uint64], n: int | npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """`below` for many numbers: equal to it number by number, for one n or one each, all below 2**32."""
    # numbers * n has up to 96 bits, and uint64 keeps the low 64 of them: the wrong end. So by hand, in two halves of
    # 32 bits: number = high * 2**32 + low, and (number * n) >> 64 = (high * n + (low * n >> 32)) >> 32, where high * n
    # is below 2**64, and what `low` carries into it is below n. With 0xE220A8397B1DCDAF and n = 10:
    #   high = 0xE220A839, high * n = 0x8_D546923A; low = 0x7B1DCDAF, low * n = 0x4_CF2A08D6, which carries 4
    #   (0x8_D546923A + 4) >> 32 = 8
    high, low = numbers >> np.uint64(32), numbers & np.uint64(0xFFFFFFFF)
    return (high * np.uint64(n) + ((low * np.uint64(n)) >> np.uint64(32))) >> np.uint64(32)


def permutation(key: int, n: int) -> Ints:
    """Row numbers 0..n-1 in keyed order: sorted by (draw, row number)."""
    # Stable, so that equal draws, rare as they are, leave their rows in order on every platform.
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
        # From the end, each place taking one of those up to itself: of [a, b, c], j is drawn below 3, then below 2.
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """K different items in random order. Raises ValueError when there are fewer than k."""
        if k > len(items):
            raise ValueError(f"cannot draw {k} of {len(items)} items")
        return self.shuffled(items)[:k]
