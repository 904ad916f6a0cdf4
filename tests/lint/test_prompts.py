"""Every lint of rows: data that it speaks of, and that it is silent about the clean data."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.lint.report import LINTS
from tests.catalogs import TASK
from tests.lint.small_cards import DATA, FAMILY, TEXT_FAMILY, TEXT_TASK, findings

ROW_LINTS = [name for name, lint in LINTS.items() if lint.rows is not None]
LONG = "the quick fox jumps over it"

IN_PLACES = (
    FAMILY.replace("{thing: text}", "{thing: text, place: text}")
    .replace("{thing: grass,", "{thing: grass, place: gardens,")
    .replace("is {{ thing }}?", "is {{ thing }} in {{ place }}?")
    .replace("in.\\n{{ thing }}", "in {{ place }}.\\n{{ thing }}")
)
SPEAKS: dict[str, dict[str, str]] = {
    "fails_on_row": {
        "family": FAMILY.replace("is {{ thing }}?", "is {{ 'abcde'[thing | length].upper() }}?")
    },
    "answer_not_in_options": {"family": FAMILY.replace('"{{ answer }}"}', '"{{ answer | upper }}"}', 1)},
    "options_alike": {
        "family": FAMILY.replace("options: closed", "options: open"),
        "task": TASK.replace("choices: [green, red]", 'options: \'["red", "Red "]\''),
    },
    "empty_field": {
        # Of a row whose fields are all empty nothing would be asked, and it falls away.
        "family": IN_PLACES,
        "task": TASK.replace("{thing: thing}", "{thing: thing, place: label}"),
        "data": DATA.replace("a frog", "").replace("moss", " "),
    },
    "empty_text": {
        "family": FAMILY.replace('target: "{{ thing }}"', 'target: "{{ thing if thing | length > 4 }}"')
    },
    "untrimmed_field": {"data": DATA.replace("a frog", '" a frog"').replace("moss", '"moss "')},
    "untidy_rows": {
        "data": DATA.replace(",0", ".,0").replace(",1", "!,1"),
        "family": FAMILY.replace("}}?{{", "}}.{{"),
    },
    "target_in_prompt": {
        "family": TEXT_FAMILY,
        "task": TEXT_TASK,
        "data": "thing,label\n" + "".join(f"{i} {LONG} {i},{LONG} {i}\n" for i in range(10)),
    },
    "label_leak": {
        "data": "thing,label\n" + "".join(f"{i} {('green', 'red')[i % 2]} hats,{i % 2}\n" for i in range(12))
    },
    "no_exemplar": {"data": "thing,label\n" + "grass,0\n" * 10},
    "no_usable_row": {"data": DATA.replace(",1\n", ",-1\n").replace(",0\n", ",-1\n")},
    "unusable_rows": {"data": DATA.replace(",1\n", ",-1\n")},
}


def test_every_row_lint_is_tried_here() -> None:
    assert sorted(SPEAKS) == sorted(ROW_LINTS)


@pytest.mark.parametrize("name", SPEAKS)
def test_a_lint_says_where_and_what(name: str, tmp_path: Path) -> None:
    messages = findings(name, tmp_path, **SPEAKS[name])
    assert messages
    assert "colour" in messages[0].split(":")[0]


@pytest.mark.parametrize("name", ROW_LINTS)
def test_a_lint_has_nothing_to_say_of_clean_rows(name: str, tmp_path: Path) -> None:
    assert findings(name, tmp_path) == []


def test_a_guarded_field_may_be_empty(tmp_path: Path) -> None:
    family = IN_PLACES.replace("is {{ thing }}", "is it{{ thing | para }}").replace(
        "}}.\\n{{ thing }}", "}}.{{ thing | para }}"
    )
    family = family.replace('target: "{{ thing }}"', 'target: "{{ thing }}!"')
    assert findings("empty_field", tmp_path, **{**SPEAKS["empty_field"], "family": family}) == []


def test_spans_are_the_nature_of_extraction(tmp_path: Path) -> None:
    parts = SPEAKS["target_in_prompt"]
    assert (
        findings("target_in_prompt", tmp_path, **{**parts, "task": parts["task"] + "metric: squad\n"}) == []
    )


def test_an_inverted_prompt_may_not_hold_its_target_whatever_the_metric(tmp_path: Path) -> None:
    parts = SPEAKS["target_in_prompt"]
    family = TEXT_FAMILY.replace("Name something {{ answer }}.", "{{ answer }} and {{ thing }}?")
    messages = findings(
        "target_in_prompt", tmp_path, **{**parts, "task": parts["task"] + "metric: squad\n", "family": family}
    )
    assert len(messages) == 1
    assert "inverted.find" in messages[0]


def test_fields_that_name_every_option_leak_nothing(tmp_path: Path) -> None:
    both = "thing,label\n" + "".join(f"{i} green or red hats,{i % 2}\n" for i in range(12))
    assert findings("label_leak", tmp_path, data=both) == []


def test_fields_that_name_an_option_by_chance_leak_nothing(tmp_path: Path) -> None:
    some = "thing,label\n" + "".join(f"{i} {('green', 'red')[i // 2 % 2]} hats,{i % 2}\n" for i in range(12))
    assert findings("label_leak", tmp_path, data=some) == []


def test_untidiness_of_the_data_is_not_the_template_s(tmp_path: Path) -> None:
    assert findings("untidy_rows", tmp_path, data=DATA.replace("a ", "a..  ")) == []


def test_rows_that_the_card_takes_out_on_purpose_are_not_unusable(tmp_path: Path) -> None:
    task = TASK.replace("family:", 'where: label == "0"\nfamily:')
    assert findings("unusable_rows", tmp_path, task=task) == []


def test_rates_need_enough_rows(tmp_path: Path) -> None:
    assert findings("empty_field", tmp_path, data="thing,label\n ,0\ngrass,0\nblood,1\n") == []
