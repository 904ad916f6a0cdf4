"""What counts as the same text, and what as untidy."""

from __future__ import annotations

import pytest

from flancollect.lint.text import likeness, literal, same_text, tokens, untidy, words


def test_case_white_space_and_a_list_of_options_do_not_make_another_text() -> None:
    assert same_text("What?\n{{ x }}{{ options | para }}") == same_text("what? {{ x }}{{ options|line }}")
    assert same_text("What?\n{{ x }}{{ options | para }}") == same_text("What? {{ x }}")
    assert same_text("What? {{ x }}") != same_text("What? {{ y }}")


def test_likeness_is_of_words_and_places() -> None:
    assert likeness(tokens("Say {{ x }} now"), tokens("now, say: {{ x }}!")) == 1
    assert likeness(tokens("Say {{ x }}"), tokens("Say {{ y }}")) == pytest.approx(1 / 3)


def test_a_template_s_own_words_are_apart_from_its_places() -> None:
    assert literal("a{{ b }}c{% if d %}e{% endif %}") == "ace"
    assert words("It's  GREEN.") == " it s green "


@pytest.mark.parametrize(
    "text", ["a  b", "a \nb", "a:. b", 'he said "so.". Then', "What?, he", "a.; b", "end.."]
)
def test_untidy(text: str) -> None:
    assert [place for _, place in untidy(text, [])]


@pytest.mark.parametrize(
    "text", ["a b", "  a", "Wait...", 'Say "So it is ...".', "Really?!", 'He asked "so?" Then.']
)
def test_tidy(text: str) -> None:
    assert not list(untidy(text, []))


def test_what_stands_so_in_the_data_does_not_count() -> None:
    assert not list(untidy("See: a..b", ["a..b"]))
