"""Pattern tables: read as data; code around them is never run."""

from __future__ import annotations

import pytest

from flancollect.importers.pattern_tables import NotATable, tables_in
from tests.importers.checkouts import PATTERNS


def test_tables_aliases_and_what_is_no_text() -> None:
    pairs, few = tables_in(PATTERNS)
    assert (pairs.name, few.name) == ("PATTERNS", "FEWSHOT_PATTERNS")
    assert pairs.patterns["taste"][1] == {"inputs": "{fruit} tastes:\n{options_str}", "targets": "{answer}"}
    assert pairs.patterns["taste"][-1] is None
    assert pairs.aliases == {"flavour": "taste"}
    assert few.patterns["taste"][0]["targets_prefix"] == "Taste: "  # type: ignore[index]


def test_dictionaries_of_other_things_are_no_tables() -> None:
    assert tables_in("A = {'x': 1}\nB = {'y': [1, 2]}\nC = {'z': f()}\nD = {**A}") == []


@pytest.mark.parametrize("source", ["def", "\0", "x = " + "(" * 500, "-" * 100_000 + "1"])
def test_what_cannot_be_parsed_is_refused(source: str) -> None:
    with pytest.raises(NotATable):
        tables_in(source)
