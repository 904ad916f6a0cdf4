"""`one`, `many`, `numbered`, `para`, `line`, `clause` and `label`."""

from __future__ import annotations

from typing import Any

import pytest

from flancollect.jinja.expression import ExpressionError, compile_expression

ROW: dict[str, Any] = {"words": ["yes", "no"]}


def evaluate(text: str, row: dict[str, Any] | None = None) -> Any:
    return compile_expression(text).evaluate(ROW if row is None else row)


def error(text: str, row: dict[str, Any] | None = None) -> str:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, row)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'It rained.' | clause", "It rained"),
        ("'It rained .' | clause", "It rained"),
        ("'Did it rain? ' | clause", "Did it rain"),
        ("'And then...' | clause", "And then..."),
        ("'3 + 4' | label('Input: ')", "Input: 3 + 4"),
        ("'Question: 3 + 4' | label('Input: ')", "Question: 3 + 4"),
        ("'Sentence 1 : a' | label('Q: ')", "Sentence 1 : a"),
        ("'at 10:30 he left' | label('Q: ')", "Q: at 10:30 he left"),
        ("'a' | one", "a"),
        ("['a', 'b'] | one", "a"),
        ("3 | one", 3),
        ("'a' | many", ["a"]),
        ("['a', 'b'] | many", ["a", "b"]),
        ("none | many", []),
        ("['a', 'b'] | numbered", "1. a\n2. b"),
        ("'a' | numbered", "1. a"),
        ("[] | numbered", ""),
        ("'a' | para", "\n\na"),
        ("'' | para", ""),
        ("none | para", ""),
        ("0 | para", "\n\n0"),
        ("'a' | line", "\na"),
        ("'' | line", ""),
    ],
)
def test_the_filters_of_cards(text: str, value: Any) -> None:
    assert evaluate(text) == value


def test_the_filters_of_cards_refuse_what_makes_no_sense() -> None:
    assert "empty list" in error("[] | one")
    assert "takes text, not a list" in error("words | para")
    assert "'missing'" in error("missing | many") or "missing" in error("missing | many")
