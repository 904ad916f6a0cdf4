"""A build's output folder: whose it is, and that only one build works in it at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flancollect.artifacts import Manifest, canonical_json, write_atomically
from flancollect.dataset.folder_lock import folder_lock, writable
from flancollect.dataset.reader import MANIFEST, SHARD_FILES, WORK_FOLDER, read_manifest
from flancollect.errors import CheckError, UsageError

RECIPE = "recipe.json"
RENDERED = "rendered"


@contextmanager
def acquire(out: Path, recipe: Mapping[str, Any], *, overwrite: bool) -> Iterator[Path]:
    """Take an output folder for one recipe and give the folder of rendered tables in it.

    A folder that is new, empty, or of the same mixture, rows and seed is taken (the same build goes on, or
    is brought up to date); anything else raises UsageError unless `overwrite`, and nothing is changed.
    """
    work = out / WORK_FOLDER
    with writable(out):
        replaces = _replaces(out, recipe, overwrite=overwrite)
        (work / RENDERED).mkdir(parents=True, exist_ok=True)
    with folder_lock(out, work, "build"):
        if replaces:
            _clear(out)
        _sweep(out)
        write_atomically(work / RECIPE, (canonical_json(recipe) + "\n").encode())
        yield work / RENDERED


def _sweep(out: Path) -> None:
    """Delete the temporary files of runs that were killed; this run holds the lock, so none is in use."""
    for folder in (out, out / WORK_FOLDER, out / WORK_FOLDER / RENDERED):
        for stale in folder.glob(".*.tmp"):
            stale.unlink()


def _clear(out: Path) -> None:
    """Delete another build, its manifest first; what else lies in the folder stays."""
    for name in (MANIFEST, "dataset_info.json", "state.json", "report.json"):
        (out / name).unlink(missing_ok=True)
    for file in (*out.glob(SHARD_FILES), *(out / WORK_FOLDER / RENDERED).iterdir()):
        file.unlink()


def _replaces(out: Path, recipe: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Whether another build must make way. Raises UsageError where the folder may not be used."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not out.is_dir():
        raise UsageError(f"--out {out}: is a file; name a folder")
    found = _recipe_of(out)
    if found is None and [path.name for path in out.iterdir()] == [WORK_FOLDER]:
        return False  # stopped before its recipe was written
    if found is None:
        raise UsageError(f"--out {out}: holds files that are no build of flancollect; choose an empty folder")
    if _identity(found) == _identity(recipe):
        return False
    if not overwrite:
        raise UsageError(
            f"--out {out}: holds another build ({_described(found)}); you asked for {_described(recipe)}. "
            "Choose another folder, or pass --overwrite to replace it."
        )
    return True


def _recipe_of(out: Path) -> Mapping[str, Any] | None:
    """The recipe that a folder was made with, finished or not; None for a folder that is not ours."""
    if (out / MANIFEST).is_file():
        try:
            manifest: Manifest = read_manifest(out)
        except CheckError:
            return None
        return manifest.recipe
    try:
        recipe: Mapping[str, Any] = json.loads((out / WORK_FOLDER / RECIPE).read_bytes())
    except (OSError, ValueError):
        return None
    return recipe


def _identity(recipe: Mapping[str, Any]) -> list[object]:
    """What tells builds apart: a changed card brings a build up to date, another name or seed is another build."""
    return [recipe.get(key) for key in ("kind", "name", "rows", "seed", "license_policy", "only")]


def _described(recipe: Mapping[str, Any]) -> str:
    rows = "all rows" if recipe.get("rows") is None else f"{recipe['rows']:,} rows"
    only = f", only {' '.join(recipe['only'])}" if recipe.get("only") else ""
    policy = f", license policy {recipe['license_policy']}" if recipe.get("license_policy") else ""
    return f"{recipe.get('kind')} {recipe.get('name')}, {rows}, seed {recipe.get('seed')}{only}{policy}"
