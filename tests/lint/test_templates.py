"""Every lint of templates: a family that it speaks of, and that it is silent about the clean one."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.lint.templates import few_templates, unused_need
from tests.catalogs import TASK, write
from tests.lint.small_cards import FAMILY, catalogue, findings
from tests.small import EMPTY

TEN = FAMILY.replace(
    "inverted:",
    "".join(
        f'  also{i}: {{input: "{word} has which colour? {{{{ thing }}}}", target: "{{{{ answer }}}}"}}\n'
        for i, word in enumerate(["This", "That", "Which", "Whose", "What", "Here", "There", "Now"])
    )
    + "inverted:",
)
WARMER = """\
family: warmer
needs: {thing: text}
options: closed
example: {thing: grass, options: [green, red], answer: green}
forward:
  ask: {input: "%s{{ options | line }}", target: "{{ answer }}"%s}
"""


def with_template(text: str, direction: str = "forward") -> str:
    """The clean family with one more template."""
    return FAMILY.replace(f"{direction}:\n", f"{direction}:\n  more: {text}\n")


SPEAKS = {
    "duplicate_template": with_template(
        '{input: "what  colour is {{ thing }}?{{ options | line }}", target: "{{ answer }}"}'
    ),
    "near_duplicate_template": with_template(
        '{input: "Say which one colour you would paint this in.\\n{{ thing }}{{ options }}", '
        'target: "{{ answer }}"}'
    ),
    "hold_out_trained": with_template(
        '{input: "What colour is {{ thing }}?{{ options }}", target: "{{ answer }}", hold_out: true}'
    ),
    "answer_in_prompt": with_template('{input: "{{ thing }} is {{ answer }}. So?", target: "{{ answer }}"}'),
    "unused_need": FAMILY.replace("{thing: text}", "{thing: text, size: text}").replace(
        "{thing: grass,", "{thing: grass, size: big,"
    ),
    "few_templates": FAMILY,
    "lost_characters": with_template('{input: "<{{ thing }}> has what colour?", target: "{{ answer }}"}'),
    "untidy_example": with_template('{input: "Look at {{ thing }}.. Its colour?", target: "{{ answer }}"}'),
    "line_breaks": FAMILY,
}
SILENT = dict.fromkeys(SPEAKS, FAMILY) | {
    "few_templates": TEN,
    "line_breaks": FAMILY.replace("in.\\n{{", "in: {{"),
}


def task_of(family: str) -> str:
    """A card that gives what the family needs."""
    return TASK.replace("{thing: thing}", "{thing: thing, size: thing}") if "size: text" in family else TASK


@pytest.mark.parametrize("name", SPEAKS)
def test_a_lint_says_where_and_what(name: str, tmp_path: Path) -> None:
    messages = findings(name, tmp_path, family=SPEAKS[name], task=task_of(SPEAKS[name]))
    assert messages
    assert "colour.yaml" in messages[0]


@pytest.mark.parametrize("name", SPEAKS)
def test_a_lint_has_nothing_to_say_of_a_clean_family(name: str, tmp_path: Path) -> None:
    assert findings(name, tmp_path, family=SILENT[name]) == []


def test_two_families_with_equal_needs_may_not_repeat_each_other(tmp_path: Path) -> None:
    messages = findings("repeated_template", tmp_path, more=WARMER % ("What colour is {{ thing }}?", ""))
    assert len(messages) == 1
    assert "warmer.yaml" in messages[0] or "more.yaml" in messages[0]
    assert "colour/forward/ask" in messages[0]


@pytest.mark.parametrize("text", ["Which hue has {{ thing }}?", "{{ thing }}"])
def test_other_words_and_none_at_all_are_no_repetition(text: str, tmp_path: Path) -> None:
    bare = FAMILY.replace("What colour is {{ thing }}?", "{{ thing }}")
    assert findings("repeated_template", tmp_path, family=bare, more=WARMER % (text, "")) == []


def test_a_template_hold_out_in_one_family_may_not_be_trained_in_another(tmp_path: Path) -> None:
    messages = findings(
        "hold_out_trained", tmp_path, more=WARMER % ("What colour is {{ thing }}?", ", hold_out: true")
    )
    assert "held out, but trained as colour/forward/ask" in messages[0]


def test_what_a_family_inherits_is_not_its_own_duplicate(tmp_path: Path) -> None:
    child = 'family: child\nextends: colour\nforward:\n  new: {input: "{{ thing }}: hue?", target: "{{ answer }}"}\n'
    for name in ("duplicate_template", "repeated_template", "near_duplicate_template"):
        assert findings(name, tmp_path / name, more=child) == []


def test_short_templates_may_be_alike(tmp_path: Path) -> None:
    family = with_template(
        '{input: "colour: {{ thing }}{{ options | line }}", target: "{{ answer }}"}'
    ).replace("What colour is {{ thing }}?", "{{ thing }} = colour")
    assert findings("near_duplicate_template", tmp_path, family=family) == []


def test_one_task_per_template_and_tasks_never_trained_need_no_ten_templates(tmp_path: Path) -> None:
    narrowed = catalogue(tmp_path / "a", task=TASK + "templates: [ask]\n")
    tested = catalogue(tmp_path / "b", task=TASK.replace("{train: train}", "{test: train}"))
    assert not list(few_templates(narrowed))
    assert not list(few_templates(tested))


def test_a_family_must_turn_around_what_flan_turns_around(tmp_path: Path) -> None:
    forward_only = FAMILY.split("inverted:")[0]
    task = TASK.replace("task: colours", "task: rte")
    assert "(rte)" in findings("no_inversion", tmp_path / "a", family=forward_only, task=task)[0]
    assert findings("no_inversion", tmp_path / "b", family=FAMILY, task=task) == []
    assert findings("no_inversion", tmp_path / "c", family=forward_only) == []


def test_a_need_that_only_a_target_shows_is_used(tmp_path: Path) -> None:
    family = FAMILY.replace('target: "{{ thing }}"', 'target: "{{ thing }}, {{ size }}"').replace(
        "{thing: text}", "{thing: text, size: text}"
    )
    family = family.replace("{thing: grass,", "{thing: grass, size: big,")
    assert not list(unused_need(load_catalog((write(tmp_path, {"colour.yaml": family}),), EMPTY)))
