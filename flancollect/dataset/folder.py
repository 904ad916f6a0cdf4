"""A build's output folder: whose it is, and that only one build works in it at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flancollect.artifacts import canonical_json, write_atomically
from flancollect.dataset.folder_lock import folder_lock, writable
from flancollect.dataset.reader import MANIFEST, SHARD_FILES, WORK_FOLDER, read_manifest
from flancollect.errors import CheckError, UsageError

RECIPE = "recipe.json"
RENDERED = "rendered"


@contextmanager
def acquire_build_folder(out: Path, recipe: Mapping[str, Any], *, overwrite: bool) -> Iterator[Path]:
    """Lock an output folder for one recipe and give the folder of rendered tables in it.

    The folder may be new, empty, or of the same mixture, rows and seed (the same build goes on, or is brought up
    to date). Anything else raises UsageError unless `overwrite`, and nothing is changed; so does a folder that
    another process has locked.
    """
    work = out / WORK_FOLDER
    with writable(out):
        replaces = _replaces_another(out, recipe, overwrite=overwrite)
        (work / RENDERED).mkdir(parents=True, exist_ok=True)
    with folder_lock(out, work, "build"):
        if replaces:
            # The manifest goes first: without it a folder that is stopped here is no dataset. What else lies in the
            # folder stays.
            for name in (MANIFEST, "dataset_info.json", "state.json", "report.json"):
                (out / name).unlink(missing_ok=True)
            for file in (*out.glob(SHARD_FILES), *(work / RENDERED).iterdir()):
                file.unlink()
        # Temporary files of runs that were killed. This run holds the lock, so none is in use.
        for folder in (out, work, work / RENDERED):
            for stale in folder.glob(".*.tmp"):
                stale.unlink()
        write_atomically(work / RECIPE, (canonical_json(recipe) + "\n").encode())
        yield work / RENDERED


def _replaces_another(out: Path, recipe: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Whether another build must make way. Raises UsageError where the folder may not be used."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not out.is_dir():
        raise UsageError(f"--out {out}: is a file; name a folder")
    present = _recipe_in(out)
    if present is None and [path.name for path in out.iterdir()] == [WORK_FOLDER]:
        return False  # stopped before its recipe was written
    if present is None:
        raise UsageError(f"--out {out}: holds files that are no build of flancollect; choose an empty folder")
    if _identity(present) == _identity(recipe):
        return False
    if not overwrite:
        raise UsageError(
            f"--out {out}: holds another build ({_description(present)}); you asked for {_description(recipe)}. "
            "Choose another folder, or pass --overwrite to replace it."
        )
    return True


def _recipe_in(out: Path) -> Mapping[str, Any] | None:
    """The recipe of the build in a folder, finished or not; None where there is none of ours."""
    try:
        if (out / MANIFEST).is_file():
            return read_manifest(out).recipe
        recipe: Mapping[str, Any] = json.loads((out / WORK_FOLDER / RECIPE).read_bytes())
    except (CheckError, OSError, ValueError):
        return None
    return recipe


def _identity(recipe: Mapping[str, Any]) -> list[object]:
    """What makes two recipes the same build. The card itself may be edited, and the build follows it."""
    return [recipe.get(key) for key in ("kind", "name", "rows", "seed", "license_policy", "only")]


def _description(recipe: Mapping[str, Any]) -> str:
    rows = "all rows" if recipe.get("rows") is None else f"{recipe['rows']:,} rows"
    only = f", only {' '.join(recipe['only'])}" if recipe.get("only") else ""
    policy = f", license policy {recipe['license_policy']}" if recipe.get("license_policy") else ""
    return f"{recipe.get('kind')} {recipe.get('name')}, {rows}, seed {recipe.get('seed')}{only}{policy}"
