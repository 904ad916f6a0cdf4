"""Small catalogues written to a folder, for tests of what reads them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

FAMILY = """\
family: colour
needs: {thing: text}
options: closed
example: {thing: grass, options: [green, red], answer: green}
forward:
  ask: {input: "What colour is {{ thing }}?{{ options | para }}", target: "{{ answer }}"}
  name: {input: "Name the colour of {{ thing }}.", target: "{{ answer }}", options: never}
  list: {input: "{{ thing }}: which of these?{{ options | line }}", target: "{{ answer }}", options: required}
  spare: {input: "The colour of {{ thing }}:{{ options | line }}", target: "{{ answer }}", hold_out: true}
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

DATA = "thing,label\ngrass,0\nblood,1\nfrog,0\nrose,1\nleaf,0\ncherry,1\nmoss,0\nrust,1\n"
FILES = {
    "family": "colour.yaml",
    "task": "colours.yaml",
    "data": "colours.csv",
    "styles": "_styles.yaml",
    "more": "more.yaml",
}


ECHO_FAMILY = """\
family: echo
needs: {text: text}
options: none
example: {text: t, answer: a}
forward:
  plain: {input: "Q: {{ text }}", target: "{{ answer }}"}
"""
"""The smallest family, and a task of it below: what a text says is answered in free text."""

ECHO_TASK = """\
task: echoes
submix: mine
source: {files: rows.jsonl, format: jsonl}
splits: {train: train}
family: echo
fields: {text: text}
answer: {text: answer}
license: mit
languages: en
cluster: echo
"""


def echo_family(forward: str, more: str = "") -> str:
    """The family with other templates (lines of YAML), and `more` keys."""
    templates = indent(dedent(forward).strip("\n"), "  ")
    return f"{ECHO_FAMILY[: ECHO_FAMILY.index('  plain')]}{templates}\n{more}"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files (dedented) below a folder and give the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def colours(folder: Path, **parts: str) -> Path:
    """The catalogue of one task `colours` with its family; `task`, `family`, `data` replace a part.

    `styles` and `more` add a file of styles and a further card.
    """
    texts = {"family": FAMILY, "task": TASK, "data": DATA, **parts}
    return write(folder, {FILES[part]: text for part, text in texts.items()})
