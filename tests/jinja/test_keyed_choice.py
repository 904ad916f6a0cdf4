"""`choice` and `random`: drawn by the row, evenly, and apart from each other."""

from __future__ import annotations

from collections import Counter

import pytest

from flancollect.jinja.expression import ExpressionError, compile_expression, compile_template


def texts_of(text: str, rows: int = 400) -> list[str]:
    return [compile_template(text).render({"row_number": i}) for i in range(rows)]


def test_the_same_row_draws_the_same() -> None:
    text = "{{ row_number }}{{ ['a', 'b', 'c'] | choice }}{{ range(100) | random }}"
    assert texts_of(text) == texts_of(text)
    assert compile_template(" " + text).render({"row_number": 3}) == " " + texts_of(text)[3]


def test_items_are_equally_likely() -> None:
    counts = Counter(texts_of("{% set _ = row_number %}{{ 'abcd' | choice }}", 4000))
    assert set(counts) == set("abcd")
    assert all(900 < count < 1100 for count in counts.values())


def test_places_and_loop_steps_draw_independently() -> None:
    two = texts_of("{% set _ = row_number %}{{ 'ab' | choice }}{{ 'ab' | choice }}")
    assert set(Counter(two)) == {"aa", "ab", "ba", "bb"}
    steps = texts_of("{% set _ = row_number %}{% for _ in 'xyz' %}{{ 'ab' | choice }}{% endfor %}")
    assert len(set(steps)) == 8


def test_what_a_text_draws_first_does_not_depend_on_what_follows() -> None:
    text = "{% set _ = row_number %}{{ range(1000) | choice }}"
    assert texts_of(text, 50) == [longer.split()[0] for longer in texts_of(text + " {{ 'ab' | choice }}", 50)]


def test_every_value_of_the_row_counts() -> None:
    draw = compile_expression("range(1000) | choice")
    picks = {draw.evaluate({"other": i}) for i in range(20)}
    assert len(picks) > 10


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{ [] | choice }}", "empty list"),
        ("{{ 'ab' | choice(3) }}", "takes no arguments"),
        ("{{ none | choice }}", "TypeError"),
        ("{{ 'ab' | shuffle }}", "no unkeyed randomness"),
    ],
)
def test_a_draw_from_nothing_is_an_error(text: str, what: str) -> None:
    with pytest.raises(ExpressionError, match=what):
        compile_template(text).render({})
