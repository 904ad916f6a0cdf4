"""Rows that are longer than a mixture's limits are left out and counted, whatever their shots."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flancollect as fc
from flancollect.errors import CardError
from flancollect.render.limits import cut_at_word
from tests.catalogs import ECHO_TASK, echo_family, write
from tests.small import nothing_embedded

FAMILY = echo_family('  plain: {input: "Say: {{ text }}", target: "{{ answer }}"}\n', "long: text\n")
STYLES = """
    shots:
      q_a: {exemplar: "Q: {{ input }}\\nA: {{ target }}", query: "Q: {{ input }}\\nA:"}
"""
MIXTURE = """
    mixture: all
    size: 100
    limits: LIMITS
    shots: {min: 1, max: 1}
    parts: {mine: {variants: {zs_opt: 1, fs_opt: 1}}}
"""


def built(folder: Path, limits: str, rows: list[tuple[str, str]]) -> tuple[set[str], dict[str, int]]:
    """The targets, and why rows fell away."""
    lines = "".join(f'{{"text": "{text}", "answer": "{answer}"}}\n' for text, answer in rows)
    files = {"echo.yaml": FAMILY, "echoes.yaml": ECHO_TASK, "_styles.yaml": STYLES, "rows.jsonl": lines}
    write(folder / "cards", {**files, "all.yaml": MIXTURE.replace("LIMITS", limits)})
    with nothing_embedded():
        result = fc.build(fc.BuildRequest("all", catalogs=(folder / "cards",)), folder / "out")
    dropped: dict[str, int] = {}
    for task in result.manifest.tasks:
        for reason, count in task.dropped.items():
            dropped[reason] = max(count, dropped.get(reason, 0))
    return {row["targets"] for row in fc.open_build(folder / "out")}, dropped


def test_a_prompt_of_just_the_limit_stays(tmp_path: Path) -> None:
    targets, dropped = built(
        tmp_path, "{input_bytes: 10}", [("abcde", "fits"), ("abcdef", "long"), ("x", "short")]
    )
    assert targets == {"fits", "short"}
    assert dropped["a prompt longer than 10 bytes"] == 1


def test_lengths_are_bytes_and_not_characters(tmp_path: Path) -> None:
    targets, _ = built(
        tmp_path, "{input_bytes: 10}", [("ééé", "eleven bytes"), ("éé", "nine bytes"), ("x", "six")]
    )
    assert targets == {"nine bytes", "six"}


def test_a_long_target_falls_away_too(tmp_path: Path) -> None:
    targets, dropped = built(tmp_path, "{target_bytes: 4}", [("a", "1234"), ("b", "12345"), ("c", "1")])
    assert targets == {"1234", "1"}
    assert dropped["a target longer than 4 bytes"] == 1


SHORTEN = "{input_bytes: 25, too_long: shorten}"


def prompts(folder: Path) -> dict[str, tuple[str, int]]:
    """By target the zero-shot prompt, and how many bytes of a field are cut."""
    rows = [row for row in fc.open_build(folder / "out") if row["template_type"] == "zs_opt"]
    return {row["targets"]: (row["inputs"], row["provenance"]["cut_bytes"]) for row in rows}


def test_a_long_field_loses_the_words_that_do_not_fit(tmp_path: Path) -> None:
    rows = [
        ("one two three four five six", "long"),
        ("one two", "short"),
        ("one two three four x", "just fits"),
    ]
    built(tmp_path, SHORTEN, rows)
    assert prompts(tmp_path) == {
        "long": ("Say: one two three four", 9),
        "short": ("Say: one two", 0),
        "just fits": ("Say: one two three four x", 0),
    }
    manifest = fc.open_build(tmp_path / "out").manifest
    assert manifest.shortened == 1
    assert fc.stats(tmp_path / "out").shortened == 1


def test_what_is_shortened_can_be_traced(tmp_path: Path) -> None:
    built(tmp_path, SHORTEN, [("one two three four five six", "long"), ("one two", "short")])
    build = fc.open_build(tmp_path / "out")
    number = next(i for i, row in enumerate(build) if row["provenance"]["cut_bytes"])
    with nothing_embedded():
        trace = fc.why(tmp_path / "out", number, fc.BuildRequest("", catalogs=(tmp_path / "cards",)))
    assert trace.rendered_again
    assert trace.cut_bytes == 9


def test_a_row_whose_answer_would_be_cut_off_is_left_out(tmp_path: Path) -> None:
    rows = [("one two three four five six", "six"), ("one two three four five sixty", "two"), ("one", "x")]
    targets, dropped = built(tmp_path, SHORTEN, rows)
    assert prompts(tmp_path).keys() == {"two", "x"}
    assert "six" not in targets
    assert dropped["too long, and the answer is in what would be cut off"] == 1


def test_a_long_target_and_a_field_of_which_nothing_would_be_left_are_left_out(tmp_path: Path) -> None:
    long_target = "{input_bytes: 25, target_bytes: 3, too_long: shorten}"
    _, dropped = built(
        tmp_path / "a", long_target, [("one two three four five six", "4 bytes"), ("a", "b"), ("c", "d")]
    )
    assert dropped["a prompt longer than 25 bytes"] == 1
    assert prompts(tmp_path / "a").keys() == {"b", "d"}
    _, dropped = built(
        tmp_path / "b", "{input_bytes: 6, too_long: shorten}", [("wordword", "x"), ("a", "b"), ("c", "d")]
    )
    assert dropped["a prompt longer than 6 bytes"] == 1


def test_a_field_without_blanks_is_cut_within_a_character_of_the_limit(tmp_path: Path) -> None:
    built(tmp_path, SHORTEN, [("日本語" * 40, "japanese"), ("one", "x")])
    # "Say: " and six characters of three bytes are 23 bytes; a seventh would make 26.
    assert prompts(tmp_path)["japanese"] == ("Say: 日本語日本語", 342)


@given(text=st.text(st.characters(codec="utf-8")), most=st.integers(0, 60))
def test_a_cut_is_a_beginning_that_fits_and_ends_in_no_blank(text: str, most: int) -> None:
    head = cut_at_word(text, most)
    assert text.startswith(head)
    assert len(head.encode()) <= most
    assert head == head.rstrip()


@pytest.mark.parametrize(
    ("text", "most", "rest"),
    [
        ("caf" + "e\u0301" * 3, 4, "caf"),
        ("x👨\u200d👩\u200d👧", 6, "x"),
        ("x👨\u200d👩\u200d👧", 9, "x"),
        ("x👍🏽", 5, "x"),
        ("🇫🇷🇩🇪", 12, "🇫🇷"),
        ("🇫🇷🇩🇪", 8, "🇫🇷"),
        ("में", 3, ""),
    ],
)
def test_a_cut_is_between_characters_as_people_see_them(text: str, most: int, rest: str) -> None:
    assert cut_at_word(text, most) == rest


def test_families_say_which_text_may_be_cut(tmp_path: Path) -> None:
    write(tmp_path, {"echo.yaml": FAMILY.replace("long: text", "long: txet")})
    with (
        nothing_embedded(),
        pytest.raises(CardError, match=r'echo.yaml:\d+  long: no need "txet" that is a text'),
    ):
        fc.load_catalog([tmp_path])


def test_without_limits_nothing_is_too_long(tmp_path: Path) -> None:
    targets, _ = built(tmp_path, "{}", [("a" * 7000, "one"), ("b", "2" * 9000)])
    assert targets == {"one", "2" * 9000}


@pytest.mark.parametrize("mixture", ["flan2022", "chung2022-a", "chung2022-b", "t0"])
def test_mixtures_of_the_collection_have_limits(mixture: str) -> None:
    assert fc.load_catalog().mixtures[mixture].card.limits.input_bytes == 8000


def test_an_inverted_template_writes_no_empty_target(tmp_path: Path) -> None:
    family = (
        echo_family('plain: {input: "Say: {{ text }} {{ more }}", target: "{{ answer }}"}')
        .replace("{text: text}", "{text: text, more: text}")
        .replace("{text: t,", "{text: t, more: m,")
        + 'inverted:\n  back: {input: "Who says {{ answer }}?", target: "{{ text }}"}\n'
    )
    lines = '{"text": "", "answer": "a", "more": "m"}\n{"text": "t", "answer": "b", "more": "m"}\n'
    task = ECHO_TASK.replace("{text: text}", "{text: text, more: more}")
    mixture = "mixture: all\nsize: 10\nparts: {mine: {variants: {zs_opt_inv: 1}}}\n"
    files = {"echo.yaml": family, "echoes.yaml": task, "all.yaml": mixture, "rows.jsonl": lines}
    write(tmp_path / "cards", files)
    with nothing_embedded():
        result = fc.build(fc.BuildRequest("all", catalogs=(tmp_path / "cards",)), tmp_path / "out")
    assert [row["targets"] for row in fc.open_build(tmp_path / "out")] == ["t"]
    assert result.manifest.tasks[0].dropped == {"the target comes out empty": 1}
