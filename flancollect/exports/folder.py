"""An export's folder: whose it is, that one export works in it at a time, and how it is finished.

Files are staged in `.export/<key>`, so that what lies in the folder stays whole until all is ready. The list
of an export that is being put in place lies in `.export/sealing.json`: stopped there, the next run removes
what was half replaced.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flancollect.artifacts import Export, read_artifact, write_artifact
from flancollect.dataset.folder_lock import folder_lock, writable
from flancollect.errors import CheckError, UsageError

EXPORT = "export.json"
WORK = ".export"
SEALING = "sealing.json"


def read_export(out: Path) -> Export:
    """What a finished export holds. Raises UsageError without one, CheckError for a broken list."""
    if not (out / EXPORT).is_file():
        raise UsageError(f"{out}: no finished export: it has no {EXPORT}. `flancollect export` makes one.")
    return read_artifact(out / EXPORT, Export, CheckError)


@contextmanager
def acquire(out: Path, kind: str, mixture: str, key: str) -> Iterator[Path]:
    """Take a folder for an export and give the staging folder in it.

    A folder that is new, empty, or holds an export of the same mixture and format is taken; anything else
    raises UsageError, and nothing is changed.
    """
    with writable(out):
        _refuse_foreign(out, kind, mixture)
        (out / WORK).mkdir(parents=True, exist_ok=True)
    with folder_lock(out, out / WORK, "export"):
        _clear_half_sealed(out)
        staging = out / WORK / key
        for stale in sorted((out / WORK).iterdir()):
            if stale.is_dir() and stale != staging:
                shutil.rmtree(stale)
        staging.mkdir(exist_ok=True)
        yield staging


def finished(out: Path, key: str) -> Export | None:
    """The export that lies in the folder, if it is the wanted one and every file has the size it should."""
    if not (out / EXPORT).is_file():
        return None
    found = read_export(out)
    whole = all(
        (out / entry.file).is_file() and (out / entry.file).stat().st_size == entry.bytes
        for entry in found.files
    )
    return found if whole and found.key == key else None


def seal(out: Path, staging: Path, export: Export) -> None:
    """Put the staged files in place of any earlier export; the list goes first and comes last."""
    earlier = read_export(out).files if (out / EXPORT).is_file() else []
    write_artifact(out / WORK / SEALING, export.model_copy(update={"files": [*earlier, *export.files]}))
    (out / EXPORT).unlink(missing_ok=True)
    kept = {entry.file for entry in export.files}
    _remove(out, [entry.file for entry in earlier if entry.file not in kept])
    for entry in export.files:
        (out / entry.file).parent.mkdir(parents=True, exist_ok=True)
        (staging / entry.file).replace(out / entry.file)
    write_artifact(out / WORK / EXPORT, export)
    (out / WORK / EXPORT).replace(out / EXPORT)
    discard(out)


def discard(out: Path) -> None:
    """Remove the folder of staged files."""
    shutil.rmtree(out / WORK)


def _refuse_foreign(out: Path, kind: str, mixture: str) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise UsageError(f"--out {out}: is a file; name a folder")
    if not (out / EXPORT).is_file():
        if (out / WORK).is_dir():
            return
        raise UsageError(
            f"--out {out}: holds files that are no export of flancollect; choose an empty folder"
        )
    try:
        found = read_export(out)
    except CheckError as error:
        raise UsageError(
            f"--out {out}: holds an {EXPORT} that is not of this version; choose another folder"
        ) from error
    if (found.kind, found.mixture) != (kind, mixture):
        raise UsageError(
            f"--out {out}: holds a {found.kind} export of {found.mixture}, not a {kind} export of {mixture}; "
            "choose another folder"
        )


def _clear_half_sealed(out: Path) -> None:
    """Remove the files of an export that was stopped while it was put in place."""
    sealing = out / WORK / SEALING
    if sealing.is_file():
        if not (out / EXPORT).is_file():
            _remove(out, [entry.file for entry in read_artifact(sealing, Export, CheckError).files])
        sealing.unlink()


def _remove(out: Path, names: list[str]) -> None:
    """Remove files, and the folders that this empties."""
    for name in names:
        path = out / name
        path.unlink(missing_ok=True)
        if path.parent != out and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
