"""A build has the rows asked for as long as any exist, no text twice, and says what fell short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from flancollect.artifacts import Manifest
from flancollect.building.doubles import ACROSS_TASKS, WITHIN_TASK
from flancollect.dataset.stats import shortage_lines, stats, stats_lines
from flancollect.planning.request import BuildRequest
from tests.small import built, command

FAMILY = """\
family: echo
needs: {text: text}
options: none
example: {text: hello, answer: world}
forward:
  say: {input: "Say: {{ text }}", target: "{{ answer }}"}
  tell: {input: "Tell me: {{ text }}", target: "{{ answer }}"}
"""
TASK = """\
task: NAME
submix: SUBMIX
source: {files: NAME.jsonl, format: jsonl}
splits: {train: train}
family: echo
fields: {text: q}
answer: {text: a}
license: cc0-1.0
languages: en
cluster: echoes
"""


def catalogue(folder: Path, tasks: dict[str, list[tuple[str, str | None]]], **files: str) -> Path:
    """A catalogue of tasks that echo these questions; `a_1` is of the submix `a`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "echo.yaml").write_text(FAMILY)
    for name, rows in tasks.items():
        (folder / f"{name}.yaml").write_text(TASK.replace("NAME", name).replace("SUBMIX", name.split("_")[0]))
        lines = (json.dumps({"q": question, "a": answer}) for question, answer in rows)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def mixture(size: int, parts: str, more: str = "") -> str:
    return f"mixture: m\nsize: {size}\n{more}parts:\n{parts}"


def rows_of(out: Path) -> list[tuple[str, str, str]]:
    return sorted((row["task_name"], row["inputs"], row["targets"]) for row in load_from_disk(str(out)))


def build(out: Path, folder: Path, **options: Any) -> Manifest:
    return built(out, BuildRequest("m", catalogs=(folder,)), **options).manifest


def questions(count: int, first: int = 0) -> list[tuple[str, str | None]]:
    return [(f"number {i} please", f"here is {i}") for i in range(first, first + count)]


def test_what_falls_away_is_made_up_for_by_other_tasks(tmp_path: Path) -> None:
    thinned = [(q, a if i % 2 else None) for i, (q, a) in enumerate(questions(20))]
    card = mixture(30, "  a: {variants: {zs_opt: 1}}\n")
    folder = catalogue(tmp_path / "cards", {"a_1": thinned, "a_2": questions(40, 100)}, m=card)
    manifest = build(tmp_path / "out", folder)
    assert (manifest.rows, manifest.short, manifest.distinct_rows, manifest.source_rows) == (30, 0, 30, 30)
    assert {task.task: (task.planned, task.rows) for task in manifest.tasks} == {
        "a_1": (10, 10),
        "a_2": (20, 20),
    }
    card = mixture(45, "  a: {variants: {zs_opt: 1}}\n")
    folder = catalogue(tmp_path / "cards", {}, m=card)
    manifest = build(tmp_path / "out", folder, overwrite=True)
    assert manifest.rows == 45
    assert {task.task: (task.planned, task.rows) for task in manifest.tasks} == {
        "a_1": (15, 10),
        "a_2": (30, 35),
    }
    assert shortage_lines(manifest) == [
        "short: tasks that gave fewer rows than planned: 1; others made up for them",
        "  a_1: 10 of 15: null answer (10)",
    ]


def test_what_nobody_can_make_up_for_is_short_and_said(tmp_path: Path) -> None:
    card = mixture(30, "  a: {variants: {zs_opt: 1}}\n")
    folder = catalogue(tmp_path / "cards", {"a_1": [*questions(8), ("no answer here", None)]}, m=card)
    ran = command("build", "m", "--out", tmp_path / "out", catalogue=folder)
    assert "m: 8 rows of 30 asked for" in ran.out
    assert "short: tasks that gave fewer rows than planned: 1; 1 of the planned rows are missing" in ran.out
    assert "a_1: 8 of 9: null answer (1)" in ran.out


