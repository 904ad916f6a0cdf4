from fractions import Fraction
from itertools import product
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.planning.quota import apportion, weight_of

WEIGHTS = st.fractions(min_value=0, max_value=50, max_denominator=40)
ITEMS = st.lists(st.tuples(WEIGHTS, st.none() | st.integers(0, 60)), max_size=12)


def exact_shares(total, weights, capacities):
    """Water-filling as it is defined: cap whoever is above, share again, until nobody is."""
    capped: dict[int, int] = {}
    while True:
        free = [i for i, weight in enumerate(weights) if weight and i not in capped]
        left, shared = total - sum(capped.values()), sum(weights[i] for i in free)
        shares = {i: left * weights[i] / shared for i in free}
        above = {i: capacities[i] for i in free if capacities[i] is not None and shares[i] > capacities[i]}
        if not above:
            return [Fraction(capped.get(i, shares.get(i, 0))) for i in range(len(weights))]
        capped |= above


@given(st.integers(0, 500), ITEMS)
def test_the_sum_is_the_total_or_all_capacity(total, items):
    quotas = apportion(total, *zip(*items, strict=True)) if items else apportion(total, [], [])
    capacity = sum(total if cap is None else cap for weight, cap in items if weight)
    assert sum(quotas) == min(total, capacity)
    assert all(
        0 <= quota <= (total if cap is None else cap) for quota, (_, cap) in zip(quotas, items, strict=True)
    )


@given(st.integers(0, 500), ITEMS)
def test_each_quota_is_within_one_of_its_exact_share(total, items):
    weights, capacities = [w for w, _ in items], [c for _, c in items]
    shares = exact_shares(total, weights, capacities)
    quotas = apportion(total, weights, capacities)
    assert all(abs(quota - share) < 1 for quota, share in zip(quotas, shares, strict=True))


@settings(max_examples=60)
@given(
    st.integers(0, 7),
    st.lists(st.tuples(st.fractions(0, 4, max_denominator=5), st.integers(0, 5)), min_size=1, max_size=4),
)
def test_no_other_quotas_are_nearer_to_the_exact_shares(total, items):
    weights, capacities = [w for w, _ in items], [c for _, c in items]
    shares = exact_shares(total, weights, capacities)
    possible = [
        quotas
        for quotas in product(*(range(cap + 1 if weight else 1) for weight, cap in items))
        if sum(quotas) == min(total, sum(cap for weight, cap in items if weight))
    ]
    nearest = min(
        possible, key=lambda q: (sum((a - b) ** 2 for a, b in zip(q, shares, strict=True)), [-a for a in q])
    )
    assert apportion(total, weights, capacities) == list(nearest)


@given(st.integers(0, 500), ITEMS, st.randoms())
def test_the_order_of_items_matters_only_between_equal_remainders(total, items, random):
    places = list(range(len(items)))
    random.shuffle(places)
    before = apportion(total, [w for w, _ in items], [c for _, c in items])
    after = apportion(total, [items[i][0] for i in places], [items[i][1] for i in places])
    shares = exact_shares(total, [w for w, _ in items], [c for _, c in items])
    for place, i in enumerate(places):
        if after[place] != before[i]:
            twins = [j for j, share in enumerate(shares) if j != i and (share - shares[i]).denominator == 1]
            assert twins, "a quota moved although no other item has the same remainder"


@given(st.integers(0, 500), ITEMS)
def test_more_weight_and_no_less_capacity_never_gives_less(total, items):
    quotas = apportion(total, [w for w, _ in items], [c for _, c in items])
    room = [total if cap is None else cap for _, cap in items]
    for i, j in product(range(len(items)), repeat=2):
        if items[i][0] > items[j][0] and room[i] >= room[j]:
            assert quotas[i] >= quotas[j]


@given(st.integers(0, 400), ITEMS)
def test_water_level_rises_with_the_total(total, items):
    weights, capacities = [w for w, _ in items], [c for _, c in items]
    lower, higher = (exact_shares(n, weights, capacities) for n in (total, total + 1))
    quotas = apportion(total + 1, weights, capacities)
    assert all(low <= high for low, high in zip(lower, higher, strict=True))
    assert all(quota > low - 1 for quota, low in zip(quotas, lower, strict=True))


def test_equal_remainders_favour_the_earlier_item():
    assert apportion(4, [Fraction(1)] * 3, [None] * 3) == [2, 1, 1]


def test_what_a_full_item_cannot_take_goes_to_the_others_by_weight():
    assert apportion(100, [Fraction(5), Fraction(3), Fraction(2)], [10, None, None]) == [10, 54, 36]


def test_filling_one_item_can_fill_the_next():
    assert apportion(90, [Fraction(1)] * 3, [10, 35, None]) == [10, 35, 45]


def test_weight_zero_gets_nothing_even_when_rows_are_left_over():
    assert apportion(10, [Fraction(0), Fraction(1)], [None, 3]) == [0, 3]


@pytest.mark.parametrize(
    ("total", "weights", "capacities"),
    [
        (-1, [Fraction(1)], [None]),
        (1, [Fraction(-1)], [None]),
        (1, [Fraction(1)], [-1]),
        (1, [Fraction(1)], []),
    ],
)
def test_negative_numbers_and_unequal_lengths_are_refused(total, weights, capacities):
    with pytest.raises(ValueError, match=r"negative|capacities"):
        apportion(total, weights, capacities)


def test_thousands_of_tasks_take_well_under_a_second():
    weights = [Fraction(1 + i * 7919 % 30_000) * Fraction(2, 5) / (1 + i % 13) for i in range(4000)]
    start = process_time()
    assert sum(apportion(10_000_000, weights, [30_000 - i for i in range(4000)])) == 10_000_000
    assert process_time() - start < 1


@pytest.mark.parametrize(
    ("written", "weight"),
    [
        (0.1, Fraction(1, 10)),
        (0.4, Fraction(2, 5)),
        (3, Fraction(3)),
        (1e-05, Fraction(1, 100_000)),
        (1e22, Fraction(10**22)),
    ],
)
def test_a_weight_is_read_as_written(written, weight):
    assert weight_of(written) == weight


def test_a_weight_without_a_value_is_refused():
    with pytest.raises(ValueError, match="inf"):
        weight_of(float("inf"))
