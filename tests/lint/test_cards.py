"""Lints of task cards and styles: what they speak of, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogs import TASK
from tests.lint.small_cards import FAMILY, findings

SIZED = (
    FAMILY.replace("{thing: text}", "{thing: text, size: text}")
    .replace("{thing: grass,", "{thing: grass, size: big,")
    .replace(
        "inverted:", '  big: {input: "How {{ size }} is {{ thing }}?", target: "{{ answer }}"}\ninverted:'
    )
)
SIZED_TASK = TASK.replace("{thing: thing}", "{thing: thing, size: thing}")
STYLES = 'options:\n  one: {header: "%s", item: "{{ upper }}. {{ text }}"%s}\n'
LABEL = ', answer: label, label: "{{ upper }}"'


def test_a_field_that_no_chosen_template_shows_is_unshown(tmp_path: Path) -> None:
    messages = findings("unshown_field", tmp_path, family=SIZED, task=SIZED_TASK + "templates: [ask, say]\n")
    assert len(messages) == 1
    assert "colours.yaml:6  fields.size" in messages[0]


@pytest.mark.parametrize("narrowed", ["", "templates: [ask, big]\n"])
def test_a_field_that_some_template_shows_is_not(narrowed: str, tmp_path: Path) -> None:
    assert findings("unshown_field", tmp_path, family=SIZED, task=SIZED_TASK + narrowed) == []


def test_an_unknown_license_is_told_by_submix(tmp_path: Path) -> None:
    messages = findings(
        "unknown_license", tmp_path / "a", task=TASK.replace("license: mit", "license: unknown")
    )
    assert messages[0].startswith("submix mine  license: unknown")
    assert messages[0].endswith("(colours)")
    assert findings("unknown_license", tmp_path / "b") == []


@pytest.mark.parametrize(
    ("header", "answer", "speaks"),
    [
        ("Answer with the letter:", "", True),
        ("Options:", LABEL, True),
        ("Options:", "", False),
        ("Options (not the letter):", "", False),
        ("Answer with the letter:", LABEL, False),
        ("Pick A or another:", LABEL, False),
    ],
)
def test_a_style_asks_for_what_it_takes(header: str, answer: str, speaks: bool, tmp_path: Path) -> None:
    messages = findings("label_style", tmp_path, styles=STYLES % (header, answer))
    assert [text.startswith("_styles.yaml  options.one") for text in messages] == [True] * speaks


def test_characters_that_t5_lacks_are_found_in_styles(tmp_path: Path) -> None:
    shots = 'shots:\n  tags: {exemplar: "<q> {{ input }} {{ target }}", query: "<q> {{ input }}"}\n'
    assert "shots.tags: T5 cannot read '<'" in findings("lost_in_styles", tmp_path / "a", styles=shots)[0]
    assert findings("lost_in_styles", tmp_path / "b", styles=shots.replace("<q>", "[q]")) == []
