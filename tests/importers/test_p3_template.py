"""PromptSource templates: the same texts as rendering first and splitting after."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jinja2 import Environment

from flancollect.importers.conversion import NotConvertible
from flancollect.importers.p3_template import P3Template, convert_template
from flancollect.jinja.expression import compile_template

ROW: dict[str, Any] = {
    "name": "Lime ",
    "label": 1,
    "options": ["sweet", "sour "],
    "answer": "sour",
    "choices": {"text": ["a", "b"]},
}


def render(template: P3Template, row: dict[str, Any]) -> list[str]:
    fields = {ours: row[column] for ours, column in template.needs.items()}
    return [compile_template(text).render(fields) for text in (template.input, template.target)]


def reference(text: str, choices: str | None, row: dict[str, Any]) -> list[str]:
    """Rendered as PromptSource does it."""
    plain = Environment(autoescape=False)  # the texts are this file's own
    names = dict(row)
    if choices:
        names["answer_choices"] = [c.strip() for c in plain.from_string(choices).render(row).split("|||")]
    return [part.strip() for part in plain.from_string(text).render(names).split("|||")]


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("Taste of {{name}}?\n|||\n{{ answer_choices[label] }}", "sweet ||| sour"),
        (
            "{{name}} {{ answer_choices | join(', ') }} ||| {{answer_choices[label]}}",
            '{{ options | join("|||") }}',
        ),
        ("{% set x = name | trim %}{{ x }}! ||| {{ x | lower }}", None),
        ("{% if label == 1 %} {{ name }}? ||| {{ answer }} {% endif %}", None),
        ("{{ name }} is ||| {% if label %} {{ answer }} {% else %} not {% endif %}", None),
        ("{{ choices.text[0] }} ||| {{ choices.text[1] }}", None),
        (
            "{% set l = [] %}{% for o in options %}{{ l.append(o) or '' }}{% endfor %}{{ l }} ||| {{ l | count }}",
            None,
        ),
        ('say "{{ answer_choices[0] }}" ||| {{ answer_choices[1] }}', 'a "b" ||| c\\d'),
        (
            "{% for o in options %}{{ loop.cycle('x', 'y') }}{{ loop.changed(o) }}{% endfor %} ||| {{ name }}",
            None,
        ),
        ("{# note #}{{ name }}, {{'literal |||'[:7]}} ||| {{ label }}", None),
    ],
)
def test_renders_like_promptsource(text: str, choices: str | None) -> None:
    assert render(convert_template(text, choices), ROW) == reference(text, choices, ROW)


def test_a_branch_without_both_parts_renders_nothing() -> None:
    template = convert_template("{% if label == 0 %}{{ name }} ||| {{ answer }}{% endif %}", None)
    assert render(template, ROW) == ["", ""]


def test_the_separator_in_a_row_is_no_separator() -> None:
    template = convert_template("{% if label %}{{ name }} ||| {{ answer }}{% endif %}", None)
    assert render(template, {**ROW, "name": "a ||| b"}) == ["a ||| b", "sour"]


def test_columns_called_like_our_variables_are_renamed() -> None:
    template = convert_template("{{ options[0] }} {{ choices.text[0] }} ||| {{ answer }}", None)
    assert template.needs == {"answer_": "answer", "choices_": "choices", "options_": "options"}


def test_prompt_and_target_draw_the_same_choice() -> None:
    text = "{% set c = options | choice %}{{ name }}: {{ c }} ||| {{ c }}"
    template = convert_template(text, None)
    for name in "abcdefgh":
        prompt, target = render(template, {"name": name, "options": ["1", "2", "3"]})
        assert prompt == f"{name}: {target}"


def test_simple_templates_keep_their_text() -> None:
    template = convert_template(
        "Taste of {{name}}, please.\n|||\n{{ answer_choices[label] }}", "sweet ||| sour"
    )
    assert template.input == "Taste of {{name}}, please."
    assert template.target == '{% set answer_choices = ["sweet", "sour"] %}{{ answer_choices[label] }}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ name }}", "no |||"),
        ("{{ name | most_frequent }} ||| a", 'no filter named "most_frequent"'),
        ("{{ name.encode() }} ||| a", "calls .encode()"),
        ("{{ lipsum() }} ||| a", 'no function "lipsum"'),
        ("{% if %} ||| a", "Expected an expression"),
        ("{% include 'x' %} ||| a", "no part of cards"),
        ("\ud800 ||| a", "no file can hold"),
    ],
)
def test_what_has_no_place_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotConvertible, match=re.escape(reason)):
        convert_template(text, None)
