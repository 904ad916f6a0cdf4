"""What a build holds, counted from its rows: by submix, task, variant, template and style, and lengths.

Shards are read one at a time; memory grows with the number of different names and lengths, not with rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flancollect.artifacts import Manifest
from flancollect.dataset.reader import read_manifest, shard_tables

ALL = "all"
LISTED = 20  # names of one kind that fit on a screen; JSON has all of them

_COLUMNS = {"variant": "template_type", "task": "task_name", "template": "template_id"}
_STYLES = ("option_style", "shot_style", "dialog_style")
_TEXTS = ("inputs", "targets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """UTF-8 bytes of a text column: mean, and nearest-rank percentiles."""

    mean: float
    p50: int
    p90: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts of a build; names are sorted.

    `counts` is rows by kind and name: submix, variant, task, template, option_style, shot_style and
    dialog_style ("none" where a row has none), exemplars (how many a row shows). `lengths` is of inputs and
    targets by variant, and of all rows under "all". `dropped` counts, by reason, rows drawn but not used;
    `skipped` tasks that are not in the build; `short` rows planned but not there.
    """

    rows: int
    shards: int
    short: int
    skipped: int
    counts: dict[str, dict[str, int]]
    lengths: dict[str, dict[str, Lengths]]
    dropped: dict[str, int]


def stats(out: Path) -> Stats:
    """Count a build's rows. Raises UsageError without a finished build, CheckError for a broken one."""
    manifest = read_manifest(out)
    counts: dict[str, Counter[Any]] = {kind: Counter() for kind in (*_COLUMNS, *_STYLES, "exemplars")}
    lengths: dict[str, Counter[tuple[str, int]]] = {name: Counter() for name in _TEXTS}
    for table in shard_tables(out, manifest, [*_COLUMNS.values(), *_TEXTS, "provenance"]):
        keys = _keys(table)
        for kind, counter in counts.items():
            counter.update({value: rows for (value,), rows in _grouped(keys, [kind])})
        for name, pairs in lengths.items():
            pairs.update(dict(_grouped(keys, ["variant", name])))
    return Stats(
        rows=manifest.rows,
        shards=len(manifest.shards),
        short=manifest.short,
        skipped=len(manifest.skipped),
        counts={"submix": _by_submix(manifest, counts["task"])}
        | {kind: _sorted(counter) for kind, counter in counts.items()},
        lengths={name: _by_variant(pairs) for name, pairs in lengths.items()},
        dropped=_dropped(manifest),
    )


def stats_lines(found: Stats) -> list[str]:
    """The statistics as tables for people, the most frequent names first."""
    lines = [f"{found.rows:,} rows in {found.shards} shards, {found.short:,} short of the plan"]
    lines += [f"{found.skipped:,} tasks skipped"] if found.skipped else []
    for kind, counts in found.counts.items():
        lines += ["", f"rows by {kind.replace('_', ' ')}", *_count_lines(counts)]
    for name, by_variant in found.lengths.items():
        lines += ["", f"bytes of {name}", *_length_lines(by_variant)]
    return [*lines, "", "rows dropped", *_count_lines(found.dropped)]


def stats_json(found: Stats) -> dict[str, Any]:
    """The statistics as a JSON object."""
    return asdict(found)


def _keys(table: pa.Table) -> pa.Table:
    """What is counted of each row, as columns of names and numbers."""
    made_of = table["provenance"]
    columns = {kind: table[column] for kind, column in _COLUMNS.items()}
    columns |= {style: pc.struct_field(made_of, style).fill_null("none") for style in _STYLES}
    columns |= {name: pc.binary_length(table[name]) for name in _TEXTS}
    return pa.table(columns | {"exemplars": pc.list_value_length(pc.struct_field(made_of, "exemplars"))})


def _grouped(keys: pa.Table, names: list[str]) -> Iterator[tuple[tuple[Any, ...], int]]:
    """The different values of some columns, and how many rows have them."""
    groups = keys.group_by(names).aggregate([([], "count_all")])
    columns = [groups[name].to_pylist() for name in names]
    return zip(zip(*columns, strict=True), groups["count_all"].to_pylist(), strict=True)


def _sorted(counter: Mapping[Any, int]) -> dict[str, int]:
    """Counts by name; names sorted, numbers by size."""
    return {str(value): counter[value] for value in sorted(counter)}


def _by_submix(manifest: Manifest, tasks: Mapping[str, int]) -> dict[str, int]:
    counter: Counter[str] = Counter()
    for task, submix in {task.task: task.submix for task in manifest.tasks}.items():
        counter[submix] += tasks.get(task, 0)
    return _sorted(counter)


def _dropped(manifest: Manifest) -> dict[str, int]:
    counter: Counter[str] = Counter()
    for task in manifest.tasks:
        counter.update(task.dropped)
    return _sorted(counter)


def _by_variant(pairs: Mapping[tuple[str, int], int]) -> dict[str, Lengths]:
    """Lengths by variant and of all, from how many rows have each (variant, length)."""
    grouped: dict[str, Counter[int]] = {ALL: Counter()}
    for (variant, length), rows in pairs.items():
        grouped[ALL][length] += rows
        grouped.setdefault(variant, Counter())[length] += rows
    return {name: _lengths(grouped[name]) for name in (ALL, *sorted(grouped.keys() - {ALL})) if grouped[name]}


def _lengths(counter: Counter[int]) -> Lengths:
    rows = counter.total()
    return Lengths(
        mean=round(sum(length * n for length, n in counter.items()) / rows, 1),
        p50=_percentile(counter, 50),
        p90=_percentile(counter, 90),
        p99=_percentile(counter, 99),
        max=max(counter),
    )


def _percentile(counter: Counter[int], percent: int) -> int:
    """The smallest length that at least `percent` % of the rows do not exceed."""
    need, seen = counter.total() * percent, 0
    for length in sorted(counter):
        seen += counter[length]
        if seen * 100 >= need:
            return length
    raise ValueError("no rows")


def _count_lines(counts: Mapping[str, int]) -> list[str]:
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"{rows:>12,}  {name}" for name, rows in shown[:LISTED]]
    more = len(shown) - LISTED
    return [*lines, f"{'':>12}  and {more:,} more (--json lists all)"] if more > 0 else lines or ["  none"]


def _length_lines(by_variant: Mapping[str, Lengths]) -> list[str]:
    head = f"{'mean':>12}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"
    return [head] + [
        f"{row.mean:>12,.1f}{row.p50:>9,}{row.p90:>9,}{row.p99:>9,}{row.max:>9,}  {name}"
        for name, row in by_variant.items()
    ]
