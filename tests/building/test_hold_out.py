"""What a benchmark holds out: questions need no answer, and cards that do not fit stop the build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.catalogs import ECHO_FAMILY, ECHO_TASK, write
from tests.small import Ran, command

BENCHMARK = "benchmark: exam\nselect: {tasks: [asked]}\nsplit: test\nhold_out: [rows]\n"
MIXTURE = "mixture: all\nsize: 1000\nhold_out: [exam]\nparts: {mine: {variants: {zs_opt: 1, fs_opt: 1}}}\n"
CAPITAL = "What is the capital city of old France?"
QUESTIONS = [{"q": CAPITAL, "a": "Paris", "b": "Paris"}]
ROWS = [{"q": CAPITAL, "a": "Paris"}, *({"q": f"Where is {n}?", "a": str(n)} for n in range(4))]


def task(name: str, submix: str, split: str) -> str:
    return (
        ECHO_TASK.replace("echoes", name)
        .replace("submix: mine", f"submix: {submix}")
        .replace("rows.jsonl", f"{name}.jsonl")
        .replace("{train: train}", f"{{{split}: train}}")
        .replace("{text: text}", "{text: q}")
        .replace("{text: answer}", "{text: a}")
    )


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def build(folder: Path, asked: str = "", questions: list[dict[str, object]] | None = None) -> Ran:
    """Build the mixture into `out`, with another card of the benchmark's task or other questions."""
    files = {
        "echo.yaml": ECHO_FAMILY,
        "asked.yaml": asked or task("asked", "theirs", "test"),
        "mine.yaml": task("taught", "mine", "train"),
        "_styles.yaml": 'shots:\n  q_a: {exemplar: "{{ input }}\\n{{ target }}", query: "{{ input }}"}\n',
        "exam.yaml": BENCHMARK,
        "all.yaml": MIXTURE,
        "taught.jsonl": lines(ROWS),
        "asked.jsonl": lines(QUESTIONS if questions is None else questions),
    }
    cards = write(folder / "cards", files)
    return command("build", "all", "--out", str(folder / "out"), "--workers", "1", "--json", catalogue=cards)


def dropped(ran: Ran, folder: Path) -> dict[str, int]:
    assert ran.code == 0, ran.err
    manifest = json.loads((folder / "out/manifest.json").read_text(encoding="utf-8"))
    return next(job["dropped"] for job in manifest["tasks"] if job["variant"] == "zs_opt")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{text: q}", "{text: nope}", 'asked.yaml:6  fields.text: no column "nope"'),
        ("{text: a}", "{text: nope}", 'asked.yaml:7  answer.text: no column "nope"'),
        ("{text: q}", "{text: q | int}", "none can be read (fields.text: not a number"),
        ("fields:", "where: q == 'other'\nfields:", "none can be read (where: 1)"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_benchmark_whose_card_does_not_fit_its_source_stops_the_build(
    tmp_path: Path, old: str, new: str, says: str, workers: int
) -> None:
    ran = build(tmp_path, task("asked", "theirs", "test").replace(old, new))
    assert ran.code == 4
    assert "the questions of asked are held out, and " in ran.err
    assert says in ran.err
    assert not (tmp_path / "out/manifest.json").exists()


@pytest.mark.parametrize(
    ("questions", "split_answers"),
    [
        ([{"q": CAPITAL, "a": None, "b": "Paris"}], "split_answers: {test: {text: b}}"),
        ([{"q": CAPITAL, "a": None, "b": None}], ""),
        ([{"q": CAPITAL, "a": "", "b": ""}], ""),
    ],
)
def test_a_question_is_held_out_whatever_its_answer(
    tmp_path: Path, questions: list[dict[str, object]], split_answers: str
) -> None:
    card = task("asked", "theirs", "test") + f"{split_answers}\n"
    assert dropped(build(tmp_path, card, questions), tmp_path) == {"held out for a benchmark": 1}


@pytest.mark.parametrize(
    ("old", "new"), [("{text: q}", "{text: b}"), ("fields:", "where: b == 'x'\nfields:")]
)
def test_a_card_that_asks_other_questions_makes_other_rows(tmp_path: Path, old: str, new: str) -> None:
    asked = task("asked", "theirs", "test")
    questions: list[dict[str, object]] = [*QUESTIONS, {"q": "Who?", "a": "I", "b": "x"}]
    assert dropped(build(tmp_path, asked.replace(old, new), questions), tmp_path) == {}
    assert dropped(build(tmp_path, asked, questions), tmp_path) == {"held out for a benchmark": 1}
