"""A small clean catalogue, of which tests change one part, and what one lint says of it."""

from __future__ import annotations

from pathlib import Path

from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog
from flancollect.lint.report import LINTS
from flancollect.lint.samples import Sample, read_samples
from flancollect.sources.table import Access
from tests.catalogs import write

REPO = Path(__file__).resolve().parents[2]
EMPTY = REPO / "tests" / "data" / "empty"

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
TASK = """\
task: colours
submix: mine
source: {files: colours.csv, format: csv}
splits: {train: train}
family: colour
fields: {thing: thing}
answer: {choices: [green, red], index: label | int}
license: mit
languages: en
cluster: colours
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
    files = {
        "colour.yaml": parts.get("family", FAMILY),
        "colours.yaml": parts.get("task", TASK),
        "colours.csv": parts.get("data", DATA),
    }
    files |= {"_styles.yaml": parts["styles"]} if "styles" in parts else {}
    files |= {"more.yaml": parts["more"]} if "more" in parts else {}
    return load_catalog((write(folder, files),), EMPTY)


def said(name: str, folder: Path, **parts: str) -> list[str]:
    """What one lint says of the small catalogue, with the cases."""
    catalog, lint = catalogue(folder, **parts), LINTS[name]
    if lint.static is not None:
        found = lint.static(catalog)
    else:
        assert lint.rows is not None
        found = lint.rows(samples(catalog))
    return [f"{finding.problem} ({finding.case})" for finding in found]


def samples(catalog: Catalog) -> list[Sample]:
    """Rows of every task of a catalogue."""
    read, unread = read_samples(list(catalog.tasks.values()), Access(offline=True))
    assert not unread
    return read
