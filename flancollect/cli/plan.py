"""`flancollect plan`: what a build would hold, before any work."""

from __future__ import annotations

from collections.abc import Mapping
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
    from flancollect.building.outlook import Outlook
    from flancollect.planning.plan import BuildPlan
    from flancollect.planning.request import ResolveFrom
    from flancollect.planning.selection import Skip

MOST_OUTLOOKS_PRINTED = 10


def plan(
    name: MixtureName,
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

    Without --resolve or --mirror nothing is reached: sizes come from the lock and from the cards. With them, the first
    rows of every source on this machine are looked at, too: what a build would drop of them is said.
    """
    from flancollect.building.outlook import outlook
    from flancollect.cli.progress import progress
    from flancollect.planning.plan import plan as make_plan

    access = access_of(mirror, offline, cache)
    # With a mirror looking costs no network, so it is done without being asked.
    resolve_from: ResolveFrom = "sources" if resolve or mirror is not None else "declared"
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
    with progress() as report:
        build_plan = make_plan(request, report)
        outlooks = outlook(build_plan, access, report) if resolve_from == "sources" else {}
    if json:
        print_json(_plan_dict(build_plan, outlooks))
        return
    _print_plan(build_plan, outlooks, resolved=resolve_from == "sources")


def _plan_dict(build_plan: BuildPlan, outlooks: Mapping[str, Outlook]) -> dict[str, Any]:
    from flancollect.cards.ledger import differences
    from flancollect.cards.licenses import combined

    whole = combined(task.task.card.license for task in build_plan.tasks if task.quota)
    return {
        "mixture": build_plan.name,
        "seed": build_plan.recipe.seed,
        "rows_asked": build_plan.rows_asked,
        "rows": build_plan.rows,
        "license": whole.id,
        "license_reason": whole.reason,
        "parts": _parts(build_plan),
        "tasks": [
            {
                "task": task.name,
                "part": task.part,
                "available": task.rows,
                "weight": float(task.weight),
                "capacity": task.capacity,
                "quota": task.quota,
                "variants": {job.variant.name: job.quota for job in task.active_jobs},
                "revision": task.lock.revision,
                "differences": differences(task.task.card),
            }
            for task in build_plan.tasks
            if task.quota
        ],
        "falling_away": {
            task: {"looked_at": look.looked_at, "dropped": dict(look.dropped), "error": look.error}
            for task, look in outlooks.items()
        },
        "skipped": [
            {"task": skip.task, "kind": skip.kind, "reason": skip.reason} for skip in _skips(build_plan)
        ],
    }


def _skips(build_plan: BuildPlan) -> list[Skip]:
    return sorted([*build_plan.skipped, *build_plan.without_rows()])


def _parts(build_plan: BuildPlan) -> dict[str, dict[str, Any]]:
    """By part: tasks, the rows that they weigh, planned rows, and their share beside the one asked for."""
    # Shares are of what is planned: where a part lacks rows, the others' shares are above those asked for.
    parts: dict[str, dict[str, Any]] = {
        name: {"tasks": 0, "weight": 0.0, "rows": 0} for name in build_plan.shares
    }
    for task in build_plan.tasks:
        part = parts[task.part]
        part["tasks"] += 1
        part["weight"] += float(task.weight)
        part["rows"] += task.quota
    for name, part in parts.items():
        part["share"] = round(part["rows"] / max(build_plan.rows, 1), 6)
        part["asked_share"] = round(float(build_plan.shares[name]), 6)
        part["difference"] = round(part["share"] - part["asked_share"], 6)
        if released := build_plan.released.get(name):
            part["released"] = {
                "distance": round(float(released.distance), 6),
                "tasks": released.tasks,
                "uncounted": list(released.uncounted),
            }
    return dict(sorted(parts.items()))


def _print_plan(build_plan: BuildPlan, outlooks: Mapping[str, Outlook], *, resolved: bool) -> None:
    """`resolved` says whether sources were looked at: else a task whose size nobody knows is no loss yet."""
    from flancollect.cards.ledger import differences
    from flancollect.cards.licenses import combined
    from flancollect.dataset.stats import lacking_line, number_of
    from flancollect.planning.selection import missing_tasks

    whole = combined(task.task.card.license for task in build_plan.tasks if task.quota)
    # Tabs, so that `cut` and spreadsheets take the tasks; the sums come last, where a terminal ends.
    print("task\tpart\tavailable\tquota\tvariants")
    for task in (task for task in build_plan.tasks if task.quota):
        variants = " ".join(f"{job.variant.name}={job.quota}" for job in task.active_jobs)
        print(f"{task.name}\t{task.part}\t{task.rows}\t{task.quota}\t{variants}")
    for name, part in _parts(build_plan).items():
        share, points = f"{part['share']:.1%}; asked {part['asked_share']:.1%}", 100 * part["difference"]
        print(f"part {name}: {part['tasks']} tasks, {part['rows']:,} rows ({share}, {points:+.1f} points)")
        if released := build_plan.released.get(name):
            others = len(released.uncounted)
            print(
                f"  its tasks' shares are {float(released.distance):.2%} from the released ones (total variation; "
                f"{released.tasks:,} tasks released{f', and no cases of {others} others' if others else ''})"
            )
    print_skips([(skip.task, skip.kind, skip.reason) for skip in _skips(build_plan)])
    _print_outlooks(outlooks)
    differing = sum(bool(differences(task.task.card)) for task in build_plan.tasks)
    if differing:
        where = "named in task_cards/SOURCES.md and by `flancollect cards sources`"
        print(f"{differing:,} of {len(build_plan.tasks):,} tasks differ from the original ones: {where}")
    missing = missing_tasks(build_plan.skipped)
    lacking = build_plan.lacking_questions({task.name: task.quota for task in build_plan.tasks})
    if resolved and build_plan.recipe.kind == "benchmark" and (missing or lacking):
        print(lacking_line(lacking))
        if missing:
            print(f"a build is refused without --allow-incomplete: {number_of(len(missing), 'task')} missing")
    print(f"license of the whole: {whole.id}: {whole.reason}")
    short = (
        f"; {build_plan.rows_asked - build_plan.rows:,} fewer than asked for: all that exists"
        if build_plan.rows < build_plan.rows_asked
        else ""
    )
    print(f"{build_plan.rows:,} rows planned{short}")


def _print_outlooks(outlooks: Mapping[str, Outlook]) -> None:
    """The tasks that lose rows: first those that have no usable one, then those that lose most."""
    ordered = sorted(
        outlooks.items(), key=lambda item: (item[1].usable > 0, -sum(item[1].dropped.values()), item[0])
    )
    for task, look in ordered[:MOST_OUTLOOKS_PRINTED]:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in look.dropped.items())
        if look.error:
            print(f"fails: {task}: {look.error}")
        else:
            print(
                f"falls away: {task}: {look.usable} of {look.looked_at} rows looked at are usable: {reasons}"
            )
    if len(ordered) > MOST_OUTLOOKS_PRINTED:
        print(
            f"falls away: {len(ordered) - MOST_OUTLOOKS_PRINTED} further tasks lose rows; --json lists them all"
        )
