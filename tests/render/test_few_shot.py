"""Few-shot prompts: order, numbering, and the budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards.style_card import ShotStyle
from flancollect.jinja.expression import compile_template
from flancollect.render import few_shot
from flancollect.render.few_shot import ShotSelection, few_shot_prompts
from flancollect.render.zero_shot import Example
from tests.render.single import few_shot_prompt

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


@given(
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    room=st.integers(0, 90),
    numbered=st.booleans(),
    intro=st.booleans(),
    data=st.data(),
)
def test_many_prompts_are_made_as_one_by_one(
    counts: list[int], room: int, numbered: bool, intro: bool, data: st.DataObject
) -> None:
    number = "{{ '0' * (number * 2) }}{{ number }} " if numbered else ""
    style = ShotStyle(
        intro="[{{ intro }}]",
        exemplar=number + "{{ input }}={{ target }}",
        query=number + "{{ input }}=",
        between="é\n",
    )
    pool = [Example(intro="", input="ä" * n, target=f"t{n}") for n in range(5)]
    questions = [
        Example(intro="I" if intro and i % 2 else "", input=f"q{i}", target="") for i in range(len(counts))
    ]
    places = [data.draw(st.integers(0, 4)) for _ in range(sum(counts))]
    shown = ShotSelection(exemplars=np.array(places, dtype=np.int64), counts=np.array(counts))
    prompts, kept = few_shot_prompts(style, pool, shown, questions, room)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few_shot, "FEW_EXEMPLARS", -1)
        assert few_shot_prompts(style, pool, shown, questions, room) == (prompts, kept)
    rest = iter(places)
    own = [[pool[next(rest)] for _ in range(count)] for count in counts]
    wanted = [
        _slowly(style, exemplars, question, room) for exemplars, question in zip(own, questions, strict=True)
    ]
    assert list(zip(prompts, kept, strict=True)) == wanted


def _slowly(style: ShotStyle, exemplars: list[Example], question: Example, room: int) -> tuple[str, int]:
    def written(text: str, **values: object) -> str:
        return compile_template(text).render(values)

    for count in range(len(exemplars), 0, -1):
        parts = [written(style.intro, intro=question.intro, number=0)] if question.intro else []
        for number, exemplar in enumerate(exemplars[:count], 1):
            parts.append(written(style.exemplar, input=exemplar.input, target=exemplar.target, number=number))
        parts.append(written(style.query, input=question.input, number=count + 1))
        prompt = style.between.join(parts)
        if len(prompt.encode()) <= room:
            return prompt, count
    return "", 0
