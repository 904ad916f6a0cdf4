"""`flancollect build`, `plan` and `lock`."""

from __future__ import annotations

import re
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
    Offline,
    Only,
    Rows,
    Seed,
    access_of,
    print_json,
    request_of,
)

if TYPE_CHECKING:
    from flancollect.artifacts import Manifest
    from flancollect.building.build import Built
    from flancollect.planning.plan import BuildPlan
    from flancollect.planning.prepare import KnownFrom

MOST_SKIPS_SHOWN = 10
PATHS = re.compile(r"\S*[/:]\S*")

Name = Annotated[
    str, typer.Argument(metavar="MIXTURE", help="A mixture, benchmark, submix, or task (globs too).")
]


def build(
    name: Name,
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
    known: KnownFrom = "frozen" if frozen else "sources"
    wanted = request_of(
        name, catalog, access, lock, known, rows=rows, seed=seed, only=only, license_policy=license_policy
    )
    options = BuildOptions(
        out=out,
        workers=default_workers() if workers is None else workers,
        strict=strict,
        overwrite=overwrite,
        discard_work=discard_work,
    )
    with progress() as report:
        built = run(wanted, options, report)
    _print_built(built, out, json)


def plan(
    name: Name,
    rows: Rows = None,
    seed: Seed = 0,
    mirror: MirrorFile = None,
    catalog: Catalogs = None,
    only: Only = None,
    license_policy: LicensePolicy = None,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Look at the sources, as build does (implied by --mirror).")
    ] = False,
    offline: Offline = False,
    cache: CacheDir = CACHE,
    lock: LockFile = None,
    json: Json = False,
) -> None:
    """Show the quota of every task and variant, and what would be skipped, before any work.

    Without --resolve or --mirror nothing is reached: sizes come from the lock and from the cards.
    """
    from flancollect.cli.progress import progress
    from flancollect.planning.prepare import prepare

    access = access_of(mirror, offline, cache)
    known: KnownFrom = "sources" if resolve or mirror is not None else "declared"
    wanted = request_of(
        name, catalog, access, lock, known, rows=rows, seed=seed, only=only, license_policy=license_policy
    )
    with progress() as report:
        _, planned = prepare(wanted, report)
    if json:
        print_json(_plan_dict(planned))
        return
    _print_plan(planned)


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
    from flancollect.planning.prepare import write_lock

    with progress() as report:
        path, locked, failed = write_lock(
            tuple(names or ()), tuple(catalog or ()), access_of(mirror, offline, cache), out, report
        )
    for key, reason in sorted(failed.items()):
        print(f"not locked: {key}: {reason}", file=sys.stderr)
    if json:
        print_json({"lock": str(path), "locked": locked, "failed": failed})
        return
    print(f"{path}: {locked} sources locked, {len(failed)} not reached")


def _print_built(built: Built, out: Path, json: bool) -> None:
    manifest, report = built.manifest, built.report
    if json:
        print_json({"out": str(out), **built_dict(built)})
        return
    coverage = manifest.coverage
    copied = f" ({report.copied_rows:,} of their rows copied)" if report.copied_rows else ""
    print(f"{manifest.mixture}: {manifest.rows:,} rows of {manifest.rows_asked:,} asked for, in {out}")
    print(
        f"coverage: {coverage.built_tasks} of {coverage.planned_tasks} tasks built, "
        f"{coverage.skipped_tasks} skipped; "
        f"{report.rendered_jobs} jobs rendered{copied}, {report.reused_jobs} reused"
    )
    if manifest.short:
        print(f"short: {manifest.short:,} planned rows are missing; see `dropped` in manifest.json")
    for reason, count in sorted(_drops(manifest).items(), key=lambda item: (-item[1], item[0])):
        print(f"dropped: {count:,} rows: {reason}")
    _print_skips([(skip.task, skip.kind, skip.reason) for skip in manifest.skipped])
    print(f"license of the whole: {manifest.license}: {manifest.license_reason}")
    print(f"content hash {manifest.content_hash}")
    print(
        f"{report.wall_s:.1f} s, {report.rows_per_s:,.0f} rows/s, peak {report.peak_rss_mb:,.0f} MB, "
        f"{report.workers} workers"
    )


