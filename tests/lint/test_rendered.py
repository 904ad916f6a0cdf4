"""Faults that templates, styles and options make together are counted, and what a source writes is not."""

from __future__ import annotations

from typing import Any

import pytest

from flancollect.dataset.reader import open_build
from flancollect.lint.rendered import KINDS, lint_build
from tests.builds import build, rendered_rows
from tests.small import command


def row(
    inputs: str, targets: str = "a", options: tuple[str, ...] = (), shots: str | None = None
) -> dict[str, Any]:
    return {
        "inputs": inputs,
        "targets": targets,
        "provenance": {"options": list(options), "shot_style": shots},
    }


@pytest.mark.parametrize(
    ("kind", "faulty", "sound"),
    [
        ("doubled_cue", row("x?\nCorrect letter:\nA:"), row("x?\nCorrect letter:")),
        ("doubled_cue", row("x\nAnswer:\nAnswer:"), row("Q: x\nA:")),
        ("doubled_label", row("Input: Input: 3"), row("Input: 3")),
        ("doubled_label", row("Question:\nQuestion: who?\nAnswer:"), row("Question:\nWho?\nAnswer:")),
        ("doubled_instruction", row("Now it is your turn.\nNow solve this."), row("Now it is your turn.\nSum it up.")),
        ("quoted_stop", row('Is it true that "It rained."?'), row('Is it true that "It rained"?')),
        ("quoted_stop", row('Judge "It rained.".'), row('He said "Stay.". Then he left.')),
        ("option_stop", row("Is it (A) Yes.. ", options=("Yes.",)), row("(A) Yes.\n(B) No.", options=("Yes.",))),
        ("option_twice", row("x", options=("a", "a")), row("x", options=("a", "b"))),
        ("unseparated", row("x\n- b", options=("a", "b"), shots="plain"), row("x\n- b\nA:", options=("b",))),
        ("mojibake", row("a dash â€“ here"), row("a dash – here")),
        ("mojibake", row("caf\u00c3\u00a9"), row("S\u00c3O PAULO, café, Ângela")),
    ],
)  # fmt: skip
def test_a_fault_is_told_from_what_is_sound(kind: str, faulty: dict[str, Any], sound: dict[str, Any]) -> None:
    assert KINDS[kind](faulty)
    assert not KINDS[kind](sound)


def test_a_build_is_counted_by_submix_with_examples(tmp_path) -> None:
    jobs = {
        ("boolq", "zs_opt"): rendered_rows("boolq", "zs_opt", 10, text="Input: Input: x\n"),
        ("rte", "zs_opt"): rendered_rows("rte", "zs_opt", 30),
    }
    build(tmp_path / "out", jobs)
    report = lint_build(open_build(tmp_path / "out"))
    (submix,) = report.rows
    assert report.rate(submix, "doubled_label") == 25
    assert len(report.examples[submix, "doubled_label"]) == 5
    for number in report.examples[submix, "doubled_label"]:
        assert "Input: Input:" in open_build(tmp_path / "out").take([number])["inputs"][0].as_py()


def test_the_command_fails_above_a_rate_that_is_given(tmp_path) -> None:
    jobs = {("boolq", "zs_opt"): rendered_rows("boolq", "zs_opt", 10, text="Input: Input: x\n")}
    build(tmp_path / "out", jobs)
    ran = command("lint", tmp_path / "out", catalogue=None)
    assert ran.code == 0
    assert "100.00 per 100 doubled_label" in ran.out
    ran = command("lint", tmp_path / "out", "--most", "0.1", catalogue=None)
    assert ran.code == 5
    assert "doubled_label" in ran.err


def test_a_build_without_faults_says_which_were_looked_for(tmp_path) -> None:
    build(tmp_path / "out", {("boolq", "zs_opt"): rendered_rows("boolq", "zs_opt", 10)})
    out = command("lint", tmp_path / "out", catalogue=None).out
    assert f"no faults found of {len(KINDS)} kinds: doubled_cue, " in out
