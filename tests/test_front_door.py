"""The names that `import flancollect` gives: all there, typed as they are, and imported only when used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import flancollect
from tests.catalogs import colours
from tests.conftest import REPO
from tests.small import nothing_embedded

SOURCE = ast.parse((REPO / "flancollect" / "__init__.py").read_text())


@pytest.mark.parametrize("name", flancollect.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(flancollect, name)
    assert name in dir(flancollect)
    if name != "__version__":
        assert value.__doc__


def test_type_checkers_see_what_is_imported_at_run_time() -> None:
    """The names under TYPE_CHECKING, with their modules, are those of the table that imports them lazily."""
    imports = {
        (node.module, alias.asname or alias.name)
        for node in ast.walk(SOURCE)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flancollect.")
        for alias in node.names
    }
    table = {
        (f"flancollect.{module}", name) for module, names in flancollect._MODULES.items() for name in names
    }
    assert imports == table
    assert {name for _, name in table} == set(flancollect.__all__)


def test_no_name_is_hidden_by_a_folder() -> None:
    folders = {path.stem for path in (REPO / "flancollect").iterdir()}
    assert not folders & set(flancollect.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'bild'"):
        flancollect.bild  # noqa: B018


def test_the_version_is_that_of_the_project() -> None:
    assert f'version = "{flancollect.__version__}"' in (REPO / "pyproject.toml").read_text()


def imported(code: str, modules: tuple[str, ...]) -> list[str]:
    """Which of these modules are imported when this code has run in a fresh process."""
    code = f"import sys\n{code}\nprint(*[name for name in {modules} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    return ran.stdout.split()


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "datasets", "polars", "pyarrow", "pydantic", "numpy", "jinja2", "typer")
    assert imported("import flancollect", heavy) == []


def test_reading_a_build_takes_neither_datasets_nor_polars_nor_jinja() -> None:
    """What a trainer imports of us: on a bare machine with a GPU these are not installed."""
    code = "from flancollect import Build, open_build, questions"
    absent = ("datasets", "polars", "jinja2", "huggingface_hub", "yaml", "typer", "torch")
    assert imported(code, absent) == []


def test_folders_may_be_given_as_text(tmp_path: Path) -> None:
    colours(tmp_path / "cards")
    request = flancollect.BuildRequest("colours", catalogs=(str(tmp_path / "cards"),))
    out = f"{tmp_path}/out"
    with nothing_embedded():
        result = flancollect.build(request, out)
        assert flancollect.why(out, 0, request).rendered_again
    build = flancollect.open_build(out)
    assert len(build) == result.manifest.rows == flancollect.verify(out).rows == flancollect.stats(out).rows
    flancollect.export(out, f"{tmp_path}/export", flancollect.ExportOptions(format="trl"))
    assert (tmp_path / "export" / "export.json").is_file()
    assert not flancollect.diff(out, out).changed


@pytest.mark.parametrize("name", ["only", "catalogs"])
def test_a_text_is_no_list_of_its_letters(name: str) -> None:
    with pytest.raises(flancollect.UsageError, match=rf"{name}='sent.*give a tuple"):
        flancollect.BuildRequest("starter", **{name: "sentiment_*"})


def test_lists_do_as_well_as_tuples() -> None:
    plans = [
        flancollect.plan(flancollect.BuildRequest("starter", rows=50, only=only))
        for only in (["sentiment_*"], ("sentiment_*",))
    ]
    assert plans[0].recipe == plans[1].recipe


def test_a_request_for_no_rows_is_refused_at_once() -> None:
    with pytest.raises(flancollect.UsageError, match="--rows 0"):
        flancollect.BuildRequest("starter", rows=0)


def test_a_build_needs_a_worker() -> None:
    with pytest.raises(flancollect.UsageError, match="--workers 0"):
        flancollect.BuildOptions(workers=0)
