"""What differs between two builds: settings, sources, tasks, and, if asked, the rows themselves.

Manifests alone say which tasks differ, so comparing takes no time; texts are looked up only for the rows
that are to be shown. Manifests are believed: `flancollect verify` says whether they may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from flancollect.artifacts import Manifest, PathLike
from flancollect.dataset.reader import Build, open_build

VARIANTS_AT_A_TIME = 64  # whose texts are held in memory

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
class ValueChange:
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
    settings: tuple[ValueChange, ...]
    sources: tuple[ValueChange, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    changed: tuple[TaskChange, ...]
    rows: tuple[RowChange, ...]


def diff(a: PathLike | Build, b: PathLike | Build, *, rows: int = 0) -> Difference:
    """Compare two builds; with `rows`, also show that many differing rows.

    Rows are paired by what they were made from (split, source row, repeat), not by position. Raises
    UsageError for a folder that is no finished build, CheckError for one that cannot be read.
    """
    build_a, build_b = open_build(a), open_build(b)
    first, second = build_a.manifest, build_b.manifest
    tasks_a, tasks_b = ({task.task for task in manifest.tasks} for manifest in (first, second))
    settings_a, settings_b = (
        {name: str(getattr(manifest, name)) for name in SETTINGS} for manifest in (first, second)
    )
    revisions_a, revisions_b = (
        {task.source_key: task.revision for task in manifest.tasks} for manifest in (first, second)
    )
    changed = tuple(_changed_tasks(first, second))
    return Difference(
        equal=build_a.content_hash == build_b.content_hash,
        settings=_changes(settings_a, settings_b),
        sources=_changes(revisions_a, revisions_b),
        only_a=tuple(sorted(tasks_a - tasks_b)),
        only_b=tuple(sorted(tasks_b - tasks_a)),
        changed=changed,
        rows=tuple(islice(_rows_to_show(build_a, build_b, changed, rows), max(rows, 0))),
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
    for row in difference.rows:
        repeat = f", repeat {row.repeat}" if row.repeat else ""
        lines.append(f"{row.task} ({row.variant}) {row.split} row {row.source_row}{repeat}:")
        for sign, texts in (("-", row.a), ("+", row.b)):
            if texts:
                lines += [f"  {sign} inputs: {texts[0]!r}", f"  {sign} targets: {texts[1]!r}"]
    if difference.equal:
        return [*lines, "the rows are the same"]
    return lines or ["the same rows of each task, in other shards"]


def difference_json(difference: Difference) -> dict[str, Any]:
    """The difference as a JSON object."""
    return asdict(difference)


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[ValueChange, ...]:
    """The names in both whose values differ."""
    names = sorted(name for name in a.keys() & b.keys() if a[name] != b[name])
    return tuple(ValueChange(name=name, a=a[name], b=b[name]) for name in names)


def _changed_tasks(a: Manifest, b: Manifest) -> Iterator[TaskChange]:
    """The variants that differ of tasks in both; one that only one build has counts 0 rows in the other."""
    rows_a, rows_b = ({(task.task, task.variant): task for task in manifest.tasks} for manifest in (a, b))
    common = {task for task, _ in rows_a} & {task for task, _ in rows_b}
    for task, variant in sorted(rows_a.keys() | rows_b.keys()):
        x, y = rows_a.get((task, variant)), rows_b.get((task, variant))
        if task in common and (x and x.rows_sha256) != (y and y.rows_sha256):
            yield TaskChange(task=task, variant=variant, rows_a=x.rows if x else 0, rows_b=y.rows if y else 0)


def _rows_to_show(a: Build, b: Build, changed: Sequence[TaskChange], rows: int) -> Iterator[RowChange]:
    """The differing rows of the changed tasks, in order, of which `rows` are wanted."""
    # Nearly every changed variant has a row to show, so as many variants as rows will do. Of some only the question
    # has changed, or a style's name: then it goes on, many at a time, as each time both builds are read.
    yield from _changed_rows(a, b, changed[:rows])
    for start in range(rows, len(changed), VARIANTS_AT_A_TIME):
        yield from _changed_rows(a, b, changed[start : start + VARIANTS_AT_A_TIME])


def _changed_rows(a: Build, b: Build, changed: Sequence[TaskChange]) -> Iterator[RowChange]:
    """The differing rows of these tasks. One pass over each build; memory holds the texts of these tasks."""
    names = [(change.task, change.variant) for change in changed]
    texts_a, texts_b = _texts(a, names), _texts(b, names)
    for task, variant in names:
        rows_a, rows_b = texts_a[task, variant], texts_b[task, variant]
        for key in sorted(rows_a.keys() | rows_b.keys()):
            x, y = rows_a.get(key), rows_b.get(key)
            if x != y:
                split, source_row, repeat = key
                yield RowChange(
                    task=task, variant=variant, split=split, source_row=source_row, repeat=repeat, a=x, b=y
                )


def _texts(build: Build, names: Sequence[TaskVariant]) -> dict[TaskVariant, dict[RowKey, Texts]]:
    """Inputs and targets of every row of some tasks."""
    texts: dict[TaskVariant, dict[RowKey, Texts]] = {name: {} for name in names}
    tasks = pa.array(sorted({task for task, _ in names}), pa.string())
    columns = ["task_name", "template_type", "inputs", "targets", "provenance"]
    for batch in build.batches(columns) if names else ():
        for row in batch.filter(pc.is_in(batch["task_name"], tasks)).to_pylist():
            # The filter lets all variants of a task pass; few are not asked for.
            rows = texts.get((row["task_name"], row["template_type"]))
            if rows is not None:
                origin = row["provenance"]
                key = (origin["split"], origin["source_row"], origin["repeat"])
                rows[key] = (row["inputs"], row["targets"])
    return texts
