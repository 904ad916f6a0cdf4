"""Card text: whatever text goes in comes back through the strict reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards.strict_yaml import parse
from flancollect.importers.card_text import card_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
WORDS = st.sampled_from(
    ["yes", "1_000", "{{ a }}\n\n{% b %}", "a: b", "# c", "\ttab", " x\n", "\u2028", "\x85\r\n"]
)


@given(st.dictionaries(TEXTS.filter(lambda key: key != "<<") | WORDS, TEXTS | WORDS, min_size=1))
def test_text_survives(card: dict[str, str]) -> None:
    assert parse(card_text(card, "A note.\nOn two lines."), "card.yaml").value == card


def test_templates_stay_readable() -> None:
    assert card_text({"input": "{{ a }}\n\nIs it so?"}) == "input: |-\n  {{ a }}\n\n  Is it so?\n"
