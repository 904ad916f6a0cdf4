"""import natural-instructions: files of every age become tasks that build from where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flancollect.artifacts import Manifest
from flancollect.building.build import build
from flancollect.cards.catalog import load_catalog
from flancollect.errors import UsageError
from flancollect.importers import import_catalogue
from flancollect.planning.request import BuildRequest
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess
from tests.conftest import SHARED
from tests.importers import checkouts

NEW: dict[str, Any] = {
    "Definition": ["Say it twice."],
    "Positive Examples": [{"input": "la", "output": "lala", "explanation": ""}] * 2,
    "Categories": ["Speech"],
    "Input_language": ["English"],
    "Output_language": ["German"],
    "Instance License": ["CC BY 4.0", "My own"],
    "Instances": [
        {"id": f"i{i}", "input": f"do {i}", "output": [f"do {i} do {i}", "dodo"]} for i in range(6)
    ],
}
OLD: dict[str, Any] = {
    "Title": "Twice",
    "Prompt": "-",
    "Definition": "Say it twice.",
    "Examples": {"Positive Examples": [{"input": "la", "output": "lala", "reason": "-"}] * 2},
    "Instances": [{"input": f"re {i}", "output": f"re {i} re {i}"} for i in range(6)],
}


def built(folder: Path, out: Path, rows: int | None = None) -> Manifest:
    access = SourceAccess(mirror=load_mirror(folder / "mirror.yaml"), offline=True)
    request = BuildRequest(name="natural_instructions", catalogs=(folder,), rows=rows, access=access)
    return build(request, out).manifest


def test_files_of_every_age_build_with_their_own_examples(tmp_path: Path) -> None:
    src = checkouts.natural_instructions(tmp_path / "src", **{"task1_new": NEW, "task 2 old?": OLD})
    import_catalogue("natural-instructions", src, tmp_path / "out")
    manifest = built(tmp_path / "out", tmp_path / "built")
    assert not manifest.skipped
    assert {task.task for task in manifest.tasks} == {"ni_task1_new", "ni_task_2_old_"}
    rows = checkouts.rows_of(tmp_path / "built")
    few = [row for row in rows if row["template_type"] == "fs_opt"]
    assert few
    assert all("la\nlala" in row["inputs"] for row in few)
    assert {row["targets"] for row in rows} == {
        f"{word} {i} {word} {i}" for word in ("do", "re") for i in range(6)
    }


def test_the_card_says_what_the_file_says(tmp_path: Path) -> None:
    src = checkouts.natural_instructions(tmp_path / "src", task1=NEW, task2=OLD)
    import_catalogue("natural-instructions", src, tmp_path / "out")
    new, old = (load_catalog([tmp_path / "out"]).tasks[f"ni_task{n}"].card for n in (1, 2))
    assert (new.languages, new.cluster, new.license, new.rows) == (
        ["en", "de"],
        "Speech",
        "cc-by-4.0;other",
        6,
    )
    assert (old.languages, old.cluster, old.license, old.rows) == (["en"], "unknown", "unknown", 6)


def test_a_bare_folder_of_files_will_do(tmp_path: Path) -> None:
    src = checkouts.natural_instructions(tmp_path / "src", task1=NEW) / "tasks"
    assert import_catalogue("natural-instructions", src, tmp_path / "out").converted == 1


def test_nothing_of_the_data_is_copied(tmp_path: Path) -> None:
    src = checkouts.natural_instructions(tmp_path / "src", task1=NEW)
    import_catalogue("natural-instructions", src, tmp_path / "out")
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert texts
    assert not any("do 1" in text or "Say it twice" in text for text in texts)


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ([NEW], "not a JSON object"),
        ({**NEW, "Instances": []}, "no list of Instances"),
        (
            {**NEW, "Instances": [{"input": 1, "output": "x"}, {"input": "x", "output": []}]},
            "no instance with",
        ),
        ({**NEW, "Definition": [" "]}, "no Definition"),
    ],
)
def test_files_that_are_no_tasks_are_listed(tmp_path: Path, task: object, reason: str) -> None:
    src = checkouts.natural_instructions(tmp_path / "src", good=OLD, odd=task)
    (item,) = import_catalogue("natural-instructions", src, tmp_path / "out").not_converted
    assert (item.path, item.name) == ("tasks/odd.json", "odd")
    assert reason in item.reason


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    with pytest.raises(UsageError, match="allenai/natural-instructions"):
        import_catalogue("natural-instructions", tmp_path / "src", tmp_path / "out")


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("natural_instructions_v2/tasks", 220),
        ("natural_instructions_v1", 12),
        ("natural_instructions_v2_finnish", 8),
    ],
)
def test_all_real_files_import_and_build(tmp_path: Path, folder: str, files: int) -> None:
    conversion = import_catalogue("natural-instructions", SHARED / "data" / folder, tmp_path / "out")
    assert (conversion.converted, conversion.total) == (files, files)
    manifest = built(tmp_path / "out", tmp_path / "built", rows=4 * files)
    assert (manifest.coverage.built_tasks, manifest.skipped) == (files, [])
