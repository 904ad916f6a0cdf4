"""Importers: a checkout of another collection to a private catalogue that builds like any other.

Each kind is one module with a function from the checkout's folder to a Conversion; nothing of a checkout is ever
run.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from flancollect.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from flancollect.importers.conversion import Conversion

# The command line offers these names, and must not wait for Jinja: a module is imported when its kind is asked for.
KINDS = {
    "promptsource": "promptsource",
    "flan": "flan",
    "natural-instructions": "natural_instructions",
}
"""The module of each kind. `flancollect.importers.<module>.convert(src)` gives the Conversion."""


def import_catalogue(kind: str, src: Path, out: Path) -> Conversion:
    """Convert a checkout and write the catalogue to a folder that is new or empty.

    Raises UsageError for an unknown kind and for folders that do not fit, before anything is written.
    """
    if kind not in KINDS:
        raise UsageError(f'no importer "{kind}".' + did_you_mean(kind, KINDS, "Kinds"))
    if not src.is_dir():
        raise UsageError(f"{src}: no such folder; name a checkout of the collection")
    from flancollect.importers.catalogue_folder import write_catalogue  # noqa: PLC0415 (as the modules of the kinds)

    module = import_module(f"flancollect.importers.{KINDS[kind]}")
    return write_catalogue(out, lambda: module.convert(src))
