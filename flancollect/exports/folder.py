"""An export's folder: whose it is, that one export works in it at a time, and how it is finished.

Files are staged in `.export/<key>`, so that what lies in the folder stays whole until all is ready. The list
of an export that is being put in place lies in `.export/sealing.json`: stopped there, the next run removes
what was half replaced.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
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
def acquire_export_folder(out: Path, kind: str, mixture: str, key: str) -> Iterator[Path]:
    """Lock a folder for an export and give the staging folder in it.

    The folder may be new, empty, or hold an export of the same mixture and format; anything else raises UsageError,
    and nothing is changed. So does a folder that another process has locked.
    """
    work = out / WORK
    with writable(out):
        _refuse_foreign(out, kind, mixture)
        work.mkdir(parents=True, exist_ok=True)
    with folder_lock(out, work, "export"):
        if (work / SEALING).is_file():
            # An earlier run was stopped while it put its files in place. With export.json it was done but for this
            # list; without, what lies there is half of one export and half of another.
            if not (out / EXPORT).is_file():
                listed = read_artifact(work / SEALING, Export, CheckError).files
                _remove(out, (entry.file for entry in listed))
            (work / SEALING).unlink()
        for stale in sorted(work.iterdir()):
            if stale.is_dir() and stale.name != key:
                shutil.rmtree(stale)
        (work / key).mkdir(exist_ok=True)
        yield work / key


def finished(out: Path, key: str) -> Export | None:
    """The export that lies in the folder, if it has this key and every file has the size it should."""
    if not (out / EXPORT).is_file():
        return None
    export = read_export(out)
    whole = all(
        (out / entry.file).is_file() and (out / entry.file).stat().st_size == entry.bytes
        for entry in export.files
    )
    return export if whole and export.key == key else None


def seal(out: Path, staging: Path, export: Export) -> None:
    """Put the staged files in place of any earlier export; the list goes first and comes last."""
    replaced = read_export(out).files if (out / EXPORT).is_file() else []
    # Whoever finds this list without export.json must remove the files of both.
    write_artifact(out / WORK / SEALING, export.model_copy(update={"files": [*replaced, *export.files]}))
    (out / EXPORT).unlink(missing_ok=True)
    names = {entry.file for entry in export.files}
    _remove(out, (entry.file for entry in replaced if entry.file not in names))
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
    """Raise UsageError for a folder that holds anything but an export of this mixture and format."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise UsageError(f"--out {out}: is a file; name a folder")
    if not (out / EXPORT).is_file():
        if (out / WORK).is_dir():
            return  # ours, and not finished
        raise UsageError(
            f"--out {out}: holds files that are no export of flancollect; choose an empty folder"
        )
    try:
        present = read_export(out)
    except CheckError as error:
        raise UsageError(
            f"--out {out}: holds an {EXPORT} that is not of this version; choose another folder"
        ) from error
    if (present.kind, present.mixture) != (kind, mixture):
        raise UsageError(
            f"--out {out}: holds a {present.kind} export of {present.mixture}, not a {kind} export of {mixture}; "
            "choose another folder"
        )


def _remove(out: Path, names: Iterable[str]) -> None:
    """Remove files, and the folders that this empties."""
    for name in names:
        path = out / name
        path.unlink(missing_ok=True)
        if path.parent != out and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
