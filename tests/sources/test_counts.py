"""How many rows pass a card's `where`: counted once, and from then on by the lock or the cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flancollect.planning.plan import BuildPlan, plan
from flancollect.planning.request import BuildRequest
from flancollect.planning.resolve import write_lock
from flancollect.sources import counts
from flancollect.sources.lock import load_lock
from flancollect.sources.table import SourceAccess
from tests.catalogs import DATA, FAMILY, TASK, write
from tests.small import nothing_embedded

WHERE = {"greens": 'label == "0"', "reds": 'label == "1" and thing != "rust"', "all": None}
COUNTED = {"greens": 4, "reds": 3, "all": 8}


def card(name: str, where: str | None, more: str = "") -> str:
    text = TASK.replace("task: colours", f"task: {name}") + more
    return text if where is None else f"{text}where: {where}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three tasks over one file of eight rows."""
    cards = {f"{name}.yaml": card(name, where) for name, where in WHERE.items()}
    return write(tmp_path / "mine", {"colour.yaml": FAMILY, "colours.csv": DATA, **cards})


def planned(folder: Path, name: str = "mine", **more: object) -> BuildPlan:
    access = SourceAccess(cache=folder.parent / "cache")
    with nothing_embedded():
        return plan(BuildRequest(name, catalogs=(folder,), access=access, **more))  # type: ignore[arg-type]


def rows(of: BuildPlan) -> dict[str, int]:
    return {task.name: task.rows for task in of.tasks}


def no_reading(*_: object) -> None:
    raise AssertionError("rows were read")


def test_tasks_of_one_source_have_the_rows_that_their_cards_keep(folder: Path) -> None:
    of_all = planned(folder)
    assert rows(of_all) == COUNTED
    assert {task.name: float(task.weight) for task in of_all.tasks} == COUNTED


def test_rows_are_counted_once_while_source_and_expression_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(folder)
    with monkeypatch.context() as patch:
        patch.setattr(counts, "open_shaped", no_reading)
        assert rows(planned(folder)) == COUNTED
    write(folder, {"greens.yaml": card("greens", 'label == "0" and thing != "moss"')})
    assert rows(planned(folder)) == COUNTED | {"greens": 3}
    write(folder, {"colours.csv": DATA + "pine,0\n"})
    assert rows(planned(folder)) == COUNTED | {"greens": 4, "all": 9}


def test_a_lock_has_the_counts_by_slice_and_expression(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        folder,
        {"greens.yaml": card("greens", WHERE["greens"]).replace("train: train", 'train: "train[:-2]"')},
    )
    lock, access = folder.parent / "lock.json", SourceAccess(cache=folder.parent / "cache")
    with nothing_embedded():
        write_lock((), (folder,), access, lock)
        first = lock.read_bytes()
        write_lock(("greens",), (folder,), access, lock)
    assert lock.read_bytes() == first
    (entry,) = load_lock(lock).sources.values()
    assert entry.counts == {
        'train where label == "1" and thing != "rust"': 3,
        'train[:-2] where label == "0"': 3,
    }
    monkeypatch.setattr(counts, "open_shaped", no_reading)
    for resolve_from in ("sources", "frozen", "declared"):
        assert rows(planned(folder, lock=lock, resolve_from=resolve_from)) == COUNTED | {"greens": 3}


def test_a_source_that_is_read_whole_has_no_counts_in_the_lock(folder: Path) -> None:
    lock = folder.parent / "lock.json"
    with nothing_embedded():
        write_lock(("all",), (folder,), SourceAccess(), lock)
    (entry,) = json.loads(lock.read_text())["sources"].values()
    assert set(entry) == {"revision", "splits"}


def test_a_task_that_keeps_no_row_is_skipped_with_the_reasons(folder: Path) -> None:
    write(folder, {"greens.yaml": card("greens", 'thing == "sky"')})
    (skip,) = planned(folder, only=("reds", "greens")).skipped
    assert (skip.task, skip.kind) == ("greens", "source")
    assert skip.reason.endswith('no row of train passes `where: thing == "sky"` (8 rows: where)')


def test_a_where_that_fails_on_every_row_is_told_with_its_error(folder: Path) -> None:
    write(folder, {"greens.yaml": card("greens", "label | int > 0 and thing | int > 0")})
    (skip,) = planned(folder, only=("reds", "greens")).skipped
    assert (skip.task, skip.kind) == ("greens", "source")
    assert "(4 rows: where; 1 rows: where: not a number: 'blood' (in " in skip.reason


def test_each_card_declares_its_own_size_where_nobody_looked(folder: Path) -> None:
    for name, size in {"greens": 40, "reds": 30, "all": 80}.items():
        write(folder, {f"{name}.yaml": card(name, WHERE[name], f"rows: {size}\n")})
    of_all = planned(folder, resolve_from="declared")
    assert rows(of_all) == {"greens": 40, "reds": 30, "all": 80}


def test_what_a_lock_does_not_count_is_what_the_card_declares(folder: Path) -> None:
    lock = folder.parent / "lock.json"
    with nothing_embedded():
        write_lock(("all",), (folder,), SourceAccess(), lock)
    write(folder, {"greens.yaml": card("greens", WHERE["greens"], "rows: 5\n")})
    for resolve_from in ("frozen", "declared"):
        assert rows(planned(folder, lock=lock, resolve_from=resolve_from)) == {
            "greens": 5,
            "reds": 8,
            "all": 8,
        }


def test_what_a_card_declares_is_of_the_split_that_it_counts(folder: Path) -> None:
    text = card("greens", WHERE["greens"], "rows: 2\n").replace("train: train", "train: train, test: held")
    source = "{files: {train: colours.csv, held: colours.csv}, format: csv}"
    write(folder, {"greens.yaml": text.replace("{files: colours.csv, format: csv}", source)})
    write(
        folder,
        {"exam.yaml": "benchmark: exam\nselect: {tasks: [greens]}\nsplit: test\nscore: {generate: 8}\n"},
    )
    lock = folder.parent / "lock.json"
    with nothing_embedded():
        write_lock(("all",), (folder,), SourceAccess(), lock)
        write_lock(("greens",), (folder,), SourceAccess(), lock)
    entries = json.loads(lock.read_text())
    for entry in entries["sources"].values():
        entry.pop("counts", None)
    lock.write_text(json.dumps(entries))
    assert rows(planned(folder, "exam", lock=lock, resolve_from="declared")) == {"greens": 8}
    assert rows(planned(folder, "greens", lock=lock, resolve_from="declared")) == {"greens": 2}
