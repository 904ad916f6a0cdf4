"""A benchmark of which tasks are missing is refused, with their names and why; or built, and says it is not whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flancollect.dataset.reader import open_build
from flancollect.errors import SourceError
from tests.catalogs import DATA, TASK, colours, write
from tests.small import Ran, built, command, request

BENCHMARK = """\
benchmark: exam
select: {submix: mine}
split: train
score: {generate: 8}
"""
OTHER = TASK.replace("task: colours", "task: shades").replace("colours.csv", "shades.csv")

# What is wrong with the second of two tasks, and what the refusal says of it.
MISSING = {
    "source": (OTHER, None, "Files there: colour.yaml"),
    "rows": (OTHER + 'where: thing == "sky"\n', DATA, 'no row of train passes `where: thing == "sky"`'),
    "card": (OTHER.replace("{thing: thing}", "{thing: object}"), DATA, 'no column "object"'),
    "unavailable": (
        OTHER + "status: unavailable\nreason: withdrawn by its authors\n",
        DATA,
        "withdrawn by its authors",
    ),
    "license": (OTHER.replace("license: mit", "license: cc-by-nc-4.0"), DATA, "not for commercial use"),
}


def catalogue(folder: Path, other: str = OTHER, data: str | None = DATA) -> Path:
    """A benchmark of two tasks, the second as given."""
    colours(folder, more=BENCHMARK)
    return write(folder, {"shades.yaml": other} | ({} if data is None else {"shades.csv": data}))


def build_exam(folder: Path, out: Path, *options: str) -> Ran:
    return command(
        "build", "exam", "--out", out, "--license-policy", "commercial", *options, catalogue=folder
    )


@pytest.mark.parametrize("why", MISSING)
def test_a_benchmark_that_lacks_a_task_is_refused_and_names_it(why: str, tmp_path: Path) -> None:
    other, data, says = MISSING[why]
    refused = build_exam(catalogue(tmp_path / "cards", other, data), tmp_path / "out")
    assert refused.code == 4
    assert "exam: 1 of its tasks cannot be asked" in refused.err
    assert "--allow-incomplete" in refused.err
    assert "\nshades: " in refused.err
    assert says in refused.err
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("why", MISSING)
def test_it_is_built_all_the_same_when_told_to_and_says_so(why: str, tmp_path: Path) -> None:
    other, data, _ = MISSING[why]
    folder = catalogue(tmp_path / "cards", other, data)
    said = build_exam(folder, tmp_path / "out", "--allow-incomplete", "--json")
    assert (said.code, json.loads(said.out)["complete"]) == (0, False)
    manifest = open_build(tmp_path / "out").manifest
    assert (manifest.complete, manifest.rows, [skip.task for skip in manifest.skipped]) == (
        False,
        8,
        ["shades"],
    )


def test_a_script_is_refused_as_the_command_is(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards", data=None)
    with pytest.raises(SourceError, match=r"(?s)1 of its tasks.*shades: "):
        built(tmp_path / "out", request("exam", folder))
    assert not built(tmp_path / "out", request("exam", folder), allow_incomplete=True).manifest.complete


def test_every_missing_task_is_named(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards")
    names = [f"shade_{number}" for number in range(30)]
    for name in names:
        write(
            folder,
            {f"{name}.yaml": OTHER.replace("task: shades", f"task: {name}").replace("shades.csv", "no.csv")},
        )
    refused = build_exam(folder, tmp_path / "out")
    assert refused.code == 4
    assert all(f"\n{name}: " in refused.err for name in names)


def test_a_whole_benchmark_is_complete(tmp_path: Path) -> None:
    said = build_exam(catalogue(tmp_path / "cards"), tmp_path / "out", "--json")
    assert (said.code, json.loads(said.out)["complete"]) == (0, True)
    assert open_build(tmp_path / "out").manifest.complete


@pytest.mark.parametrize(
    ("options", "rows"), [(("--only", "colours"), 8), (("--rows", "1"), 1), (("--rows", "9"), 9)]
)
def test_what_is_asked_for_in_part_is_built_and_is_not_complete(
    options: tuple[str, ...], rows: int, tmp_path: Path
) -> None:
    said = build_exam(catalogue(tmp_path / "cards"), tmp_path / "out", *options, "--json")
    assert said.code == 0
    answer = json.loads(said.out)
    assert (answer["rows"], answer["complete"]) == (rows, False)


def test_a_question_that_falls_away_leaves_it_incomplete(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards", data=DATA.replace("grass,0", "grass,x"))
    said = build_exam(folder, tmp_path / "out")
    assert said.code == 0
    assert "incomplete: questions of the benchmark are missing" in said.out
    manifest = open_build(tmp_path / "out").manifest
    assert (manifest.complete, manifest.rows, manifest.short) == (False, 15, 1)


@pytest.mark.parametrize(
    ("splits", "rows", "complete"),
    [
        ("train: train", 8, True),
        ("train: train", 9, False),
        ("validation: train", 9, False),
        ("train: 'train[4:]'", 8, True),
        ("train: 'train[4:]'", 9, False),
        ("train: 'train[:4]'", 9, True),
        # What the card counts is another split than the one that is asked.
        ("train: other, validation: train", 9, True),
    ],
)
def test_a_source_with_fewer_questions_than_its_card_says_is_no_whole_benchmark(
    splits: str, rows: int, complete: bool, tmp_path: Path
) -> None:
    task = TASK.replace("{train: train}", f"{{{splits}}}") + f"rows: {rows}\n"
    card = BENCHMARK.replace("split: train", f"split: {'validation' if 'validation' in splits else 'train'}")
    task = task.replace("files: colours.csv", "files: {train: colours.csv, other: colours.csv}")
    folder = colours(tmp_path / "cards", task=task, more=card)
    assert build_exam(folder, tmp_path / "out").code == 0
    manifest = open_build(tmp_path / "out").manifest
    assert (manifest.complete, manifest.rows) == (complete, 4 if "[" in splits else 8)


def test_a_benchmark_that_asks_some_questions_of_a_task_is_complete_with_those(tmp_path: Path) -> None:
    card = BENCHMARK + "rows_per_task: 5\n"
    folder = colours(tmp_path / "cards", task=TASK + "rows: 9\n", more=card)
    assert build_exam(folder, tmp_path / "out").code == 0
    manifest = open_build(tmp_path / "out").manifest
    assert (manifest.complete, manifest.rows) == (True, 5)


def test_a_mixture_may_lack_tasks(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards", data=None)
    said = command("build", "mine", "--out", tmp_path / "out", "--json", catalogue=folder)
    assert (said.code, len(json.loads(said.out)["skipped"])) == (0, 1)


def test_a_task_whose_share_rounds_to_nothing_is_in_the_manifest(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards")
    assert command("build", "mine", "--rows", 1, "--out", tmp_path / "out", catalogue=folder).code == 0
    (skip,) = open_build(tmp_path / "out").manifest.skipped
    assert skip.kind == "quota"
    assert "rounds to 0; ask for more rows" in skip.reason


def test_a_benchmark_says_how_many_questions_it_lacks_and_in_which_tasks(tmp_path: Path) -> None:
    fewer = OTHER.replace("family: colour", "rows: 11\nfamily: colour")
    folder = catalogue(tmp_path / "cards", fewer, DATA.replace("rose,1", "rose,7"))
    said = "incomplete: questions of the benchmark are missing (4: shades 4); compare no score"
    assert said in build_exam(folder, tmp_path / "out").out
    assert open_build(tmp_path / "out").manifest.lacking == {"shades": 4}
    assert said in command("stats", tmp_path / "out", catalogue=None).out
    # Nobody knows before a build that a row has no answer.
    planned = command("plan", "exam", "--resolve", catalogue=folder).out
    assert "(3: shades 3)" in planned
    assert "refused" not in planned


def test_a_plan_says_that_a_build_will_be_refused(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards", data=None)
    refused = "a build is refused without --allow-incomplete: 1 task missing"
    assert refused in command("plan", "exam", "--resolve", catalogue=folder).out
    assert "refused" not in command("plan", "exam", catalogue=folder).out
