"""The shape of the house: floors that `lint-imports` holds, no cycles, few names on the top level, light imports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp
import pytest

from tests.small import REPO

PACKAGE = REPO / "flancollect"
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
HEAVY = ("torch", "transformers", "datasets", "polars", "pyarrow", "pydantic")


def floors_contract(package: str) -> dict[str, object]:
    config = tomllib.loads((REPO / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one["type"] == "layers" and one["containers"] == [package]]
    return contract


# Top floor first; modules and folders of one floor side by side.
FLOORS = {
    package: [re.split(r" [|:] ", floor) for floor in floors_contract(package)["layers"]]
    for package in ("flancollect", "finetune")
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the packages and the contracts, to plant modules in."""
    for package in FLOORS:
        shutil.copytree(REPO / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(LINT_IMPORTS), "--no-cache", "--no-logo"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def module_of(copy: Path, package: str, name: str) -> str:
    """A module with code of a floor's entry: the entry itself, or the first one in its folder."""
    folder = copy / package / name
    if folder.is_dir():
        return f"{package}.{name}." + min(path.stem for path in folder.glob("*.py") if path.stem[0] != "_")
    return f"{package}.{name}"


def plant(copy: Path, package: str, name: str, statement: str) -> str:
    """Put an import into a new module of a folder, or at the end of a module of the top level."""
    path = copy / package / name
    if path.is_dir():
        (path / "planted.py").write_text(f"{statement}\n")
        return f"{package}.{name}.planted"
    with path.with_suffix(".py").open("a") as file:
        file.write(f"\n{statement}\n")
    return f"{package}.{name}"


def test_the_package_as_it_is_keeps_the_contract(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("package", "lower", "upper"),
    [
        (package, name, floors[at - 1][0])
        for package, floors in FLOORS.items()
        for at, floor in enumerate(floors)
        if at
        for name in floor
    ],
)
def test_an_import_from_the_next_higher_floor_breaks_the_contract(
    copy: Path, package: str, lower: str, upper: str
) -> None:
    target = module_of(copy, package, upper)
    planted = plant(copy, package, lower, "from {} import {}".format(*target.rsplit(".", 1)))
    done = lint_imports(copy)
    assert done.returncode == 1
    assert f"{planted} -> {target} " in done.stdout
    assert re.search(r"floors.*BROKEN", done.stdout)


@pytest.mark.parametrize(
    ("package", "floor"),
    [(package, floor) for package, floors in FLOORS.items() for floor in floors if len(floor) > 1],
)
def test_folders_of_one_floor_do_not_know_each_other(copy: Path, package: str, floor: list[str]) -> None:
    target = module_of(copy, package, floor[1])
    planted = plant(copy, package, floor[0], "from {} import {}".format(*target.rsplit(".", 1)))
    done = lint_imports(copy)
    assert done.returncode == 1
    assert f"{planted} -> {target} " in done.stdout


@pytest.mark.parametrize("package", FLOORS)
def test_a_folder_that_stands_on_no_floor_breaks_the_contract(copy: Path, package: str) -> None:
    (copy / package / "helpers").mkdir()
    (copy / package / "helpers" / "__init__.py").touch()
    done = lint_imports(copy)
    assert done.returncode == 1
    assert f"not listed as layers:\n\n- {package}.helpers\n" in done.stdout


@pytest.mark.parametrize("package", FLOORS)
def test_there_are_at_most_ten_floors_and_every_module_stands_on_one(package: str) -> None:
    contract = floors_contract(package)
    assert len(FLOORS[package]) <= 10
    assert contract["exhaustive"] is True
    assert contract.get("ignore_imports", []) == []
    assert contract["exhaustive_ignores"] == ["__main__"]


@pytest.mark.parametrize(
    "module", ["flancollect.building.planted", "flancollect.cli.planted", "flancollect.planted"]
)
def test_torch_is_imported_by_the_training_stage_alone(copy: Path, module: str) -> None:
    path = copy.joinpath(*module.split(".")).with_suffix(".py")
    path.write_text("import torch\n")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert f"{module} -> torch" in done.stdout


@pytest.mark.parametrize("name", ["datasets", "polars", "jinja2", "flancollect.render.options"])
def test_training_needs_nothing_that_a_gpu_machine_lacks(copy: Path, name: str) -> None:
    plant(copy, "finetune", "data", f"import {name}")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert f"finetune.data -> {name}" in done.stdout


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*FLOORS, exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 150
    assert list(cycles(imports)) == []


def cycles(imports: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """The strongly connected components of more than one module (Tarjan), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(imports[module]):
            if other not in index:
                yield from visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                yield sorted(component)

    for module in sorted(imports):
        if module not in index:
            yield from visit(module)


def test_cycles_are_seen() -> None:
    chain = {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}
    assert list(cycles(chain)) == []
    assert list(cycles({**chain, "c": {"d", "b"}})) == [["b", "c"]]
    assert list(cycles({**chain, "d": {"a"}, "e": {"f", "a"}, "f": {"e"}})) == [
        ["a", "b", "c", "d"],
        ["e", "f"],
    ]


def test_the_top_level_has_few_names() -> None:
    names = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
    assert len(names) <= 18, sorted(names)


@pytest.mark.parametrize(("word", "pattern"), [("word" + "ing", "*"), ("licen" + "ce", "*.py")])
def test_old_words_are_gone(word: str, pattern: str) -> None:
    files = [path for path in PACKAGE.rglob(pattern) if path.is_file() and "__pycache__" not in path.parts]
    assert files
    lines = [
        f"{path}:{number}  {line.strip()}"
        for path in sorted(files)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if word in line.lower()
    ]
    assert lines == []


@pytest.mark.parametrize("statement", ["import flancollect", "import flancollect.cli"])
def test_importing_the_front_door_loads_nothing_heavy(statement: str) -> None:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout)
    assert "flancollect" in modules
    assert [name for name in HEAVY if name in modules] == []