def test_parts_say_what_they_became(tmp_path: Path) -> None:
    parts = "  a: {weight: 0.75, variants: {zs_opt: 1}}\n  b: {weight: 0.25, variants: {zs_opt: 1}}\n"
    tasks = {"a_1": questions(10), "b_1": questions(90, 100)}
    manifest = build(tmp_path / "out", catalogue(tmp_path / "cards", tasks, m=mixture(40, parts)))
    assert [(part.part, part.share, part.planned, part.rows) for part in manifest.parts] == [
        ("a", 0.75, 10, 10),
        ("b", 0.25, 30, 30),
    ]
    lines = stats_lines(stats(tmp_path / "out"))
    assert "a: 10 rows, 25.0% of all (75.0% asked for, 10 rows planned)" in lines
    assert "40 different texts of 40 different source rows; 0 rows with the text of another" in lines


def test_a_task_without_options_is_not_asked_twice_for_the_same(tmp_path: Path) -> None:
    parts = "  a: {variants: {zs_opt: 1, zs_noopt: 1}}\n"
    folder = catalogue(tmp_path / "cards", {"a_1": questions(10)}, m=mixture(40, parts))
    manifest = build(tmp_path / "out", folder)
    assert [(task.variant, task.rows) for task in manifest.tasks] == [("zs_opt", 10)]


def test_a_repeat_is_only_made_where_something_differs(tmp_path: Path) -> None:
    parts = "  a: {variants: {zs_opt: 1}}\n"
    folder = catalogue(tmp_path / "cards", {"a_1": questions(10)}, m=mixture(80, parts, "max_repeat: 8\n"))
    manifest = build(tmp_path / "out", folder)
    rows = rows_of(tmp_path / "out")
    # Two templates: a row has two prompts, and with eight tries nearly every row comes to both.
    assert len(rows) == len(set(rows)) == manifest.rows == manifest.distinct_rows
    assert 17 <= manifest.rows <= 20
    assert manifest.source_rows == 10
    assert manifest.tasks[0].dropped == {WITHIN_TASK: 80 - manifest.rows}


def test_the_same_row_in_two_tasks_stands_once_and_others_take_its_place(tmp_path: Path) -> None:
    shared = questions(20)
    card = mixture(60, "  a: {variants: {zs_opt: 1}}\n  b: {variants: {zs_opt: 1}}\n")
    folder = catalogue(tmp_path / "cards", {"a_1": shared, "b_1": [*shared, *questions(40, 100)]}, m=card)
    manifest = build(tmp_path / "out", folder)
    rows = rows_of(tmp_path / "out")
    assert len({row[1:] for row in rows}) == len(rows) == manifest.rows == 60
    dropped = {task.task: task.dropped for task in manifest.tasks}
    # Of 20 shared rows those that drew the same template in both tasks are doubles.
    assert dropped["a_1"] == {}
    assert 0 < dropped["b_1"][ACROSS_TASKS] < 20


def test_a_task_that_only_repeats_another_is_no_failure(tmp_path: Path) -> None:
    one_template = FAMILY.replace('  tell: {input: "Tell me: {{ text }}", target: "{{ answer }}"}\n', "")
    parts = "  a: {variants: {zs_opt: 1}}\n  b: {variants: {zs_opt: 1}}\n"
    folder = catalogue(tmp_path / "cards", {"a_1": questions(9), "b_1": questions(9)}, m=mixture(18, parts))
    (folder / "echo.yaml").write_text(one_template)
    manifest = build(tmp_path / "out", folder)
    assert (manifest.rows, manifest.short) == (9, 9)
    assert [(skip.task, skip.kind) for skip in manifest.skipped] == [("b_1", "dedup")]
    assert manifest.coverage.skipped_tasks == 0


