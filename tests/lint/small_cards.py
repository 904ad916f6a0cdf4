"""A small clean catalogue, of which tests change one part, and what one lint says of it."""

from __future__ import annotations

from pathlib import Path

from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog
from flancollect.lint.report import LINTS
from flancollect.lint.samples import Sample, read_samples
from flancollect.sources.table import SourceAccess
from tests.catalogs import TASK, colours
from tests.small import EMPTY

FAMILY = """\
family: colour
needs: {thing: text}
options: closed
example: {thing: grass, options: [green, red], answer: green}
forward:
  ask: {input: "What colour is {{ thing }}?{{ options | para }}", target: "{{ answer }}"}
  say: {input: "Say which colour you would paint this in.\\n{{ thing }}{{ options | line }}", target: "{{ answer }}"}
inverted:
  find: {input: "Name something {{ answer }}.", target: "{{ thing }}"}
"""
TEXT_FAMILY = """\
family: colour
needs: {thing: text}
example: {thing: grass, answer: green}
forward:
  ask: {input: "What colour is {{ thing }}?", target: "{{ answer }}"}
  say: {input: "Say which colour you would paint this in.\\n{{ thing }}", target: "{{ answer }}"}
inverted:
  find: {input: "Name something {{ answer }}.", target: "{{ thing }}"}
"""
TEXT_TASK = TASK.replace("{choices: [green, red], index: label | int}", "{text: label | string}")
THINGS = ("grass", "blood", "a frog", "a rose", "a leaf", "cherries", "moss", "rust", "ivy", "a brick")
DATA = "thing,label\n" + "".join(f"{thing},{i % 2}\n" for i, thing in enumerate(THINGS))


def catalogue(folder: Path, **parts: str) -> Catalog:
    """The catalogue of one family and one task; `family`, `task`, `data`, `styles`, `more` replace or add a part."""
    folder = colours(folder, **{"family": FAMILY, "data": DATA, **parts})
    return load_catalog((folder,), EMPTY)


def findings(name: str, folder: Path, **parts: str) -> list[str]:
    """What one lint says of the small catalogue, with the cases."""
    catalog, lint = catalogue(folder, **parts), LINTS[name]
    if lint.static is not None:
        of_lint = lint.static(catalog)
    else:
        assert lint.rows is not None
        of_lint = lint.rows(samples(catalog))
    return [f"{finding.problem} ({finding.case})" for finding in of_lint]


def samples(catalog: Catalog) -> list[Sample]:
    """Rows of every task of a catalogue."""
    read, unread = read_samples(list(catalog.tasks.values()), SourceAccess(offline=True))
    assert not unread
    return read
