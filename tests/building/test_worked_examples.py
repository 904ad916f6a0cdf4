"""Worked examples of a document: alone and explained in a share of the prompts, where a mixture asks for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import flancollect as fc
from tests.catalogs import ECHO_TASK, echo_family, write
from tests.small import nothing_embedded

FAMILY = echo_family('  plain: {input: "{{ text }}?", target: "{{ answer }}"}\n')
TASK = ECHO_TASK.replace("rows.jsonl, format: jsonl", "rows.json, format: json, rows: rows") + (
    "exemplars: doc.examples\nexemplar_explanation: '\"Why: \" ~ why'\n"
)
STYLES = """
    shots:
      q_a: {exemplar: "{{ input }}\\n{{ target }}{{ explanation | line }}", query: "{{ input }}"}
"""
MIXTURE = """
    mixture: all
    size: 1000
    shots: {min: 1, max: 3, explained: SHARE}
    parts: {mine: {variants: {fs_opt: 1}}}
"""
DOCUMENT = {
    "examples": [{"text": f"worked {i}", "answer": f"w{i}", "why": f"because {i}"} for i in range(2)],
    "rows": [{"text": f"row {i}", "answer": f"r{i}"} for i in range(400)],
}


def built(folder: Path, share: str) -> fc.Build:
    files = {
        "echo.yaml": FAMILY,
        "echoes.yaml": TASK,
        "_styles.yaml": STYLES,
        "rows.json": json.dumps(DOCUMENT),
    }
    write(folder / "cards", {**files, "all.yaml": MIXTURE.replace("SHARE", share)})
    with nothing_embedded():
        fc.build(fc.BuildRequest("all", catalogs=(folder / "cards",)), folder / "out")
    return fc.open_build(folder / "out")


def test_half_of_the_prompts_show_one_worked_example_with_its_explanation(tmp_path: Path) -> None:
    rows = list(built(tmp_path, "0.5"))
    explained = [row for row in rows if row["provenance"]["exemplar_source"] == "card"]
    assert len(rows) == 400
    assert 160 < len(explained) < 240
    for row in explained:
        (number,) = row["provenance"]["exemplars"]
        assert row["inputs"].startswith(f"worked {number}?\nw{number}\nWhy: because {number}\n\nrow ")
    for row in rows:
        if row not in explained:
            one, two = row["provenance"]["exemplars"]
            assert row["inputs"].startswith(f"row {one}?\nr{one}\n\nrow {two}?\nr{two}\n\n")
            assert "Why" not in row["inputs"]
            assert row["provenance"]["source_row"] not in (one, two)


def test_without_it_all_prompts_show_worked_examples_and_no_explanation(tmp_path: Path) -> None:
    for row in built(tmp_path, "0"):
        assert row["provenance"]["exemplar_source"] == "card"
        assert row["inputs"].startswith("worked ")
        assert "Why" not in row["inputs"]


@pytest.mark.parametrize("share", ["0", "0.5"])
def test_why_renders_both_kinds_again(tmp_path: Path, share: str) -> None:
    build = built(tmp_path, share)
    request = fc.BuildRequest("all", catalogs=(tmp_path / "cards",))
    kinds = {}
    for number, row in enumerate(build):
        kinds.setdefault(row["provenance"]["exemplar_source"], number)
    with nothing_embedded():
        for number in kinds.values():
            assert fc.why(tmp_path / "out", number, request).rendered_again


def test_worked_examples_that_are_of_no_use_are_counted(tmp_path: Path) -> None:
    examples = [
        {"text": "worked", "answer": None, "why": "x"},
        "a text",
        {"text": None, "answer": "a", "why": ""},
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DOCUMENT, "examples", examples)
        build = built(tmp_path, "0")
    (job,) = build.manifest.tasks
    assert job.dropped == {
        "a worked example of the card: exemplars: str where an object is needed": 1,
        "a worked example of the card: null answer": 1,
        "a worked example of the card: null in fields.text": 1,
    }
