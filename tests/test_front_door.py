"""The names that `import flancollect` gives: all there, typed as they are, and imported only when used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    with pytest.raises(flancollect.UsageError, match=rf"{name}='select.*give a tuple"):
        flancollect.BuildRequest("starter", **{name: "select_first_*"})


def test_lists_do_as_well_as_tuples() -> None:
    plans = [
        flancollect.plan(flancollect.BuildRequest("starter", rows=50, only=only))
        for only in (["select_first_*"], ("select_first_*",))
    ]
    assert plans[0].recipe == plans[1].recipe


def test_a_request_for_no_rows_is_refused_at_once() -> None:
    with pytest.raises(flancollect.UsageError, match="--rows 0"):
        flancollect.BuildRequest("starter", rows=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 20.5}, "rows=20.5: give a whole number"),
        ({"rows": "20"}, "rows='20': give a whole number"),
        ({"rows": True}, "rows=True: give a whole number"),
        ({"seed": None}, "seed=None: give a whole number"),
        (
            {"license_policy": "comercial"},
            "license_policy='comercial': give one of None, 'commercial', 'permissive'",
        ),
        ({"resolve_from": "lock"}, "resolve_from='lock': give one of 'sources', 'frozen', 'declared'"),
    ],
)
def test_a_request_with_a_value_of_no_meaning_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(flancollect.UsageError, match=message):
        flancollect.BuildRequest("starter", **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "--workers 0"),
        ({"workers": "2"}, "workers='2'"),
        ({"shard_bytes": 0}, "shard_bytes=0"),
    ],
)
def test_options_that_no_build_can_have_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(flancollect.UsageError, match=message):
        flancollect.BuildOptions(**arguments)


def test_the_path_of_a_mirror_is_no_mirror() -> None:
    with pytest.raises(flancollect.UsageError, match=r"give load_mirror\('mirror.yaml'\)"):
        flancollect.SourceAccess(mirror="mirror.yaml")  # type: ignore[arg-type]
    with pytest.raises(flancollect.UsageError, match="give a list of folders"):
        flancollect.load_catalog("cards")


def test_a_name_is_the_request_for_all_of_it(tmp_path: Path) -> None:
    colours(tmp_path / "cards")
    assert flancollect.plan("starter").recipe == flancollect.plan(flancollect.BuildRequest("starter")).recipe
    assert len(flancollect.preview("sentiment_book", 2).rows) == 2


def test_what_notebooks_print_is_one_line(tmp_path: Path) -> None:
    colours(tmp_path / "cards")
    with nothing_embedded():
        request = flancollect.BuildRequest("colours", catalogs=(tmp_path / "cards",))
        values = [
            flancollect.load_catalog([tmp_path / "cards"]),
            flancollect.plan(request),
            flancollect.build(request, tmp_path / "out"),
        ]
    values.append(flancollect.open_build(tmp_path / "out"))
    for value in values:
        assert len(repr(value)) < 300, repr(value)
        assert "\n" not in repr(value)


def test_an_open_build_does_wherever_its_folder_does(tmp_path: Path) -> None:
    colours(tmp_path / "cards")
    with nothing_embedded():
        request = flancollect.BuildRequest("colours", catalogs=(tmp_path / "cards",))
        flancollect.build(request, tmp_path / "out")
        build = flancollect.open_build(tmp_path / "out")
        assert flancollect.why(build, 0, request).rendered_again
    assert flancollect.verify(build).rows == flancollect.stats(build).rows == len(build)
    assert flancollect.diff(build, tmp_path / "out").equal
    flancollect.export(build, tmp_path / "export")
