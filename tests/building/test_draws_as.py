"""Tasks that draw under one name are a paired comparison: the same rows, templates and exemplars."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flancollect.building.build import build
from flancollect.building.trace import why
from flancollect.dataset.reader import open_build
from flancollect.planning.request import BuildRequest
from tests.catalogs import ECHO_TASK, echo_family, write
from tests.small import nothing_embedded

LONG = echo_family(
    """
    say: {input: "Say it. {{ text }}", target: "{{ text }} is {{ answer }}"}
    tell: {input: "Tell me. {{ text }}", target: "{{ text }} is {{ answer }}"}
    """
)
SHORT = LONG.replace("family: echo", "family: brief").replace("{{ text }} is {{ answer }}", "{{ answer }}")
SHARED = "draws_as: sums\n"
ROWS = "".join(json.dumps({"text": f"{n} + {n}", "answer": str(2 * n)}) + "\n" for n in range(200))
STYLES = 'shots:\n  q_a: {exemplar: "{{ input }}\\n{{ target }}", query: "{{ input }}"}\n'
MIXTURE = """\
mixture: {name}
size: {size}
max_repeat: 2
parts: {{mine: {{select: {{tasks: [{tasks}]}}, variants: {{zs_opt: 1, fs_opt: 1}}}}}}
"""
EXAM = "benchmark: {task}-exam\nselect: {{tasks: [{task}]}}\nsplit: train\nrows_per_task: 20\n"

Decisions = dict[str, list[tuple[Any, ...]]]


def task(name: str, family: str, more: str = "") -> str:
    return ECHO_TASK.replace("echoes", name).replace("family: echo", f"family: {family}") + more


def cards(folder: Path, more: str) -> Path:
    """Two tasks of one source, with these further keys, and what is made of each and of both."""
    files = {
        "echo.yaml": LONG,
        "brief.yaml": SHORT,
        "sum_brief.yaml": task("sum_brief", "brief", more),
        "sum_long.yaml": task("sum_long", "echo", more),
        "rows.jsonl": ROWS,
        "_styles.yaml": STYLES,
        "both.yaml": MIXTURE.format(name="both", size=100, tasks="sum_brief, sum_long"),
    }
    for name in ("sum_brief", "sum_long"):
        files[f"{name}_all.yaml"] = MIXTURE.format(name=f"{name}-mix", size=50, tasks=name)
        files[f"{name}_exam.yaml"] = EXAM.format(task=name)
    return write(folder, files)


def decisions(name: str, folder: Path, out: Path) -> Decisions:
    """What was drawn for the rows of each task."""
    with nothing_embedded():
        build(BuildRequest(name, catalogs=(folder,)), out)
    by_task: Decisions = {}
    for row in open_build(out):
        used = row["provenance"]
        number = row["template_id"].split("/")[-1]
        by_task.setdefault(row["task_name"], []).append(
            (row["template_type"], number, used["source_row"], used["repeat"], tuple(used["exemplars"]))
        )
    return {task: sorted(rows) for task, rows in by_task.items()}


@pytest.mark.parametrize("what", ["{}-mix", "{}-exam"])
def test_tasks_that_share_a_name_draw_the_same_and_others_do_not(tmp_path, what):
    paired, apart = cards(tmp_path / "paired", SHARED), cards(tmp_path / "apart", "")

    def both(folder: Path) -> list[list[tuple[Any, ...]]]:
        """The decisions for the one task and for the other, each in a build of its own."""
        names = ("sum_brief", "sum_long")
        return [decisions(what.format(name), folder, folder / f"out-{name}")[name] for name in names]

    brief, long = both(paired)
    assert brief == long
    brief, long = both(apart)
    assert len(brief) == len(long)
    assert brief != long


def test_a_name_may_be_that_of_the_other_task(tmp_path):
    folder = cards(tmp_path, "draws_as: sum_long\n")
    write(folder, {"sum_long.yaml": task("sum_long", "echo")})
    brief = decisions("sum_brief-mix", folder, tmp_path / "brief")["sum_brief"]
    assert brief == decisions("sum_long-mix", folder, tmp_path / "long")["sum_long"]


def test_a_mixture_may_hold_both_of_a_pair(tmp_path):
    folder = cards(tmp_path / "cards", SHARED)
    both = decisions("both", folder, tmp_path / "out")
    assert {name: len(rows) for name, rows in both.items()} == {"sum_brief": 50, "sum_long": 50}
    assert both["sum_brief"] == both["sum_long"]


def test_the_rows_of_a_pair_do_not_stand_side_by_side(tmp_path):
    decisions("both", cards(tmp_path / "cards", SHARED), tmp_path / "out")
    rows = [(row["template_type"], row["provenance"]["source_row"]) for row in open_build(tmp_path / "out")]
    # Of 50 pairs in random order about one has its rows side by side.
    assert sum(row == following for row, following in pairwise(rows)) < 5


def test_rows_of_a_pair_say_their_own_task_and_are_rendered_again(tmp_path):
    folder = cards(tmp_path / "cards", SHARED)
    decisions("both", folder, tmp_path / "out")
    for number in (0, 1, 60):
        with nothing_embedded():
            trace = why(tmp_path / "out", number, BuildRequest("", catalogs=(folder,)))
        assert trace.rendered_again
        assert (trace.template.startswith("brief/")) == (trace.task == "sum_brief")


def test_rows_that_were_drawn_under_another_name_are_not_taken_over(tmp_path):
    decisions("sum_long-mix", cards(tmp_path / "cards", ""), tmp_path / "out")
    again = decisions("sum_long-mix", cards(tmp_path / "cards", SHARED), tmp_path / "out")
    assert again == decisions("sum_long-mix", tmp_path / "cards", tmp_path / "afresh")


def test_without_the_key_it_is_the_task_s_own_name(tmp_path):
    own = decisions("sum_long-mix", cards(tmp_path / "own", "draws_as: sum_long\n"), tmp_path / "a")
    assert own == decisions("sum_long-mix", cards(tmp_path / "none", ""), tmp_path / "b")
