"""Option lists and labels."""

from __future__ import annotations

import pytest

from flancollect.cards.style_card import OptionStyle
from flancollect.render.options import answer_text, enumerators, options_text


def test_a_list_has_its_header_and_items_and_no_blank_line_around_it() -> None:
    style = OptionStyle(header="Options:", item="- {{ text }}")
    assert options_text(style, ["yes", "no"]) == "Options:\n- yes\n- no"
    assert options_text(OptionStyle(item="{{ text }}", between=" or "), ["yes", "no"]) == "yes or no"


def test_option_text_is_never_read_as_a_template() -> None:
    assert options_text(OptionStyle(item="{{ text }}"), ["{{ 1 + 1 }}", "{% x %}"]) == "{{ 1 + 1 }}\n{% x %}"


@pytest.mark.parametrize(
    ("index", "number", "lower", "upper", "roman"),
    [
        (0, "1", "a", "A", "i"),
        (3, "4", "d", "D", "iv"),
        (25, "26", "z", "Z", "xxvi"),
        (26, "27", "aa", "AA", "xxvii"),
        (701, "702", "zz", "ZZ", "llllllllllllllii"),
    ],
)
def test_enumerators_go_on_past_the_alphabet(
    index: int, number: str, lower: str, upper: str, roman: str
) -> None:
    assert enumerators(index) == {"number": number, "lower": lower, "upper": upper, "roman": roman}


def test_the_answer_is_a_label_only_where_the_style_says_so() -> None:
    labels = OptionStyle(item="({{ upper }}) {{ text }}", answer="label", label="({{ upper }})")
    assert answer_text(labels, "no", 1) == "(B)"
    assert answer_text(OptionStyle(item="({{ upper }}) {{ text }}"), "no", 1) == "no"
    assert answer_text(None, "no", 1) == "no"
