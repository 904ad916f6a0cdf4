"""Held-out questions are known however they are written, and nothing else is taken for one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.render.held_out import HeldOutQuestions, words_of

FRANCE = "What is the capital of France?"


@pytest.mark.parametrize(
    "text",
    [
        FRANCE,
        "what is the capital of france",
        "What is the capital of  France?",
        "What is the capital\nof France?",
        " What is the capital of France ? ",
        "Question: What is the capital of France?",
        "What is the capital of France? Options: Paris, Rome",
        "Ｗhat is the capital of Ｆrance？",
        "WHAT IS THE CAPITAL OF FRANCE!?",
        "“What is the capital of France”",
        "What is the capital of France\u00a0?",
        "What is the capi\u200btal of Fran\u00adce?",
        "\u200eWhat is the\u200d capital of France?",
        "What is the capital of &quot;France&quot;?",
        "What i\u0301s the c\u00e1pital of France?",
    ],
)
def test_another_way_of_writing_is_the_same_question(text: str) -> None:
    assert HeldOutQuestions([{"q": FRANCE}]).asked_by({"text": text})


@pytest.mark.parametrize(
    "text",
    ["What is the capital of Francesca?", "What is the capital?", "Is the capital of France Paris?", "", "?"],
)
def test_other_words_are_another_question(text: str) -> None:
    assert not HeldOutQuestions([{"q": FRANCE}]).asked_by({"text": text})


def test_a_short_question_is_known_as_a_whole_only() -> None:
    held_out = HeldOutQuestions([{"word": "Rome"}])
    assert held_out.asked_by({"text": "rome."})
    assert not held_out.asked_by({"text": "Rome was not built in a day"})


def test_a_question_of_several_fields_needs_all_of_them_in_any_order() -> None:
    held_out = HeldOutQuestions([{"passage": "The bridge reopened on Monday.", "claim": "It is open."}])
    assert held_out.asked_by({"claim": "it is open", "passage": "the bridge reopened on monday"})
    assert held_out.asked_by({"text": "Read: The bridge reopened on Monday. Claim: it is open."})
    assert not held_out.asked_by({"passage": "The bridge reopened on Monday.", "claim": "It is closed."})


def test_signs_before_numbers_are_words() -> None:
    held_out = HeldOutQuestions([{"sum": "3 + 4"}])
    assert held_out.asked_by({"sum": "3+4"})
    assert not held_out.asked_by({"sum": "3 - 4"})
    assert words_of("a well-known - fact") == ("a", "well", "known", "fact")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 - 4 * 5", "3 \u2212 4 \u00d7 5"),
        ("1990-1995", "1990\u20131995"),
        ("8 / 2", "8 ÷ 2"),
        ("такое", "тако́е"),
        ("istanbul", "İstanbul"),
        ("שלום", "שָׁלוֹם"),
        ("が", "か\u3099"),
        ("👧🐟🐠", " 👧 🐟🐠"),
    ],
)
def test_signs_and_letters_are_the_same_in_every_form(one: str, other: str) -> None:
    assert HeldOutQuestions([{"q": one}]).asked_by({"text": other})
    assert HeldOutQuestions([{"q": other}]).asked_by({"text": one})


@pytest.mark.parametrize(
    ("one", "other"), [("a < b", "a > b"), ("か", "が"), ("👧🐟🐠", "👧🐟"), ("की", "का"), ("a = b", "a b")]
)
def test_other_signs_and_letters_are_another_question(one: str, other: str) -> None:
    assert not HeldOutQuestions([{"q": one}]).asked_by({"text": other})


def test_a_question_is_known_across_fields_and_in_options_and_target() -> None:
    held_out = HeldOutQuestions([{"q": FRANCE}, {"q": "Rome now"}])
    assert held_out.asked_by({"text": "What is the capital", "more": "of France?"})
    assert held_out.asked_by({"text": "Rome", "more": "now"})
    assert held_out.asked_by({"text": "Write a question about Paris."}, ["What is the capital of France?"])
    assert held_out.asked_by({"text": "Which was asked?"}, ["Who are you?", "What is the capital of France?"])
    assert not held_out.asked_by({"text": "Where are you?"}, ["Rome now"])


def test_lists_objects_and_numbers_are_read_and_nulls_are_not() -> None:
    held_out = HeldOutQuestions([{"items": ["pear", "fig", {"of": "plum"}, 7, "kiwi"], "none": None}])
    assert held_out.asked_by({"text": "pear, fig, plum, 7, kiwi"})


def test_scripts_without_spaces_are_read_letter_by_letter() -> None:
    held_out = HeldOutQuestions([{"q": "フランスの首都はどこですか。"}])
    assert held_out.asked_by({"text": "質問：フランスの首都はどこですか？"})
    assert not held_out.asked_by({"text": "ドイツの首都はどこですか？"})


def test_a_question_without_words_is_none() -> None:
    held_out = HeldOutQuestions([{"q": "?!"}, {"q": None}])
    assert not held_out
    assert not held_out.asked_by({"q": "?!"})


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=5, max_size=9),
    st.text("xyz ,.", max_size=9),
    st.text("xyz ,.", max_size=9),
)
def test_what_stands_around_a_long_question_hides_nothing(words: list[str], before: str, after: str) -> None:
    held_out = HeldOutQuestions([{"q": " ".join(words)}])
    assert held_out.asked_by({"text": f"{before} {', '.join(words).upper()} {after}"})
