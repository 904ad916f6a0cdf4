"""The distance between a part and the released one: total variation of what min(cap, cases) gives in each style."""

from __future__ import annotations

from fractions import Fraction

from flancollect.cards.cases import Cases
from flancollect.cards.mixture_card import PartCard
from flancollect.planning.released import compare_with_released


def cases(zero_shot: int, x_shot: int | None = None, five_shot: int | None = None) -> Cases:
    return Cases(
        zero_shot=zero_shot,
        x_shot=zero_shot if x_shot is None else x_shot,
        five_shot=zero_shot if five_shot is None else five_shot,
    )


def distance(part: PartCard, published: dict[str, Cases], quotas: dict[str, int]) -> Fraction:
    released = compare_with_released(part, published, [*published], quotas)
    assert released is not None
    return released.distance


def test_the_same_shares_have_no_distance_whatever_the_sizes() -> None:
    published = {"a": cases(10), "b": cases(30)}
    assert distance(PartCard(), published, {"a": 100, "b": 300}) == 0


def test_distance_is_the_part_of_the_rows_that_other_tasks_have() -> None:
    published = {"a": cases(50), "b": cases(50)}
    assert distance(PartCard(), published, {"a": 60, "b": 40}) == Fraction(1, 10)


def test_a_released_task_that_is_missing_counts() -> None:
    published = dict.fromkeys("abc", cases(5))
    assert distance(PartCard(), published, {"a": 9, "b": 9}) == Fraction(1, 3)


def test_cases_count_up_to_the_cap() -> None:
    published = {"a": cases(1000), "b": cases(50)}
    assert distance(PartCard(cap=100), published, {"a": 200, "b": 100}) == 0


def test_styles_are_mixed_by_their_rates_each_with_its_own_cases() -> None:
    # Zero-shot 1/2 and 1/2; of the few-shot style (20 + 0) of (20 + 0 + 100 + 80): 1/10 and 9/10.
    published = {"a": cases(100, 20, 0), "b": cases(100, 100, 80)}
    part = PartCard.model_validate({"variants": {"zs_opt": 3, "fs_opt": 1, "zs_opt_inv": 0.3}})
    assert distance(part, published, {"a": 400, "b": 600}) == 0
    # Without options there are x-shot prompts alone: 20 of 120.
    part = PartCard.model_validate({"variants": {"fs_noopt": 1}})
    assert distance(part, published, {"a": 1, "b": 5}) == 0


def test_tasks_without_published_cases_are_left_out_and_named() -> None:
    released = compare_with_released(
        PartCard(), {"a": cases(1), "b": cases(1)}, ["a", "b", "c"], {"a": 5, "b": 5, "c": 90}
    )
    assert released is not None
    assert (released.distance, released.tasks, released.uncounted) == (0, 2, ("c",))
    assert compare_with_released(PartCard(), {}, ["c"], {"c": 90}) is None
