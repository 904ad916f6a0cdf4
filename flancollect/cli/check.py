"""`flancollect cards check`: load everything, try every template, and lint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flancollect.cli.options import CACHE, CacheDir, Catalogs, Json, access_of, print_json

if TYPE_CHECKING:
    from flancollect.cards.entries import Catalog
    from flancollect.lint.report import Diagnostic, LintReport


def check(
    lint: Annotated[
        bool, typer.Option("--lint", help="List every remark; without it they are counted.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            help="List details too, what cards silence, what was not read, and templates that are not compiled.",
        ),
    ] = False,
    mirror: Annotated[
        Path | None,
        typer.Option(
            "--mirror", metavar="FILE", help="Also lint some rows of every source that is on this disk."
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="GLOB", help="Lint rows of these tasks only; may be repeated."),
    ] = None,
    catalog: Catalogs = None,
    cache: CacheDir = CACHE,
    json: Json = False,
) -> None:
    """Check every card, template and style, try every template on its family's example, and lint.

    Problems end with exit code 3; remarks are for you to judge, and a card may silence them with a reason:
    `lint: {ignore: {few_templates: asked in one template by design}}`. Rows are linted with --mirror or --task,
    and nothing is downloaded for it.
    """
    from flancollect.cards.catalog import load_catalog
    from flancollect.errors import CardError
    from flancollect.lint.report import lint_catalogue, together
    from flancollect.render.examples import check_examples
    from flancollect.sources.reshape import shape_problems

    loaded = load_catalog(catalog or [])
    misnamed = list(shape_problems(loaded))
    if misnamed:
        raise CardError(misnamed)
    check_examples(loaded.families.values())
    report = lint_catalogue(loaded)
    if mirror is not None or task:
        report = together(report, _rows(loaded, task or [], mirror, cache))
    problems = report.of("problem")
    if json:
        print_json({**_counts(loaded), **_as_dict(report, verbose), **(_compiled(loaded) if verbose else {})})
    else:
        if verbose:
            _print_compiled(_compiled(loaded))
        _print(report, everything=lint or verbose or mirror is not None, details=verbose)
        if not problems:
            _print_counts(_counts(loaded))
    if problems:
        raise CardError(diagnostic.problem for diagnostic in problems)


def count_by_submix(tasks: Any) -> dict[str, int]:
    """How many tasks each submix has."""
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task.card.submix] = counts.get(task.card.submix, 0) + 1
    return dict(sorted(counts.items()))


def _compiled(catalog: Catalog) -> dict[str, Any]:
    from flancollect.render.examples import not_compiled

    found, compiled = not_compiled(catalog)
    return {"compiled": compiled, "not_compiled": [str(problem) for problem in found]}


def _print_compiled(found: dict[str, Any]) -> None:
    for problem in found["not_compiled"]:
        print(f"not compiled: {problem}", file=sys.stderr)
    left = len(found["not_compiled"])
    print(f"templates: {found['compiled']} compiled, {left} left to Jinja", file=sys.stderr)


def _rows(catalog: Catalog, globs: list[str], mirror: Path | None, cache: Path) -> LintReport:
    from dataclasses import replace

    from flancollect.cards.select import matches
    from flancollect.cli.progress import progress
    from flancollect.errors import UsageError, did_you_mean
    from flancollect.lint.report import lint_rows
    from flancollect.lint.samples import read_samples

    chosen = [task for name, task in catalog.tasks.items() if not globs or matches(name, globs)]
    if not chosen:
        raise UsageError(
            f'--task: no task matches "{globs[0]}".' + did_you_mean(globs[0], catalog.tasks, "Tasks", 6)
        )
    with progress() as report:
        samples, unread = read_samples(chosen, access_of(mirror, True, cache), report)
    return replace(lint_rows(samples), read=len(samples), unread=unread)


def _counts(catalog: Catalog) -> dict[str, Any]:
    return {
        "submixes": count_by_submix(catalog.tasks.values()),
        "tasks": len(catalog.tasks),
        "families": len(catalog.families),
        "templates": sum(len(family.templates) for family in catalog.families.values()),
        "mixtures": len(catalog.mixtures),
        "benchmarks": len(catalog.benchmarks),
    }


def _print_counts(counts: dict[str, Any]) -> None:
    for submix, count in counts.pop("submixes").items():
        print(f"{submix}: {count} tasks")
    print(", ".join(f"{count} {what}" for what, count in counts.items()) + ": no problems")


def _as_dict(report: LintReport, verbose: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "problems": [diagnostic.as_dict() for diagnostic in report.of("problem")],
        "remarks": [diagnostic.as_dict() for diagnostic in report.of("remark")],
        "rows": {"tasks_read": report.read, "tasks_not_read": len(report.unread)},
    }
    if verbose:
        found["details"] = [diagnostic.as_dict() for diagnostic in report.of("detail")]
        found["silenced"] = [diagnostic.as_dict() for diagnostic in report.silenced]
        found["not_read"] = dict(report.unread)
    return found


def _print(report: LintReport, *, everything: bool, details: bool) -> None:
    """Remarks on stderr: each of them, or how many of which lint."""
    if everything:
        _say("remark", report.of("remark"))
    if details:
        _say("detail", report.of("detail"))
        _say("silenced", report.silenced)
        for name, reason in report.unread.items():
            print(f"not read: {name}: {reason}", file=sys.stderr)
    if report.read or report.unread:
        print(f"rows: {report.read} tasks read, {len(report.unread)} not on this disk", file=sys.stderr)
    counts = report.counts("remark")
    if counts:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        total, hint = sum(counts.values()), "" if everything else "; --lint lists them"
        print(f"{total} remark{'s' if total > 1 else ''}: {listed}{hint}", file=sys.stderr)


def _say(what: str, all_said: tuple[Diagnostic, ...]) -> None:
    for diagnostic in all_said:
        print(f"{what}: {diagnostic}", file=sys.stderr)