def test_dedup_none_leaves_doubles_and_counts_them(tmp_path: Path) -> None:
    parts = "  a: {variants: {zs_opt: 1}}\n"
    rows = [*questions(5), *questions(5)]
    folder = catalogue(
        tmp_path / "cards", {"a_1": rows}, m=mixture(40, parts, "max_repeat: 4\ndedup: none\n")
    )
    manifest = build(tmp_path / "out", folder)
    assert (manifest.rows, manifest.source_rows) == (40, 10)
    assert manifest.distinct_rows == len(set(rows_of(tmp_path / "out"))) == 10
    assert any("30 rows with the text of another" in line for line in stats_lines(stats(tmp_path / "out")))


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """Tasks that drop rows, share rows and have few: everything that a plan must be corrected for."""
    thinned = [(q, a if i % 3 else None) for i, (q, a) in enumerate(questions(60))]
    tasks = {"a_1": thinned, "a_2": questions(50, 20), "b_1": questions(200, 40), "b_2": questions(3)}
    parts = "  a: {weight: 2, variants: {zs_opt: 2, fs_opt: 1}}\n  b: {weight: 1, variants: {zs_opt: 1, zs_noopt: 1}}\n"
    return catalogue(tmp_path / "cards", tasks, m=mixture(240, parts, "max_repeat: 2\nshots: {max: 2}\n"))


def test_corrected_builds_are_the_same_for_any_workers_and_from_any_folder(
    tmp_path: Path, uneven: Path
) -> None:
    one, two = build(tmp_path / "one", uneven), build(tmp_path / "two", uneven, workers=2)
    assert one == two
    assert one.rows == 240
    (uneven / "echo.yaml").write_text(FAMILY.replace("Tell me:", "Do tell:"))
    edited = build(tmp_path / "one", uneven)
    assert edited != one
    assert edited == build(tmp_path / "fresh", uneven)
    (uneven / "echo.yaml").write_text(FAMILY)
    assert build(tmp_path / "one", uneven) == one


def test_an_unchanged_build_takes_one_round(tmp_path: Path, uneven: Path) -> None:
    built(tmp_path / "out", BuildRequest("m", catalogs=(uneven,)))
    again = built(tmp_path / "out", BuildRequest("m", catalogs=(uneven,)))
    assert (again.report.rendered_jobs, again.report.reused_jobs) == (0, len(again.manifest.tasks))
    (tmp_path / "out" / ".work" / "rendered" / "settled.json").write_text("{}")
    assert built(tmp_path / "out", BuildRequest("m", catalogs=(uneven,))).manifest == again.manifest


def test_held_out_questions_are_in_no_task_however_they_are_written(tmp_path: Path) -> None:
    asked = [("What is the capital of France?", "Paris"), ("Name the largest planet of all.", "Jupiter")]
    written = [
        "what is the  capital of\nfrance",
        "Question: What is the capital of France?",
        "name the largest planet of all",
    ]
    tasks = {
        "a_1": [*asked, *((text, "x") for text in written), *questions(12)],
        "b_1": [*((text, "y") for text in written), *questions(12, 50)],
        "q_1": asked,
    }
    benchmark = "benchmark: q\nselect: {tasks: [q_1]}\nsplit: train\nhold_out: [rows]\n"
    parts = "  a: {variants: {zs_opt: 1, fs_opt: 1}}\n  b: {variants: {zs_opt: 1, fs_opt: 1}}\n"
    card = mixture(40, parts, "hold_out: [q]\n")
    styles = 'shots:\n  q_a: {exemplar: "Q: {{ input }}\\nA: {{ target }}", query: "Q: {{ input }}\\nA:"}\n'
    folder = catalogue(tmp_path / "cards", tasks, m=card, q=benchmark, _styles=styles)
    manifest = build(tmp_path / "out", folder)
    text = " ".join(row[1] for row in rows_of(tmp_path / "out")).casefold()
    assert "france" not in text
    assert "planet" not in text
    assert manifest.rows == 40
    assert all("held out for a benchmark" in task.dropped for task in manifest.tasks if task.rows > 11)


def test_questions_that_cannot_be_read_stop_the_build(tmp_path: Path) -> None:
    benchmark = "benchmark: q\nselect: {tasks: [q_1]}\nsplit: train\nhold_out: [rows]\n"
    card = mixture(40, "  a: {variants: {zs_opt: 1}}\n", "hold_out: [q]\n")
    folder = catalogue(tmp_path / "cards", {"a_1": questions(9), "q_1": questions(2)}, m=card, q=benchmark)
    (folder / "q_1.jsonl").unlink()
    ran = command("build", "m", "--out", tmp_path / "out", catalogue=folder)
    assert ran.code == 4
    assert "the questions of q_1 are held out, and cannot be read" in ran.err
