"""`flancollect cards check`: load everything, try every template, and lint."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flancollect.cli.options import CACHE, CacheDir, Catalogs, Json, access_of, print_json

if TYPE_CHECKING:
    from flancollect.cards.entries import Catalog, Task
    from flancollect.lint.report import LintReport


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
    from flancollect.cards.catalog import embedded_root, load_catalog
    from flancollect.errors import CardError
    from flancollect.lint.report import lint_catalogue, merged
    from flancollect.render.examples import check_examples, not_compiled
    from flancollect.sources.reshape import shape_problems

    # Each of these raises what it finds, so that templates are tried only once the cards fit together.
    loaded = load_catalog(catalog or [])
    unknown_shapes = list(shape_problems(loaded))
    if unknown_shapes:
        raise CardError(unknown_shapes)
    check_examples(loaded.families.values())
    report = lint_catalogue(loaded)
    if mirror is not None or task:
        report = merged(report, _lint_rows(loaded, task or [], mirror, cache))
    elif catalog:
        # The rows of one's own cards lie beside them more often than not, and say what no card does.
        own = [name for name, one in loaded.tasks.items() if one.root != embedded_root()]
        report = merged(report, _lint_rows(loaded, own, None, cache)) if own else report
    # To look at every text takes a second, so only those who ask for details wait for it.
    uncompiled, compiled = not_compiled(loaded) if verbose else ([], 0)
    # Problems are printed by the error that ends the command; in JSON they stand among the values, too.
    problems = report.of("problem")
    if json:
        values = {**_counts(loaded), **_as_dict(report, verbose)}
        if verbose:
            values |= {"compiled": compiled, "not_compiled": list(map(str, uncompiled))}
        print_json(values)
    else:
        if verbose:
            for problem in uncompiled:
                print(f"not compiled: {problem}", file=sys.stderr)
            totals = f"{compiled} compiled, {len(uncompiled)} left to Jinja"
            print(f"templates: {totals}", file=sys.stderr)
        _print_report(report, everything=lint or verbose or mirror is not None, details=verbose)
        if not problems:
            _print_counts(_counts(loaded))
    if problems:
        raise CardError(diagnostic.problem for diagnostic in problems)


def count_by_submix(tasks: Iterable[Task]) -> dict[str, int]:
    """How many tasks each submix has."""
    return dict(sorted(Counter(task.card.submix for task in tasks).items()))


def _lint_rows(catalog: Catalog, globs: list[str], mirror: Path | None, cache: Path) -> LintReport:
    from dataclasses import replace

    from flancollect.cards.select import matches
    from flancollect.cli.progress import progress
    from flancollect.errors import UsageError, did_you_mean
    from flancollect.lint.report import lint_rows
    from flancollect.lint.samples import read_samples

    # Offline whatever the options: a lint of 2,256 tasks must not begin with hundreds of gigabytes.
    tasks = [task for name, task in catalog.tasks.items() if not globs or matches(name, globs)]
    if not tasks:
        raise UsageError(
            f'--task: no task matches "{globs[0]}".' + did_you_mean(globs[0], catalog.tasks, "Tasks", 6)
        )
    with progress() as report:
        samples, unread = read_samples(tasks, access_of(mirror, True, cache), report)
    return replace(lint_rows(samples), tasks_read=len(samples), unread=unread)


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
    values: dict[str, Any] = {
        "problems": [diagnostic.as_dict() for diagnostic in report.of("problem")],
        "remarks": [diagnostic.as_dict() for diagnostic in report.of("remark")],
        "rows": {"tasks_read": report.tasks_read, "tasks_not_read": len(report.unread)},
    }
    if verbose:
        values["details"] = [diagnostic.as_dict() for diagnostic in report.of("detail")]
        values["silenced"] = [diagnostic.as_dict() for diagnostic in report.silenced]
        values["not_read"] = dict(report.unread)
    return values


def _print_report(report: LintReport, *, everything: bool, details: bool) -> None:
    """Remarks on stderr: each of them, or how many of which lint. Problems are raised, not printed here."""
    groups = [("remark", report.of("remark"))] if everything else []
    groups += [("detail", report.of("detail")), ("silenced", report.silenced)] if details else []
    for kind, diagnostics in groups:
        for diagnostic in diagnostics:
            print(f"{kind}: {diagnostic}", file=sys.stderr)
    # Remarks go to stderr: stdout holds counts, which scripts may compare from one day to the next.
    if details:
        for name, reason in report.unread.items():
            print(f"not read: {name}: {reason}", file=sys.stderr)
    if report.tasks_read or report.unread:
        print(f"rows: {report.tasks_read} tasks read, {len(report.unread)} not on this disk", file=sys.stderr)
    counts = report.counts("remark")
    if counts:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        total, hint = sum(counts.values()), "" if everything else "; --lint lists them"
        print(f"{total} remark{'s' if total > 1 else ''}: {listed}{hint}", file=sys.stderr)
