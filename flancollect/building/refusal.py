"""When a build, or a preview of one, has nothing to give: which error says why."""

from __future__ import annotations

from collections.abc import Sequence

from flancollect.errors import CheckError, FlancollectError, MisfitError, SourceError, UsageError
from flancollect.planning.recipe import Recipe
from flancollect.planning.selection import EXPECTED_SKIPS, Skip, missing_tasks

MOST_FAILURES_LISTED = 20


def refuse_empty(name: str, skipped: Sequence[Skip], *, rows: int, strict: bool) -> None:
    """Raise when nothing can be built, and in strict mode when anything cannot."""
    failures = [skip for skip in skipped if skip.kind not in EXPECTED_SKIPS]
    if failures and (strict or not rows):
        raise failure_of(failures)
    if rows:
        return
    refused = [skip for skip in skipped if skip.kind == "license"]
    if refused:
        reasons = "\n".join(f"{skip.task}: {skip.reason}" for skip in refused[:MOST_FAILURES_LISTED])
        raise CheckError(f"{name}: the license policy leaves nothing to build\n{reasons}")
    raise UsageError(f"{name}: nothing is left to build; every task is held out")


def refuse_incomplete(recipe: Recipe, skipped: Sequence[Skip]) -> None:
    """Raise SourceError for a benchmark of which tasks are missing, whatever the reason: its score would be another's.

    What was asked for in part (`--only`, `--rows`) lacks nothing.
    """
    missing = missing_tasks(skipped)
    if recipe.kind == "benchmark" and missing:
        reasons = "\n".join(f"{skip.task}: {skip.reason}" for skip in missing)
        raise SourceError(
            f"{recipe.name}: {len(missing)} of its tasks cannot be asked, so no score of it could be compared with one "
            f"of the whole benchmark. To build the others all the same: --allow-incomplete\n{reasons}"
        )


def failure_of(skips: Sequence[Skip]) -> FlancollectError:
    """The error that a list of skipped tasks amounts to: of cards if every one is, of sources otherwise."""
    lines = [f"{skip.task}: {skip.reason}" for skip in skips[:MOST_FAILURES_LISTED]]
    if len(skips) > MOST_FAILURES_LISTED:
        lines.append(f"... and {len(skips) - MOST_FAILURES_LISTED} more tasks")
    misfit = all(skip.kind == "card" for skip in skips)
    return (MisfitError if misfit else SourceError)("\n".join(lines))
