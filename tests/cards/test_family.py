"""What a family must say of its answer options."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.errors import CardError
from tests.catalogs import write

FAMILY = """
    family: colour
    needs: {{thing: text}}
    options: closed
    example: {{thing: grass, options: [green, red], answer: green}}
    forward:
      ask: {{input: "Is {{{{ thing }}}} {question}?", target: "{{{{ answer }}}}"}}
"""


@pytest.mark.parametrize("question", ["green or red? {{ options }}", "{{ choices | join(' or ') }}"])
def test_options_may_be_listed_or_told_inside_the_template(tmp_path: Path, question: str) -> None:
    folder = write(tmp_path, {"colour.yaml": FAMILY.format(question=question)})
    assert "colour" in load_catalog((folder,)).families


def test_options_that_no_template_tells_are_a_problem(tmp_path: Path) -> None:
    folder = write(tmp_path, {"colour.yaml": FAMILY.format(question="green")})
    with pytest.raises(CardError, match="no template shows"):
        load_catalog((folder,))
