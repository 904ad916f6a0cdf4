"""One cue before the answer, neither two nor none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.family import Template
from flancollect.cards.style_card import OptionStyle, ShotStyle
from flancollect.render.pairing import (
    cue_of,
    ending,
    option_styles_for,
    pairs,
    styles_for,
    templates_beside,
)


def template(text: str, target: str = "{{ answer }}") -> Template:
    return Template(
        id="f/forward/t", direction="forward", name="t", intro=None, input=text, target=target, options="either",
        shows_options="options" in text, hold_out=False, file="f.yaml", line=1,
    )  # fmt: skip


BARE = ShotStyle(exemplar="{{ input }}\n{{ target }}", query="{{ input }}")
LABEL = ShotStyle(exemplar="Q: {{ input }}\nA: {{ target }}", query="Q: {{ input }}\nA:")
MARK = ShotStyle(exemplar="{{ input }}\n=> {{ target }}", query="{{ input }}\n=>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ review }}\nSentiment:", "cue"),
        ("Who wrote {{ book }}?", "words"),
        ("{{ text }}\nAnswer with one word.\n", "words"),
        ("Summarise: {{ text }}", "data"),
        ("{% if x %}{{ x }}{% endif %}", "data"),
        ("Goal: {{ goal }}\nSolution:{{ options | line }}", "data"),
    ],
)
def test_how_a_prompt_ends(text: str, expected: str) -> None:
    assert ending(text) == expected


def test_without_options_a_prompt_ends_before_their_list() -> None:
    assert ending("Goal: {{ goal }}\nSolution:{{ options | line }}", options=False) == "cue"


@pytest.mark.parametrize(("style", "cue"), [(BARE, "none"), (LABEL, "label"), (MARK, "mark")])
def test_what_a_style_puts_before_an_answer(style: ShotStyle, cue: str) -> None:
    assert cue_of(style.exemplar) == cue


@pytest.mark.parametrize(
    ("text", "target", "bare", "label", "mark"),
    [
        ("{{ x }}\nAnswer:", "{{ answer }}", True, False, False),
        ("Summarise: {{ x }}", "{{ answer }}", False, True, True),
        ("Who wrote {{ x }}?", "{{ answer }}", True, True, True),
        ("Who wrote {{ x }}?", "Answer: {{ answer }}", True, False, True),
    ],
)
def test_which_styles_go_with_a_template(text: str, target: str, bare: bool, label: bool, mark: bool) -> None:
    assert [pairs(template(text, target), style) for style in (BARE, LABEL, MARK)] == [bare, label, mark]


def test_styles_that_are_named_alone_are_used_whatever_the_template() -> None:
    assert styles_for(template("Summarise: {{ x }}"), {"bare": BARE}) == ("bare",)


def test_every_template_of_the_collection_has_a_choice_of_styles() -> None:
    catalog = load_catalog()
    drawn = catalog.styles.narrowed({}).shots
    for family in catalog.families.values():
        for each in family.templates:
            fitting = [name for name, style in drawn.items() if pairs(each, style)]
            assert len(fitting) >= 3, each.id


def test_exemplars_stand_beside_a_question_in_templates_of_its_opening_cue_and_options() -> None:
    texts = {
        "asks": "Who wrote {{ x }}?",
        "asks_too": "Name the author of {{ x }}.",
        "cue": "{{ x }}\nAuthor:",
        "options": "Who wrote {{ x }}?\n{{ options }}",
        "opened": "Who wrote {{ x }}?",
    }
    named = {name: replace(template(text), id=name) for name, text in texts.items()}
    named["opened"] = replace(named["opened"], intro="Books.")

    def beside(name: str, style: ShotStyle, *, options: bool = True) -> list[str]:
        others = templates_beside(named[name], list(named.values()), style, options=options)
        return [other.id for other in others]

    assert beside("asks", LABEL) == ["asks", "asks_too"]
    assert beside("asks", BARE) == ["asks", "asks_too", "cue"]
    assert beside("asks", LABEL, options=False) == ["asks", "asks_too", "options"]
    assert beside("options", LABEL) == ["options"]
    assert beside("opened", LABEL) == ["opened"]
    assert beside("cue", LABEL) == ["asks", "asks_too", "cue"]


STRICT = OptionStyle(header="Answer with the letter only:", item="{{ text }}", only=True)
OPEN = OptionStyle(header="Options:", item="- {{ text }}")


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("{{ answer }}", ["strict", "open"]),
        ("The answer is {{ answer }}.", ["strict", "open"]),
        ("{{ rationale }} The answer is {{ answer }}.", ["open"]),
    ],
)
def test_a_style_that_asks_for_the_answer_alone_shows_no_chain_of_thought(
    target: str, names: list[str]
) -> None:
    assert option_styles_for(template("x", target), {"strict": STRICT, "open": OPEN}) == names


def test_where_all_styles_ask_for_the_answer_alone_one_is_drawn_all_the_same() -> None:
    assert option_styles_for(template("x", "{{ why }} {{ answer }}"), {"strict": STRICT}) == ["strict"]


def test_no_chain_of_thought_of_the_collection_is_asked_for_the_answer_alone() -> None:
    catalogue = load_catalog([])
    strict = {name for name, style in catalogue.styles.options.items() if style.only}
    chains = [
        each
        for name, family in catalogue.families.items()
        if name.startswith("cot_")
        for each in family.templates
    ]
    assert strict
    assert chains
    for each in chains:
        drawn = set(option_styles_for(each, catalogue.styles.options))
        assert not (each.direction == "forward" and strict & drawn), each.id
