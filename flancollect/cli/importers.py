"""`flancollect import`: another collection's templates as a private catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flancollect.cli.options import Json, print_json

if TYPE_CHECKING:
    from flancollect.importers.conversion import Conversion

MOST_REASONS_SHOWN = 10

Kind = Annotated[str, typer.Argument(metavar="KIND", help="promptsource, flan or natural-instructions.")]
Checkout = Annotated[
    Path, typer.Argument(metavar="SRC", help="The folder of a checkout. Nothing in it is run.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The catalogue: a new or empty folder.")]


def import_(kind: Kind, src: Checkout, out: Out, json: Json = False) -> None:
    """Turn a checkout of another collection into a private catalogue, for use with --catalog."""
    from flancollect.importers import import_catalogue

    conversion = import_catalogue(kind, src, out)
    if json:
        print_json({"kind": kind, "out": str(out), **_counts(conversion)})
        return
    print(f"{conversion.converted:,} of {conversion.total:,} {conversion.unit} converted, in {out}")
    for reason, count in list(_reasons(conversion).items())[:MOST_REASONS_SHOWN]:
        print(f"not converted: {count:,}: {reason}")
    if conversion.not_converted:
        print(f"{out / 'not_converted.csv'} lists each of them")


def _counts(conversion: Conversion) -> dict[str, Any]:
    return {
        "unit": conversion.unit,
        "total": conversion.total,
        "converted": conversion.converted,
        "not_converted": _reasons(conversion),
    }


def _reasons(conversion: Conversion) -> dict[str, int]:
    """How many were left out for each reason, the commonest first."""
    counts: dict[str, int] = {}
    for item in conversion.not_converted:
        counts[item.reason] = counts.get(item.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
