"""Arguments and options that several commands share, and what they amount to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from flancollect.cards.licenses import PolicyName
    from flancollect.planning.prepare import BuildRequest, KnownFrom
    from flancollect.sources.table import SourceAccess

Catalogs = Annotated[
    list[Path] | None,
    typer.Option("--catalog", metavar="DIR", help="A folder of further cards; may be repeated."),
]
MirrorFile = Annotated[
    Path | None,
    typer.Option(
        "--mirror",
        metavar="FILE",
        envvar="FLANCOLLECT_MIRROR",
        help="A mirror.yaml: where sources lie on this disk.",
    ),
]
Offline = Annotated[bool, typer.Option("--offline", envvar="HF_HUB_OFFLINE", help="Never touch the network.")]
LockFile = Annotated[
    Path | None,
    typer.Option("--lock", metavar="FILE", help="Use this lock in place of the embedded sources.lock.json."),
]
CacheDir = Annotated[
    Path,
    typer.Option(
        "--cache", metavar="DIR", envvar="FLANCOLLECT_CACHE", help="Where downloaded files are kept."
    ),
]
Rows = Annotated[
    int | None, typer.Option("--rows", min=1, help="Rows in total, in place of the mixture's size.")
]
Seed = Annotated[int, typer.Option("--seed", help="Another seed is another draw of everything.")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="GLOB", help="Only tasks that match; may be repeated, !GLOB excludes."),
]
LicensePolicy = Annotated[
    Literal["commercial", "permissive", "any"] | None,
    typer.Option(
        "--license-policy",
        help="Skip tasks by license. commercial: no nc, no nd; permissive: no share-alike either; "
        "any: every known license. Unknown licenses pass none of them.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

CACHE = Path("~/.cache/flancollect")


def access_of(mirror: Path | None, offline: bool, cache: Path) -> SourceAccess:
    """How sources may be reached, from the options."""
    from flancollect.sources.mirror import load_mirror
    from flancollect.sources.table import SourceAccess

    return SourceAccess(
        mirror=load_mirror(mirror) if mirror is not None else None, offline=offline, cache=cache.expanduser()
    )


def request_of(
    name: str,
    catalog: list[Path] | None,
    access: SourceAccess,
    lock: Path | None,
    known_from: KnownFrom = "sources",
    *,
    rows: int | None = None,
    seed: int = 0,
    only: list[str] | None = None,
    license_policy: PolicyName | None = None,
) -> BuildRequest:
    """What to plan, from the options."""
    from flancollect.planning.prepare import BuildRequest

    return BuildRequest(
        name=name,
        catalogs=tuple(catalog or ()),
        rows=rows,
        seed=seed,
        only=tuple(only or ()),
        license_policy=license_policy,
        access=access,
        lock=lock,
        known_from=known_from,
    )


def print_json(value: Any) -> None:
    """Print a value as readable JSON on stdout."""
    import json

    print(json.dumps(value, indent=1, ensure_ascii=False))
