"""Weights, capacities and a total become integer quotas: exact, pure, the same on every machine.

Shares are exact fractions; no float enters. The method is water-filling (an item whose share exceeds its
capacity gets its capacity, the others share the rest) followed by the largest-remainder method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm


def weight_of(value: float) -> Fraction:
    """The weight exactly as it was written in decimals: 0.1 is 1/10, not its nearest binary number.

    Raises ValueError for infinities and NaN.
    """
    return Fraction(str(value))


def apportion(total: int, weights: Sequence[Fraction], capacities: Sequence[int | None]) -> list[int]:
    """Share `total` out by weight, no item above its capacity (None = no bound).

    The sum is exactly min(total, capacities of the items with weight); an item of weight 0 gets 0, so a
    total above those capacities stays unfilled and the caller must say so. Where no capacity binds, each
    quota is within 1 of its exact share. Equal remainders favour the earlier item: give items in name order
    and the outcome depends on names alone. Raises ValueError on a negative number or unequal lengths.
    """
    if len(weights) != len(capacities):
        raise ValueError(f"{len(weights)} weights but {len(capacities)} capacities")
    if total < 0 or min(weights, default=0) < 0 or min((cap or 0 for cap in capacities), default=0) < 0:
        raise ValueError("total, weights and capacities cannot be negative")
    units = _integers(weights)
    quotas, remaining = _saturate(total, units, capacities)
    return _round(quotas, remaining, units)


def _integers(weights: Sequence[Fraction]) -> list[int]:
    """The weights times their least common denominator: integers in the same proportions."""
    scale = lcm(*(weight.denominator for weight in weights))
    return [weight.numerator * (scale // weight.denominator) for weight in weights]


def _saturate(
    total: int, units: Sequence[int], capacities: Sequence[int | None]
) -> tuple[list[int | None], int]:
    """Fill the items whose share exceeds their capacity; the others stay None and share what remains.

    Taken by rising capacity per weight: once one item holds its whole share, so do all after it, for
    filling an item never lowers the share of the others.
    """
    # 100 rows over weights 2, 1, 1 with capacities 10, None, 20, in the order 10/2 and then 20/1:
    #   item 0 would get 50, is filled with 10; 90 remain over weights 1, 1
    #   item 2 would get 45, is filled with 20; 70 remain over weight 1, all for item 1
    quotas: list[int | None] = [None if unit else 0 for unit in units]
    bounded = [
        (Fraction(cap, unit), i, cap)
        for i, (unit, cap) in enumerate(zip(units, capacities, strict=True))
        if unit and cap is not None
    ]
    remaining, shared = total, sum(units)
    for _, i, cap in sorted(bounded):
        if cap * shared > remaining * units[i]:
            break
        quotas[i] = cap
        remaining -= cap
        shared -= units[i]
    return quotas, remaining


def _round(quotas: Sequence[int | None], remaining: int, units: Sequence[int]) -> list[int]:
    """Give the unfilled items the floor of their shares, and what is over to the largest remainders."""
    out = [quota or 0 for quota in quotas]
    unfilled = [i for i, quota in enumerate(quotas) if quota is None]
    shared = sum(units[i] for i in unfilled)
    remainders: list[tuple[int, int]] = []
    for i in unfilled:
        out[i], remainder = divmod(remaining * units[i], shared)
        remainders.append((-remainder, i))
    over = remaining - sum(out[i] for i in unfilled) if unfilled else 0
    # One more than the floor is within an item's capacity: its share is strictly below it, or it had been filled.
    for _, i in sorted(remainders)[:over]:
        out[i] += 1
    return out


def share_out(
    quotas: Sequence[int], shares: Sequence[Mapping[str, Fraction]], capacities: Sequence[int]
) -> list[dict[str, int]]:
    """Split each item's quota among the names it has shares for, no name above the item's capacity.

    Row sums are exact. Rounding is carried from item to item, so that over many small quotas the totals by
    name follow the shares: a thousand items with one row each still give every variant its part. Raises
    ValueError where an item's quota exceeds its capacity times its names.
    """
    # Three items of one row each over shares a = 2/3, b = 1/3:
    #   item 1: floors 0, 0; debts a 2/3, b 1/3; the row goes to a, whose debt becomes -1/3
    #   item 2: debts a 1/3, b 2/3; the row goes to b, whose debt becomes -1/3
    #   item 3: debts a 1, b 0; the row goes to a: 2 to 1 in all, as the shares say
    debts: dict[str, Fraction] = {}
    return [
        _split(quota, item_shares, capacity, debts)
        for quota, item_shares, capacity in zip(quotas, shares, capacities, strict=True)
    ]


def _split(
    quota: int, shares: Mapping[str, Fraction], capacity: int, debts: dict[str, Fraction]
) -> dict[str, int]:
    """One item's split; `debts` has by name what rounding has withheld so far."""
    if quota > capacity * len(shares):
        raise ValueError(f"a quota of {quota} over {len(shares)} names of at most {capacity} rows each")
    units = _integers(list(shares.values()))
    shared = sum(units)
    if quota * max(units, default=0) > capacity * shared:
        # Some name is full: its share is bounded here and now, and owes nothing to later items.
        return dict(
            zip(shares, apportion(quota, list(shares.values()), [capacity] * len(shares)), strict=True)
        )
    split: dict[str, int] = {}
    for name, unit in zip(shares, units, strict=True):
        split[name], withheld = divmod(quota * unit, shared)
        debts[name] = debts.get(name, Fraction(0)) + Fraction(withheld, shared)
    for _ in range(quota - sum(split.values())):
        creditor = max((name for name in shares if split[name] < capacity), key=lambda name: debts[name])
        split[creditor] += 1
        debts[creditor] -= 1
    return split
