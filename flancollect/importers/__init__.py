"""Importers: a checkout of another collection to a private catalogue that builds like any other.

Each kind is one function from the checkout's folder to a Conversion; nothing of a checkout is ever run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flancollect.errors import UsageError, did_you_mean
from flancollect.importers import flan, natural_instructions, promptsource
from flancollect.importers.catalogue_folder import write_catalogue
from flancollect.importers.conversion import Conversion

KINDS: dict[str, Callable[[Path], Conversion]] = {
    "promptsource": promptsource.convert,
    "flan": flan.convert,
    "natural-instructions": natural_instructions.convert,
}


def import_catalogue(kind: str, src: Path, out: Path) -> Conversion:
    """Convert a checkout and write the catalogue to a folder that is new or empty.

    Raises UsageError for an unknown kind and for folders that do not fit, before anything is written.
    """
    if kind not in KINDS:
        raise UsageError(f'no importer "{kind}".' + did_you_mean(kind, KINDS, "Kinds"))
    if not src.is_dir():
        raise UsageError(f"{src}: no such folder; name a checkout of the collection")
    return write_catalogue(out, lambda: KINDS[kind](src))
