"""A converted catalogue as a folder: written beside its place, loaded as a check, renamed at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flancollect.cards.catalog import load_catalog
from flancollect.errors import CardError, UsageError
from flancollect.importers.card_text import index_text
from flancollect.importers.conversion import Conversion

NOT_CONVERTED = "not_converted.csv"


def write_catalogue(out: Path, convert: Callable[[], Conversion]) -> Conversion:
    """Convert and write; the folder appears whole or not at all.

    Raises UsageError when the folder holds anything or cannot be written, CardError when the catalogue does
    not fit beside the embedded one.
    """
    # `convert` is called once the folder can be written, so that minutes of work do not end in a refusal.
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise UsageError(f"--out {out}: is not empty; name a new folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # In the parent folder, because a rename must stay on one disk.
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
            folder = Path(temporary) / "catalogue"
            conversion = convert()
            rows = ((item.path, item.name, item.reason) for item in conversion.not_converted)
            files = {**conversion.files, NOT_CONVERTED: index_text(("path", "name", "reason"), rows)}
            for name, text in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            _check(folder, out)
            folder.replace(out)
    except OSError as error:
        raise UsageError(
            f"--out {out}: cannot be written: {error.strerror}; choose another folder"
        ) from error
    return conversion


def _check(folder: Path, out: Path) -> None:
    """Load the catalogue beside the embedded one, whose own problems are not the import's."""
    try:
        load_catalog([folder])
    except CardError as error:
        own = [problem for problem in error.problems if problem.file.startswith(str(folder))]
        if own:
            # Told by the place that was asked for: the temporary folder is gone when the message is read.
            raise CardError(
                replace(problem, file=problem.file.replace(str(folder), str(out), 1)) for problem in own
            ) from error
