"""What an answer may say, and how the keys of a card choose its model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from flancollect.cards.task_card import Answer, ChoicesAnswer, OptionsAnswer, RenderedAnswer, TextAnswer

ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"choices": ["a", "b"], "index": "label"}, ChoicesAnswer),
        ({"options": "choices.text", "index": "label"}, OptionsAnswer),
        ({"text": "target"}, TextAnswer),
        ({"text": "target", "also": "others"}, TextAnswer),
        ({"text": "target", "choices": "choices"}, TextAnswer),
        ({"labels": "labels", "choices": "choices", "text": "target"}, TextAnswer),
        ({"rendered": "target"}, RenderedAnswer),
    ],
)
def test_an_answer_is_of_the_kind_that_its_key_names(value: dict[str, Any], kind: type) -> None:
    answer = ANSWER.validate_python(value)
    assert type(answer) is kind
    assert answer.model_dump(exclude_none=True) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"text": "target", "labels": "labels"}, "`labels` goes with `choices`"),
        ({"text": "target", "choices": ["a", "b"]}, "valid string"),
        (
            {"text": "target", "options": "choices"},
            "exactly one of the keys: choices, options, text, rendered",
        ),
        ({"choices": ["a", "b"], "options": "choices", "index": "0"}, "exactly one of the keys"),
        ({"index": "0"}, "exactly one of the keys"),
        ({"choices": ["a"], "index": "0"}, "at least 2 items"),
    ],
)
def test_an_answer_that_is_of_no_kind_or_of_two_is_refused(value: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ANSWER.validate_python(value)
