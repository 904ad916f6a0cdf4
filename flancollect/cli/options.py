"""Arguments and options that several commands share, and what they amount to."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from flancollect.cards.licenses import PolicyName
from flancollect.cli.terminal import visible

if TYPE_CHECKING:
    from flancollect.planning.request import BuildRequest, ResolveFrom
    from flancollect.sources.table import SourceAccess

MixtureName = Annotated[
    str, typer.Argument(metavar="MIXTURE", help="A mixture, benchmark, submix, or task (globs too).")
]
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
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Never touch the network; so does the environment's HF_HUB_OFFLINE=1."),
]
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
    PolicyName | None,
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
    # Imported here: they bring in pyarrow, and `--help` must not wait for that.
    from huggingface_hub import constants  # alone: the client behind it takes a quarter of a second

    from flancollect.sources.mirror import load_mirror
    from flancollect.sources.table import SourceAccess

    return SourceAccess(
        mirror=load_mirror(mirror) if mirror is not None else None,
        offline=offline or constants.HF_HUB_OFFLINE,
        cache=cache,
    )


def request_of(
    name: str,
    catalog: list[Path] | None,
    access: SourceAccess,
    lock: Path | None,
    resolve_from: ResolveFrom = "sources",
    *,
    rows: int | None = None,
    seed: int = 0,
    only: list[str] | None = None,
    license_policy: PolicyName | None = None,
) -> BuildRequest:
    """What to plan, from the options."""
    from flancollect.planning.request import BuildRequest

    return BuildRequest(
        name,
        catalogs=tuple(catalog or ()),
        rows=rows,
        seed=seed,
        only=tuple(only or ()),
        license_policy=license_policy,
        access=access,
        lock=lock,
        resolve_from=resolve_from,
    )


def print_json(value: Any) -> None:
    """Print a value as readable JSON on stdout, with the escapes of JSON for what a terminal must not get."""
    import json

    text = json.dumps(value, indent=1, ensure_ascii=False)
    if visible(text) != text or not _in_unicode(sys.stdout):
        text = json.dumps(value, indent=1)
    print(text)


def _in_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")


MOST_SKIPS_PRINTED = 10
_PATHS = re.compile(r"\S*[/:]\S*")


def print_skips(skips: Iterable[tuple[str, str, str]], file: TextIO | None = None) -> None:
    """Print skipped tasks (task, kind, reason): those that differ only in names and paths in one line.

    The commonest reason comes first. `file` is stdout, if it is not said.
    """
    # A dead host skips 1,500 tasks for reasons that differ in the file alone: without paths they are one reason.
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for task, kind, reason in skips:
        groups.setdefault((kind, _PATHS.sub("", reason)), []).append((task, reason))
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    for (kind, _), group in ordered[:MOST_SKIPS_PRINTED]:
        task, reason = group[0]
        tasks = task if len(group) == 1 else f"{len(group)} tasks, such as {task}"
        print(f"skipped ({kind}): {tasks}: {reason}", file=file)
    if len(ordered) > MOST_SKIPS_PRINTED:
        more = len(ordered) - MOST_SKIPS_PRINTED
        print(f"skipped: {more} further reasons; --json lists them all", file=file)
