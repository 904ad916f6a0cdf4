"""Few-shot prompts: order, numbering, and the budget."""

from __future__ import annotations

from flancollect.cards.models import ShotStyle
from flancollect.render.few_shot import few_shot_prompt
from flancollect.render.zero_shot import Example

STYLE = ShotStyle(exemplar="{{ number }}. {{ input }} -> {{ target }}", query="{{ number }}. {{ input }} ->")
QUESTION = Example(intro="", input="q", target="t")
SHOTS = [Example(intro="never shown", input=f"i{n}", target=f"t{n}") for n in range(3)]


def test_exemplars_come_first_numbered_and_the_question_last() -> None:
    prompt, shown = few_shot_prompt(STYLE, SHOTS, QUESTION, 1000)
    assert prompt == "1. i0 -> t0\n\n2. i1 -> t1\n\n3. i2 -> t2\n\n4. q ->"
    assert shown == 3


def test_the_opening_is_said_once() -> None:
    prompt, _ = few_shot_prompt(STYLE, SHOTS[:1], Example(intro="Do this.", input="q", target="t"), 1000)
    assert prompt == "Do this.\n\n1. i0 -> t0\n\n2. q ->"


def test_the_last_exemplars_are_left_out_to_stay_within_the_budget_in_bytes() -> None:
    whole = "1. i0 -> t0\n\n2. i1 -> t1\n\n3. q ->"
    assert few_shot_prompt(STYLE, SHOTS, QUESTION, len(whole)) == (whole, 2)
    assert few_shot_prompt(STYLE, SHOTS, QUESTION, len(whole) - 1)[1] == 1
    wide = Example(intro="", input="ä" * 5, target="t")
    assert few_shot_prompt(STYLE, SHOTS[:1], wide, len("1. i0 -> t0\n\n2. ääääa ->")) == ("", 0)


def test_no_exemplar_that_fits_is_no_prompt() -> None:
    assert few_shot_prompt(STYLE, SHOTS, QUESTION, 10) == ("", 0)
    assert few_shot_prompt(STYLE, [], QUESTION, 1000) == ("", 0)
