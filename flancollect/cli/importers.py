"""`flancollect import`: another collection's templates as a private catalogue."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from flancollect.cli.options import Json, print_json
from flancollect.importers import KINDS

MAX_LISTED_REASONS = 10

Kind = Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")]
Checkout = Annotated[
    Path, typer.Argument(metavar="SRC", help="The folder of a checkout. Nothing in it is run.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The catalogue: a new or empty folder.")]


def import_(kind: Kind, src: Checkout, out: Out, json: Json = False) -> None:
    """Turn a checkout of another collection into a private catalogue, for use with --catalog."""
    from flancollect.importers import import_catalogue

    conversion = import_catalogue(kind, src, out)
    counted = Counter(item.reason for item in conversion.not_converted)
    # The commonest first; `most_common` would leave equals in the order of the files, which is no argument.
    reasons = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    if json:
        counts = {"unit": conversion.unit, "total": conversion.total, "converted": conversion.converted}
        print_json({"kind": kind, "out": str(out), **counts, "not_converted": reasons})
        return
    print(f"{conversion.converted:,} of {conversion.total:,} {conversion.unit} converted, in {out}")
    for reason, count in list(reasons.items())[:MAX_LISTED_REASONS]:
        print(f"not converted: {count:,}: {reason}")
    if conversion.not_converted:
        print(f"{out / 'not_converted.csv'} lists each of them")
