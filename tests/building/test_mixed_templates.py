"""Few-shot prompts whose exemplars stand in templates of their own: built, traced, and built again after an edit."""

from __future__ import annotations

from pathlib import Path

import pytest

import flancollect as fc
from tests.catalogs import ECHO_TASK, echo_family, write
from tests.small import nothing_embedded

FAMILY = echo_family("""
  asks: {input: "What of {{ text }}?", target: "{{ answer }}"}
  tells: {input: "Tell of {{ text }}.", target: "It is {{ answer }}"}
  wonders: {input: "I wonder about {{ text }}.", target: "{{ answer }}!"}
  opened: {intro: "Look.", input: "What of {{ text }}?", target: "{{ answer }}"}
""")
INPUTS = {
    "asks": "What of {}?",
    "tells": "Tell of {}.",
    "wonders": "I wonder about {}.",
    "opened": "What of {}?",
}
TARGETS = {"asks": "{}", "tells": "It is {}", "wonders": "{}!", "opened": "{}"}
STYLES = """
    shots:
      plain: {exemplar: "{{ input }}\\n{{ target }}", query: "{{ input }}"}
"""
MIXTURE = """
    mixture: all
    size: 200
    shots: {min: 1, max: 5, templates: TEMPLATES}
    parts: {mine: {variants: {fs_opt: 1}}}
"""
ROWS = "".join(f'{{"text": "row {i}", "answer": "r{i}"}}\n' for i in range(200))


def built(folder: Path, templates: str = "mixed", family: str = FAMILY, out: str = "out") -> fc.Build:
    files = {"echo.yaml": family, "echoes.yaml": ECHO_TASK, "_styles.yaml": STYLES, "rows.jsonl": ROWS}
    write(folder / "cards", {**files, "all.yaml": MIXTURE.replace("TEMPLATES", templates)})
    with nothing_embedded():
        fc.build(fc.BuildRequest("all", catalogs=(folder / "cards",)), folder / out)
    return fc.open_build(folder / out)


def name_of(template_id: str) -> str:
    return template_id.rpartition("/")[2]


def test_each_exemplar_is_written_in_its_own_template(tmp_path: Path) -> None:
    rows = list(built(tmp_path))
    assert len(rows) == 200
    apart = 0
    for row in rows:
        made_of, own = row["provenance"], name_of(row["template_id"])
        names = [name_of(each) for each in made_of["exemplar_templates"]]
        apart += bool(names)
        assert len(names) in (0, len(made_of["exemplars"]))
        # What opens the prompt is said once for all, so other openings are not mixed in.
        assert ("opened" in names) is False
        assert made_of["source_row"] not in made_of["exemplars"]
        texts = ["Look."] if own == "opened" else []
        for number, name in zip(made_of["exemplars"], names or [own] * 5, strict=False):
            question = INPUTS[name].format(f"row {number}")
            texts.append(question + chr(10) + TARGETS[name].format(f"r{number}"))
        texts.append(INPUTS[own].format(f"row {made_of['source_row']}"))
        assert row["inputs"] == (chr(10) * 2).join(texts)
        assert row["targets"] == TARGETS[own].format(f"r{made_of['source_row']}")
    assert apart > 100


def test_without_mixing_no_exemplar_names_a_template(tmp_path: Path) -> None:
    assert all(row["provenance"]["exemplar_templates"] == [] for row in built(tmp_path, "same"))


def test_why_names_the_templates_and_renders_the_row_again(tmp_path: Path) -> None:
    build = built(tmp_path)
    request = fc.BuildRequest("all", catalogs=(tmp_path / "cards",))
    mixed = [i for i, row in enumerate(build) if row["provenance"]["exemplar_templates"]][:5]
    with nothing_embedded():
        for number in mixed:
            trace = fc.why(tmp_path / "out", number, request)
            assert trace.rendered_again
            assert trace.exemplar_templates == build.row(number)["provenance"]["exemplar_templates"]


def test_why_says_when_the_template_of_an_exemplar_is_gone(tmp_path: Path) -> None:
    build = built(tmp_path)
    without = FAMILY.replace("tells:", "says:")
    number = next(
        i
        for i, row in enumerate(build)
        if name_of(row["template_id"]) == "asks"
        and "echo/forward/tells" in row["provenance"]["exemplar_templates"]
    )
    write(tmp_path / "cards", {"echo.yaml": without})
    request = fc.BuildRequest("all", catalogs=(tmp_path / "cards",))
    with nothing_embedded(), pytest.raises(fc.CheckError, match="echo/forward/tells is not in the catalogue"):
        fc.why(tmp_path / "out", number, request)


def test_an_edited_template_reaches_the_exemplars_of_other_templates(tmp_path: Path) -> None:
    edited = FAMILY.replace("Tell of", "Speak of")
    built(tmp_path)
    again = [row["inputs"] for row in built(tmp_path, family=edited)]
    fresh = [row["inputs"] for row in built(tmp_path, family=edited, out="fresh")]
    assert again == fresh
    assert not any("Tell of" in text for text in again)


def test_the_rule_of_flan_2022_builds_prompts_of_five_and_of_two_or_three(tmp_path: Path) -> None:
    text = MIXTURE.replace("min: 1, max: 5, templates: TEMPLATES", "templates: flan2022")
    files = {"echo.yaml": FAMILY, "echoes.yaml": ECHO_TASK, "_styles.yaml": STYLES, "rows.jsonl": ROWS}
    write(tmp_path / "cards", {**files, "all.yaml": text})
    with nothing_embedded():
        fc.build(fc.BuildRequest("all", catalogs=(tmp_path / "cards",)), tmp_path / "out")
    counts = [len(row["provenance"]["exemplars"]) for row in fc.open_build(tmp_path / "out")]
    assert set(counts) == {2, 3, 5}
    assert 70 < counts.count(5) < 130
