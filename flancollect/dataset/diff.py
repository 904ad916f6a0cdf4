"""What differs between two builds: settings, sources, tasks, and, if asked, the rows themselves.

Manifests alone say which tasks differ, so comparing takes no time; texts are looked up only for the rows
that are to be shown. Manifests are believed: `flancollect verify` says whether they may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from flancollect.artifacts import Manifest, TaskRows
from flancollect.dataset.reader import read_manifest, shard_tables

SETTINGS = (
    "kind",
    "mixture",
    "seed",
    "rows_asked",
    "flancollect",
    "render_version",
    "recipe_hash",
    "catalogue_hash",
)

TaskVariant: TypeAlias = tuple[str, str]
RowKey: TypeAlias = tuple[str, int, int]  # split, source_row, repeat
Texts: TypeAlias = tuple[str, str]  # inputs, targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting, or a source's revision, that is `a` in the first build and `b` in the second."""

    name: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """A task's variant whose rows differ, and how many it has in each build."""

    task: str
    variant: str
    rows_a: int
    rows_b: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row that differs: its (inputs, targets) in each build, None where it is not there."""

    task: str
    variant: str
    split: str
    source_row: int
    repeat: int
    a: Texts | None
    b: Texts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that differs, sorted by name. `equal`: the same rows in the same order and shards."""

    equal: bool
    settings: tuple[Change, ...]
    sources: tuple[Change, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    changed: tuple[TaskChange, ...]
    rows: tuple[RowChange, ...]


def diff(a: Path, b: Path, *, rows: int = 0) -> Difference:
    """Compare two builds; with `rows`, also show that many differing rows.

    Rows are paired by what they were made from (split, source row, repeat), not by position. Raises
    UsageError for a folder that is no finished build, CheckError for one that cannot be read.
    """
    first, second = read_manifest(a), read_manifest(b)
    changed = tuple(_changed_tasks(first, second))
    return Difference(
        equal=first.content_hash == second.content_hash,
        settings=tuple(_changes(_settings(first), _settings(second))),
        sources=tuple(_changes(_revisions(first), _revisions(second))),
        only_a=tuple(sorted(_tasks(first) - _tasks(second))),
        only_b=tuple(sorted(_tasks(second) - _tasks(first))),
        changed=changed,
        rows=tuple(islice(_changed_rows((a, first), (b, second), changed[:rows]), rows)),
    )


def difference_lines(difference: Difference) -> list[str]:
    """The difference as lines for people."""
    lines = [f"{change.name}: {change.a} -> {change.b}" for change in difference.settings]
    lines += [f"source {change.name}: {change.a} -> {change.b}" for change in difference.sources]
    lines += [f"only in the first: {task}" for task in difference.only_a]
    lines += [f"only in the second: {task}" for task in difference.only_b]
    lines += [
        f"{change.task} ({change.variant}): rows differ ({change.rows_a} -> {change.rows_b})"
        for change in difference.changed
    ]
    lines += [line for row in difference.rows for line in _row_lines(row)]
    if difference.equal:
        return [*lines, "the rows are the same"]
    return lines or ["the same rows of each task, in other shards"]


def difference_json(difference: Difference) -> dict[str, Any]:
    """The difference as a JSON object."""
    return asdict(difference)


def _settings(manifest: Manifest) -> dict[str, str]:
    return {name: str(getattr(manifest, name)) for name in SETTINGS}


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> list[Change]:
    """The names in both whose values differ."""
    names = sorted(name for name in a.keys() & b.keys() if a[name] != b[name])
    return [Change(name=name, a=a[name], b=b[name]) for name in names]


def _revisions(manifest: Manifest) -> dict[str, str]:
    return {task.source_key: task.revision for task in manifest.tasks}


def _tasks(manifest: Manifest) -> set[str]:
    return {task.task for task in manifest.tasks}


def _changed_tasks(a: Manifest, b: Manifest) -> Iterator[TaskChange]:
    """The variants that differ of tasks in both; one that only one build has counts 0 rows in the other."""
    in_a, in_b = _by_variant(a), _by_variant(b)
    both = _tasks(a) & _tasks(b)
    for task, variant in sorted(in_a.keys() | in_b.keys()):
        x, y = in_a.get((task, variant)), in_b.get((task, variant))
        if task in both and (x and x.rows_sha256) != (y and y.rows_sha256):
            yield TaskChange(task=task, variant=variant, rows_a=x.rows if x else 0, rows_b=y.rows if y else 0)


def _by_variant(manifest: Manifest) -> dict[TaskVariant, TaskRows]:
    return {(task.task, task.variant): task for task in manifest.tasks}


def _changed_rows(
    a: tuple[Path, Manifest], b: tuple[Path, Manifest], changed: Sequence[TaskChange]
) -> Iterator[RowChange]:
    """The differing rows of these tasks. One pass over each build; memory holds the texts of these tasks."""
    wanted = [(change.task, change.variant) for change in changed]
    in_a, in_b = _texts(*a, wanted), _texts(*b, wanted)
    for name in wanted:
        for at in sorted(in_a[name].keys() | in_b[name].keys()):
            x, y = in_a[name].get(at), in_b[name].get(at)
            if x != y:
                yield _row_change(name, at, x, y)


def _row_change(name: TaskVariant, at: RowKey, a: Texts | None, b: Texts | None) -> RowChange:
    return RowChange(task=name[0], variant=name[1], split=at[0], source_row=at[1], repeat=at[2], a=a, b=b)


def _texts(
    out: Path, manifest: Manifest, wanted: Sequence[TaskVariant]
) -> dict[TaskVariant, dict[RowKey, Texts]]:
    """Inputs and targets of every row of some tasks."""
    found: dict[TaskVariant, dict[RowKey, Texts]] = {name: {} for name in wanted}
    columns = ["task_name", "template_type", "inputs", "targets", "provenance"]
    for table in shard_tables(out, manifest, columns) if wanted else ():
        tasks = pc.is_in(table["task_name"], pa.array(sorted({task for task, _ in wanted})))
        for row in table.filter(tasks).to_pylist():
            name, made_of = (row["task_name"], row["template_type"]), row["provenance"]
            if name in found:
                at = (made_of["split"], made_of["source_row"], made_of["repeat"])
                found[name][at] = (row["inputs"], row["targets"])
    return found


def _row_lines(row: RowChange) -> list[str]:
    repeat = f", repeat {row.repeat}" if row.repeat else ""
    lines = [f"{row.task} ({row.variant}) {row.split} row {row.source_row}{repeat}:"]
    for sign, texts in (("-", row.a), ("+", row.b)):
        if texts:
            lines += [f"  {sign} inputs: {texts[0]!r}", f"  {sign} targets: {texts[1]!r}"]
    return lines
