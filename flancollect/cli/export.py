"""`flancollect export`: a finished build in another shape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flancollect.cli.options import Json, print_json
from flancollect.exports.formats import FORMATS

if TYPE_CHECKING:
    from flancollect.exports.export import Exported


def export(
    build: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to export to.")],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            # No enumeration for Typer: a name that is not there is answered with the nearest that is.
            metavar=f"[{'|'.join(FORMATS)}]",
            help="; ".join(f"{name}: {content}" for name, content in FORMATS.items()) + ".",
        ),
    ] = "parquet",
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance/--no-provenance", help="Keep the column that says what a row was made of."
        ),
    ] = True,
    json: Json = False,
) -> None:
    """Export a finished build with a dataset card. Stopped, it resumes; after a new build, it updates."""
    from flancollect.cli.progress import progress
    from flancollect.exports.export import ExportOptions
    from flancollect.exports.export import export as run

    with progress() as report:
        exported = run(build, out, ExportOptions(format=format_, provenance=provenance), report)
    if json:
        print_json(
            {"out": str(out), "reused": exported.reused, **exported.export.model_dump(exclude={"format"})}
        )
        return
    _print(exported, out)


def _print(exported: Exported, out: Path) -> None:
    listing = exported.export
    # The card and what belongs to it have neither rows nor a configuration; an empty data file has the latter.
    data = [file for file in listing.files if file.rows or file.config]
    configs = list(dict.fromkeys(file.config for file in data if file.config))
    note = " (already there)" if exported.reused else ""
    print(f"{listing.mixture}: {listing.rows:,} rows as {listing.kind} in {out}{note}")
    size = sum(file.bytes for file in data) / 1e6
    print(f"data files: {len(data)}, {size:,.1f} MB; README.md says what is in them")
    print(f"configurations: {', '.join(configs)}")
    print(f"content hash {listing.content_hash}")
