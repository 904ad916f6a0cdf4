"""`flancollect preview`, `why`, `stats`, `verify` and `diff`: look at what is or would be built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flancollect.cli.options import (
    CACHE,
    CacheDir,
    Catalogs,
    Json,
    LockFile,
    MirrorFile,
    Offline,
    Seed,
    access_of,
    print_json,
    request_of,
)

if TYPE_CHECKING:
    from flancollect.building.trace import Trace

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")]


def preview(
    name: Annotated[
        str, typer.Argument(metavar="TASK|MIXTURE", help="A task (globs too), submix, mixture or benchmark.")
    ],
    variant: Annotated[
        str | None, typer.Option("--variant", help="zs_opt, fs_opt, zs_noopt_inv, ...")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many rows.")] = 3,
    seed: Seed = 0,
    mirror: MirrorFile = None,
    catalog: Catalogs = None,
    offline: Offline = False,
    cache: CacheDir = CACHE,
    lock: LockFile = None,
    json: Json = False,
) -> None:
    """Show a few rows as a build would make them."""
    from dataclasses import asdict

    from flancollect.building.preview import preview as show

    request = request_of(name, catalog, access_of(mirror, offline, cache), lock, seed=seed)
    rows = show(request, n, variant)
    if json:
        print_json([asdict(row) for row in rows])
        return
    for row in rows:
        print(f"=== {row.task_name} · {row.template_type} · {row.template_id}")
        print(row.inputs)
        print("--- target")
        print(row.targets)


def why(
    out: Folder,
    row: Annotated[int, typer.Argument(help="A row number, as load_from_disk counts.")],
    mirror: MirrorFile = None,
    catalog: Catalogs = None,
    offline: Offline = False,
    cache: CacheDir = CACHE,
    lock: LockFile = None,
    json: Json = False,
) -> None:
    """Trace a row to its source, template, options and exemplars, and render it again."""
    from flancollect.building.trace import why as trace
    from flancollect.errors import CheckError

    found = trace(out, row, request_of("", catalog, access_of(mirror, offline, cache), lock))
    if json:
        print_json(found.as_dict())
    else:
        _print_trace(found)
    if not found.rendered_again:
        raise CheckError(
            f"{out}: row {row} comes out differently now: card, template or source has changed since"
        )


def stats(out: Folder, json: Json = False) -> None:
    """Count rows by task, variant, template and style, and measure lengths."""
    from flancollect.dataset.stats import stats as count
    from flancollect.dataset.stats import stats_json, stats_lines

    found = count(out)
    if json:
        print_json(stats_json(found))
        return
    print("\n".join(stats_lines(found)))


def verify(out: Folder, json: Json = False) -> None:
    """Read every byte of a build and compare it with the manifest; exit code 5 if anything differs."""
    from flancollect.dataset.verify import verify as check

    found = check(out)
    if json:
        print_json({"ok": True, "rows": found.rows, "shards": found.shards})
        return
    print(f"{out}: {found.rows:,} rows in {found.shards} shards, all as the manifest says")


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A build folder.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    rows: Annotated[int, typer.Option("--rows", min=0, help="Show the first N differing rows.")] = 0,
    json: Json = False,
) -> None:
    """Say how two builds differ; exit code 5 if they do."""
    from flancollect.dataset.diff import diff as compare
    from flancollect.dataset.diff import difference_json, difference_lines
    from flancollect.errors import CheckError

    found = compare(a, b, rows=rows)
    if json:
        print_json(difference_json(found))
    else:
        print("\n".join(difference_lines(found)))
    if not found.equal:
        raise CheckError(f"{a} and {b} differ")


def _print_trace(found: Trace) -> None:
    styles = {"options": found.option_style, "shots": found.shot_style, "dialogs": found.dialog_style}
    used = ", ".join(f"{kind} {name}" for kind, name in styles.items() if name)
    print(f"row {found.row}: task {found.task} ({found.card}), variant {found.variant}")
    print(
        f"source: {found.source} at {found.revision}, "
        f"split {found.split}, row {found.source_row}, use {found.repeat + 1}"
    )
    print(f"template: {found.template} ({found.template_at}){f'; styles: {used}' if used else ''}")
    print(f"options: {found.options or 'none shown'}; answer: {found.answer}")
    print(f"exemplars: {f'{found.exemplar_source} rows {found.exemplars}' if found.exemplars else 'none'}")
    for name, value in found.fields.items():
        print(f"field {name}: {value}")
    print(f"rendered again: {'the same text' if found.rendered_again else 'DIFFERENT'}")
    print("--- inputs")
    print(found.inputs)
    print("--- targets")
    print(found.targets)
