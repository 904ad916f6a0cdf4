"""`flancollect build` and `lock`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flancollect.cli.options import (
    CACHE,
    CacheDir,
    Catalogs,
    Json,
    LicensePolicy,
    LockFile,
    MirrorFile,
    MixtureName,
    Offline,
    Only,
    Rows,
    Seed,
    access_of,
    print_json,
    print_skips,
    request_of,
)

if TYPE_CHECKING:
    from flancollect.artifacts import Manifest
    from flancollect.building.build import BuildResult
    from flancollect.planning.request import ResolveFrom


def build(
    name: MixtureName,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The build folder.")],
    rows: Rows = None,
    seed: Seed = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; default one per core.")
    ] = None,
    mirror: MirrorFile = None,
    catalog: Catalogs = None,
    only: Only = None,
    license_policy: LicensePolicy = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop when any task must be skipped.")] = False,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Build a benchmark although tasks of it are missing.")
    ] = False,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Use the lock as it is; never look at a source first.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another build in the folder.")
    ] = False,
    discard_work: Annotated[
        bool,
        typer.Option("--discard-work", help="Delete the rendered tables at the end; rebuilding starts anew."),
    ] = False,
    offline: Offline = False,
    cache: CacheDir = CACHE,
    lock: LockFile = None,
    json: Json = False,
) -> None:
    """Build a mixture for datasets.load_from_disk. Stopped, it resumes; after a change, it updates."""
    from flancollect.building.build import BuildOptions, default_workers
    from flancollect.building.build import build as run
    from flancollect.cli.progress import progress

    access = access_of(mirror, offline, cache)
    resolve_from: ResolveFrom = "frozen" if frozen else "sources"
    request = request_of(
        name,
        catalog,
        access,
        lock,
        resolve_from,
        rows=rows,
        seed=seed,
        only=only,
        license_policy=license_policy,
    )
    options = BuildOptions(
        workers=default_workers() if workers is None else workers,
        strict=strict,
        allow_incomplete=allow_incomplete,
        overwrite=overwrite,
        discard_work=discard_work,
    )
    with progress() as report:
        result = run(request, out, options, report)
    _print_result(result, out, json)


def lock(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="Task globs; default all.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: the embedded sources.lock.json.")
    ] = None,
    mirror: MirrorFile = None,
    catalog: Catalogs = None,
    offline: Offline = False,
    cache: CacheDir = CACHE,
    json: Json = False,
) -> None:
    """Look at sources and write down commit, columns and row counts of each."""
    from flancollect.cli.progress import progress
    from flancollect.planning.resolve import write_lock

    with progress() as report:
        path, locked, failed = write_lock(
            tuple(names or ()), tuple(catalog or ()), access_of(mirror, offline, cache), out, report
        )
    # Sources that cannot be reached are told and not an error: a lock of the others is worth having.
    for key, reason in sorted(failed.items()):
        print(f"not locked: {key}: {reason}", file=sys.stderr)
    if json:
        print_json({"lock": str(path), "locked": locked, "failed": failed})
        return
    print(f"{path}: {locked} sources locked, {len(failed)} not reached")


def _print_result(result: BuildResult, out: Path, json: bool) -> None:
    from flancollect.dataset.stats import composition_lines, lacking_line, shortage_lines

    manifest, report = result.manifest, result.report
    if json:
        print_json({"out": str(out), **result_dict(result)})
        return
    # Read from top to bottom: what is there, how whole it is, what fell away and why, under which license.
    coverage = manifest.coverage
    copied = f" ({report.copied_rows:,} of their rows copied)" if report.copied_rows else ""
    print(f"{manifest.mixture}: {manifest.rows:,} rows of {manifest.rows_asked:,} asked for, in {out}")
    print(
        f"coverage: {coverage.built_tasks} of {coverage.planned_tasks} tasks built, "
        f"{coverage.skipped_tasks} skipped; "
        f"{report.rendered_jobs} jobs rendered{copied}, {report.reused_jobs} reused"
    )
    if manifest.kind == "benchmark" and not manifest.complete:
        print(lacking_line(manifest.lacking))
    for line in (*composition_lines(manifest.rows, manifest), *shortage_lines(manifest)):
        print(line)
    for reason, count in sorted(_drops(manifest).items(), key=lambda item: (-item[1], item[0])):
        print(f"dropped: {count:,} rows: {reason}")
    print_skips([(skip.task, skip.kind, skip.reason) for skip in manifest.skipped])
    print(f"license of the whole: {manifest.license}: {manifest.license_reason}")
    print(f"content hash {manifest.content_hash}")
    print(
        f"{report.wall_s:.1f} s, {report.rows_per_s:,.0f} rows/s, peak {report.peak_rss_mb:,.0f} MB, "
        f"{report.workers} workers"
    )


def result_dict(result: BuildResult) -> dict[str, Any]:
    """What `build --json` prints, save the folder."""
    manifest, report = result.manifest, result.report
    return {
        "mixture": manifest.mixture,
        "seed": manifest.seed,
        "rows": manifest.rows,
        "rows_asked": manifest.rows_asked,
        "short": manifest.short,
        "distinct_rows": manifest.distinct_rows,
        "source_rows": manifest.source_rows,
        "parts": [part.model_dump() for part in manifest.parts],
        "tasks": manifest.coverage.built_tasks,
        "planned_tasks": manifest.coverage.planned_tasks,
        "complete": manifest.complete,
        "skipped": [skip.model_dump() for skip in manifest.skipped],
        "dropped": _drops(manifest),
        "license": manifest.license,
        "licenses": [row.model_dump() for row in manifest.licenses],
        "shards": len(manifest.shards),
        "content_hash": manifest.content_hash,
        "rendered_jobs": report.rendered_jobs,
        "reused_jobs": report.reused_jobs,
        "copied_rows": report.copied_rows,
        "workers": report.workers,
        "wall_s": report.wall_s,
        "rows_per_s": report.rows_per_s,
        "peak_rss_mb": report.peak_rss_mb,
    }


def _drops(manifest: Manifest) -> dict[str, int]:
    drops: dict[str, int] = {}
    for task in manifest.tasks:
        for reason, count in task.dropped.items():
            drops[reason] = drops.get(reason, 0) + count
    return dict(sorted(drops.items()))
