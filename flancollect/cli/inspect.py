"""`flancollect preview`, `why`, `stats`, `verify` and `diff`: look at what is or would be built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flancollect.cards.variants import VARIANTS
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
    print_skips,
    request_of,
)

if TYPE_CHECKING:
    from flancollect.building.trace import Trace

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")]


def preview(
    name: Annotated[
        str, typer.Argument(metavar="TASK|MIXTURE", help="A task (globs too), submix, mixture or benchmark.")
    ],
    variant: Annotated[str | None, typer.Option("--variant", help=f"One of {', '.join(VARIANTS)}.")] = None,
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
    few = show(request, n, variant)
    if json:
        print_json(asdict(few))
        return
    # Prompts hold line breaks and blanks of every kind, so they are printed as they are, between lines of our own.
    for row in few.rows:
        print(f"=== {row.task_name} · {row.template_type} · {row.template_id}")
        print(row.inputs)
        print("--- target")
        print(row.targets)
    for reason, count in few.dropped.items():
        print(f"dropped: {count:,} of the rows looked at: {reason}", file=sys.stderr)
    print_skips([(skip.task, skip.kind, skip.reason) for skip in few.skipped], file=sys.stderr)


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

    # What is traced, and with which seed, is in the build's own manifest; the request says where to look.
    result = trace(out, row, request_of("", catalog, access_of(mirror, offline, cache), lock))
    if json:
        print_json(result.as_dict())
    else:
        _print_trace(result)
    # The trace itself is printed either way: it shows which text is other now.
    if not result.rendered_again:
        raise CheckError(
            f"{out}: row {row} comes out differently now: card, template or source has changed since"
        )


def stats(out: Folder, json: Json = False) -> None:
    """Count rows by task, variant, template and style, and measure lengths."""
    from flancollect.dataset.stats import stats as count
    from flancollect.dataset.stats import stats_json, stats_lines

    statistics = count(out)
    if json:
        print_json(stats_json(statistics))
        return
    print("\n".join(stats_lines(statistics)))


def lint(
    out: Folder,
    most: Annotated[
        float | None,
        typer.Option("--most", min=0, help="Fail where more rows per 100 have one fault in a submix."),
    ] = None,
    json: Json = False,
) -> None:
    """Read every row of a build for doubled cues, labels and stops, options twice, and wrong decoding."""
    from flancollect.dataset.reader import open_build
    from flancollect.errors import CheckError
    from flancollect.lint.rendered import KINDS, lint_build

    report = lint_build(open_build(out))
    if json:
        print_json(
            {
                part: {
                    "rows": rows,
                    "per_100": {kind: report.rate(part, kind) for p, kind in report.counts if p == part},
                }
                for part, rows in report.rows.items()
            }
        )
    else:
        print("\n".join(report.lines()))
        if not report.counts:
            print(f"no faults found of {len(KINDS)} kinds: {', '.join(KINDS)}")
    above = [
        f"{part} {kind}"
        for part, kind in report.counts
        if most is not None and report.rate(part, kind) > most
    ]
    if above:
        raise CheckError(f"{out}: more than {most} rows per 100: {', '.join(sorted(above))}")


def verify(out: Folder, json: Json = False) -> None:
    """Read every byte of a build and compare it with the manifest; exit code 5 if anything differs."""
    # Imported here, like all that a command needs: `flancollect --help` must not wait for pyarrow.
    from flancollect.dataset.verify import verify as check

    verified = check(out)
    if json:
        print_json({"ok": True, "rows": verified.rows, "shards": verified.shards})
        return
    print(f"{out}: {verified.rows:,} rows in {verified.shards} shards, all as the manifest says")


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

    difference = compare(a, b, rows=rows)
    if json:
        print_json(difference_json(difference))
    else:
        print("\n".join(difference_lines(difference)))
    # As `diff` of files does: a script need not read what is printed. Settings may differ where rows do not.
    if not difference.equal:
        raise CheckError(f"{a} and {b} differ")


def _print_trace(result: Trace) -> None:
    styles = {"options": result.option_style, "shots": result.shot_style, "dialogs": result.dialog_style}
    used = ", ".join(f"{kind} {name}" for kind, name in styles.items() if name)
    print(f"row {result.row}: task {result.task} ({result.card}), variant {result.variant}")
    print(
        f"source: {result.source} at {result.revision}, "
        f"split {result.split}, row {result.source_row}, use {result.repeat + 1}"
    )
    print(f"template: {result.template} ({result.template_at}){f'; styles: {used}' if used else ''}")
    print(f"options: {result.options or 'none shown'}; answer: {result.answer}")
    print(f"exemplars: {f'{result.exemplar_source} rows {result.exemplars}' if result.exemplars else 'none'}")
    if result.exemplar_templates:
        print(f"in templates: {', '.join(result.exemplar_templates)}")
    for name, value in result.fields.items():
        print(f"field {name}: {value}")
    if result.cut_bytes:
        print(f"shortened to keep within the limits: {result.cut_bytes:,} bytes of a field")
    print(f"rendered again: {'the same text' if result.rendered_again else 'DIFFERENT'}")
    print("--- inputs")
    print(result.inputs)
    print("--- targets")
    print(result.targets)
