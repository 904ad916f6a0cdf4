"""The folder of an import: whole or not at all, the same bytes every time, never over something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.errors import CardError, UsageError
from flancollect.importers import import_catalogue
from flancollect.importers.catalogue_folder import write_catalogue
from flancollect.importers.conversion import Conversion
from tests.importers import checkouts


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["promptsource", "flan"])
def test_the_same_checkout_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    src = {"promptsource": checkouts.promptsource, "flan": checkouts.flan}[kind](tmp_path / "src")
    import_catalogue(kind, src, tmp_path / "one")
    import_catalogue(kind, src, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    src = checkouts.flan(tmp_path / "src")
    with pytest.raises(UsageError, match="not empty"):
        import_catalogue("flan", src, src)
    assert contents(src).keys() == {"flan/v2/templates.py"}


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    import_catalogue("flan", checkouts.flan(tmp_path / "src"), tmp_path / "out")
    assert (tmp_path / "out" / "not_converted.csv").is_file()


def test_a_catalogue_that_does_not_load_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = Conversion(unit="files", converted=1, files={"a.yaml": "family: x"}, not_converted=())
    with pytest.raises(CardError, match=f"{tmp_path}/place/out/a.yaml"):
        write_catalogue(tmp_path / "place" / "out", lambda: broken)
    assert list((tmp_path / "place").iterdir()) == []


def test_unknown_kinds_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='Did you mean "promptsource"'):
        import_catalogue("prompt-source", tmp_path, tmp_path / "out")
    with pytest.raises(UsageError, match="no such folder"):
        import_catalogue("flan", tmp_path / "none", tmp_path / "out")