def built_dict(built: Built) -> dict[str, Any]:
    """What `build --json` prints, save the folder."""
    manifest, report = built.manifest, built.report
    return {
        "mixture": manifest.mixture,
        "seed": manifest.seed,
        "rows": manifest.rows,
        "rows_asked": manifest.rows_asked,
        "short": manifest.short,
        "tasks": manifest.coverage.built_tasks,
        "planned_tasks": manifest.coverage.planned_tasks,
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


def _print_skips(skips: list[tuple[str, str, str]]) -> None:
    """Skipped tasks, those that differ only in names and paths together, the commonest reason first."""
    alike: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for task, kind, reason in skips:
        alike.setdefault((kind, PATHS.sub("", reason)), []).append((task, reason))
    ordered = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    for (kind, _), found in ordered[:MOST_SKIPS_SHOWN]:
        task, reason = found[0]
        named = task if len(found) == 1 else f"{len(found)} tasks, such as {task}"
        print(f"skipped ({kind}): {named}: {reason}")
    if len(ordered) > MOST_SKIPS_SHOWN:
        print(f"skipped: {len(ordered) - MOST_SKIPS_SHOWN} further reasons; --json lists them all")


def _plan_dict(planned: BuildPlan) -> dict[str, Any]:
    from flancollect.cards.licenses import combined

    whole = combined(task.task.card.license for task in planned.tasks if task.quota)
    return {
        "mixture": planned.name,
        "seed": planned.seed,
        "rows_asked": planned.asked,
        "rows": planned.rows,
        "license": whole.id,
        "license_reason": whole.reason,
        "parts": _parts(planned),
        "tasks": [
            {
                "task": task.name,
                "part": task.part,
                "available": task.rows,
                "weight": float(task.weight),
                "capacity": task.capacity,
                "quota": task.quota,
                "variants": {job.variant.name: job.quota for job in task.jobs},
                "revision": task.lock.revision,
            }
            for task in planned.tasks
        ],
        "skipped": [
            {"task": skip.task, "kind": skip.kind, "reason": skip.reason} for skip in planned.skipped
        ],
    }


def _parts(planned: BuildPlan) -> dict[str, dict[str, Any]]:
    """By part: tasks, source rows up to the cap, planned rows, and their share beside the one asked for."""
    parts: dict[str, dict[str, Any]] = {
        name: {"tasks": 0, "capped_rows": 0, "rows": 0} for name in {**planned.shares, **_part_names(planned)}
    }
    for task in planned.tasks:
        part = parts[task.part]
        part["tasks"] += 1
        part["capped_rows"] += int(task.weight)
        part["rows"] += task.quota
    for name, part in parts.items():
        part["share"] = round(part["rows"] / max(planned.rows, 1), 6)
        if name in planned.shares:
            part["asked_share"] = round(float(planned.shares[name]), 6)
            part["difference"] = round(part["share"] - part["asked_share"], 6)
    return dict(sorted(parts.items()))


def _part_names(planned: BuildPlan) -> dict[str, None]:
    return dict.fromkeys(task.part for task in planned.tasks)


def _share(part: dict[str, Any]) -> str:
    if "asked_share" not in part:
        return f"({part['share']:.1%})"
    points = 100 * part["difference"]
    return f"({part['share']:.1%}; asked {part['asked_share']:.1%}, {points:+.1f} points)"


def _print_plan(planned: BuildPlan) -> None:
    from flancollect.cards.licenses import combined

    whole = combined(task.task.card.license for task in planned.tasks if task.quota)
    print("task\tpart\tavailable\tquota\tvariants")
    for task in planned.tasks:
        variants = " ".join(f"{job.variant.name}={job.quota}" for job in task.jobs)
        print(f"{task.name}\t{task.part}\t{task.rows}\t{task.quota}\t{variants}")
    for name, part in _parts(planned).items():
        print(f"part {name}: {part['tasks']} tasks, {part['rows']:,} rows {_share(part)}")
    _print_skips([(skip.task, skip.kind, skip.reason) for skip in planned.skipped])
    print(f"license of the whole: {whole.id}: {whole.reason}")
    short = (
        f"; {planned.asked - planned.rows:,} fewer than asked for: all that exists"
        if planned.rows < planned.asked
        else ""
    )
    print(f"{planned.rows:,} rows planned{short}")
