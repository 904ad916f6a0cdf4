"""Options listed by letters are read as they are written, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from flancollect.sources.shapes import lettered_options


def options(question: str | None) -> list[tuple[str, str]]:
    (made,) = lettered_options.rows({"input": question})
    return list(zip(made["labels"], made["choices"], strict=True))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which?\nOptions:\n(A) one\n(B) two", [("(A)", "one"), ("(B)", "two")]),
        ("Which?\nOptions: \n(A)  one \n(B) two\n", [("(A)", "one"), ("(B)", "two")]),
        ("Options:\n(A) only one", [("(A)", "only one")]),
        ("Which?\nOptions:\n(B) one\n(D) two", [("(B)", "one"), ("(D)", "two")]),
        ("Which?\nOptions:\n(A) two\nlines\n(B) one", [("(A)", "two\nlines"), ("(B)", "one")]),
        (
            "Which?\nOptions:\n(A) one\n(B) two parts:\n(A) the first\n(B) the second\n(C) three",
            [("(A)", "one"), ("(B)", "two parts:\n(A) the first\n(B) the second"), ("(C)", "three")],
        ),
        (
            "Which?\nOptions:\n(A) either (B) or (C)\n(B) none",
            [("(A)", "either (B) or (C)"), ("(B)", "none")],
        ),
        ("He wrote:\nOptions:\n(A) x\nWhich?\nOptions:\n(A) y\n(B) z", [("(A)", "y"), ("(B)", "z")]),
    ],
)
def test_options_are_read_with_their_letters(question: str, expected: list[tuple[str, str]]) -> None:
    assert options(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        None,
        "",
        "not ( True ) is",
        "Yes or no?\nOptions:\n- Yes\n- No",
        "(A) one\n(B) two",
        "Options: (A) one",
    ],
)
def test_both_lists_are_empty_where_nothing_is_listed_by_letters(question: str | None) -> None:
    assert options(question) == []
