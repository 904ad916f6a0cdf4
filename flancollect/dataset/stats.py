"""What a build holds, counted from its rows: by submix, task, variant, template and style, and lengths.

Shards are read one at a time; memory grows with the number of different names and lengths, not with rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flancollect.artifacts import Manifest, PartRows, PathLike
from flancollect.dataset.reader import Build, open_build

ALL = "all"
MOST_LACKING = 5  # tasks that are named as lacking questions
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
    `skipped` tasks that are not in the build; `short` rows planned but not there; `shortened` rows of which limits cut
    the long field. `distinct_rows`, `source_rows` and
    `parts` are the manifest's, and `complete` and `lacking` of benchmarks.
    """

    rows: int
    shards: int
    short: int
    shortened: int
    skipped: int
    complete: bool
    lacking: dict[str, int]
    distinct_rows: int
    source_rows: int
    parts: list[PartRows]
    counts: dict[str, dict[str, int]]
    lengths: dict[str, dict[str, Lengths]]
    dropped: dict[str, int]


def stats(build: PathLike | Build) -> Stats:
    """Count a build's rows. Raises UsageError without a finished build, CheckError for a broken one."""
    build = open_build(build)
    manifest = build.manifest
    counts: dict[str, Counter[Any]] = {kind: Counter() for kind in (*_COLUMNS, *_STYLES, "exemplars")}
    lengths: dict[str, Counter[tuple[str, int]]] = {name: Counter() for name in _TEXTS}
    for table in build.tables([*_COLUMNS.values(), *_TEXTS, "provenance"]):
        keys = _key_columns(table)
        for kind, counter in counts.items():
            counter.update({value: rows for (value,), rows in _group_sizes(keys, [kind])})
        for name, pairs in lengths.items():
            pairs.update(dict(_group_sizes(keys, ["variant", name])))
    submixes: Counter[str] = Counter()
    for task, submix in {task.task: task.submix for task in manifest.tasks}.items():
        submixes[submix] += counts["task"][task]
    dropped: Counter[str] = Counter()
    for entry in manifest.tasks:
        dropped.update(entry.dropped)
    return Stats(
        rows=manifest.rows,
        shards=len(manifest.shards),
        short=manifest.short,
        shortened=manifest.shortened,
        skipped=len(manifest.skipped),
        complete=manifest.complete,
        lacking=manifest.lacking,
        distinct_rows=manifest.distinct_rows,
        source_rows=manifest.source_rows,
        parts=manifest.parts,
        counts={kind: _sorted(counter) for kind, counter in ({"submix": submixes} | counts).items()},
        lengths={name: _lengths_by_variant(pairs) for name, pairs in lengths.items()},
        dropped=_sorted(dropped),
    )


def stats_lines(statistics: Stats) -> list[str]:
    """The statistics as tables for people, the most frequent names first."""
    lines = [
        f"{number_of(statistics.rows, 'row')} in {number_of(statistics.shards, 'shard')}, "
        f"{statistics.short:,} fewer than planned"
    ]
    lines += [f"{number_of(statistics.skipped, 'task')} not in it"] if statistics.skipped else []
    lines += [] if statistics.complete else [lacking_line(statistics.lacking)]
    lines += composition_lines(statistics.rows, statistics)
    for kind, counts in statistics.counts.items():
        lines += ["", f"rows by {kind.replace('_', ' ')}", *_count_lines(counts)]
    for name, by_variant in statistics.lengths.items():
        lines += ["", f"bytes of {name}", f"{'mean':>12}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"]
        lines += [
            f"{row.mean:>12,.1f}{row.p50:>9,}{row.p90:>9,}{row.p99:>9,}{row.max:>9,}  {variant}"
            for variant, row in by_variant.items()
        ]
    return [*lines, "", "rows dropped", *_count_lines(statistics.dropped)]


def stats_json(statistics: Stats) -> dict[str, Any]:
    """The statistics as a JSON object."""
    return asdict(statistics) | {"parts": [part.model_dump() for part in statistics.parts]}


def number_of(count: int, what: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def lacking_line(lacking: Mapping[str, int]) -> str:
    """How many questions a benchmark lacks, and in which tasks: those that lack most."""
    named = sorted(lacking.items(), key=lambda item: (-item[1], item[0]))
    tasks = ", ".join(f"{task} {count:,}" for task, count in named[:MOST_LACKING])
    more = f" and {len(named) - MOST_LACKING} more tasks" if len(named) > MOST_LACKING else ""
    known = f" ({sum(lacking.values()):,}: {tasks}{more})" if named else ""
    return (
        f"incomplete: questions of the benchmark are missing{known}; "
        "compare no score of this build with one of the whole"
    )


def composition_lines(rows: int, composition: Manifest | Stats) -> list[str]:
    """What a mixture became: the share of each part, asked for and obtained, and how many of its rows differ."""
    lines = [
        f"{part.part}: {part.rows:,} rows, {part.rows / max(rows, 1):.1%} of all ({part.share:.1%} asked for, "
        f"{part.planned:,} rows planned)"
        for part in composition.parts
    ]
    twice = rows - composition.distinct_rows
    return [
        *lines,
        f"{composition.distinct_rows:,} different texts of {composition.source_rows:,} different source rows; "
        f"{number_of(twice, 'row')} with the text of another",
        *(
            [f"{composition.shortened:,} rows shortened to keep within the limits"]
            if composition.shortened
            else []
        ),
    ]


def shortage_lines(manifest: Manifest) -> list[str]:
    """The tasks that gave fewer rows than planned, and why; whether others made up for them."""
    planned, rows = Counter[str](), Counter[str]()
    reasons: dict[str, Counter[str]] = {}
    for entry in manifest.tasks:
        planned[entry.task] += entry.planned
        rows[entry.task] += entry.rows
        reasons.setdefault(entry.task, Counter()).update(entry.dropped)
    missing = {task: planned[task] - rows[task] for task in planned if rows[task] < planned[task]}
    if not missing:
        return []
    ordered = sorted(missing, key=lambda task: (-missing[task], task))
    rest = (
        f"{manifest.short:,} of the planned rows are missing" if manifest.short else "others made up for them"
    )
    lines = [f"short: tasks that gave fewer rows than planned: {len(missing):,}; {rest}"]
    for task in ordered[:LISTED]:
        dropped = ", ".join(f"{reason} ({count:,})" for reason, count in reasons[task].most_common(3))
        lines.append(f"  {task}: {rows[task]:,} of {planned[task]:,}: {dropped or 'it has no more'}")
    more = len(ordered) - LISTED
    return [*lines, f"  and {more:,} more (`planned` and `rows` in manifest.json)"] if more > 0 else lines


def _key_columns(table: pa.Table) -> pa.Table:
    """What is counted of each row, as columns of names and numbers."""
    provenance = table["provenance"]
    columns = {kind: table[column] for kind, column in _COLUMNS.items()}
    columns |= {style: pc.struct_field(provenance, style).fill_null("none") for style in _STYLES}
    columns |= {name: pc.binary_length(table[name]) for name in _TEXTS}
    return pa.table(columns | {"exemplars": pc.list_value_length(pc.struct_field(provenance, "exemplars"))})


def _group_sizes(keys: pa.Table, names: list[str]) -> Iterator[tuple[tuple[Any, ...], int]]:
    """The different values of some columns, and how many rows have them."""
    # Arrow returns groups in no fixed order; every counter is sorted before it is printed.
    groups = keys.group_by(names).aggregate([([], "count_all")])
    columns = [groups[name].to_pylist() for name in names]
    return zip(zip(*columns, strict=True), groups["count_all"].to_pylist(), strict=True)


def _sorted(counter: Mapping[Any, int]) -> dict[str, int]:
    """Counts by name; names sorted, numbers by size."""
    return {str(value): counter[value] for value in sorted(counter)}


def _lengths_by_variant(pairs: Mapping[tuple[str, int], int]) -> dict[str, Lengths]:
    """Lengths by variant and of all, from how many rows have each (variant, length)."""
    by_variant: dict[str, Counter[int]] = {ALL: Counter()}
    for (variant, length), rows in pairs.items():
        by_variant[ALL][length] += rows
        by_variant.setdefault(variant, Counter())[length] += rows
    # Integers up to the one division: a float sum would depend on the order of groups.
    return {
        name: Lengths(
            mean=round(sum(length * rows for length, rows in counter.items()) / counter.total(), 1),
            p50=_percentile(counter, 50),
            p90=_percentile(counter, 90),
            p99=_percentile(counter, 99),
            max=max(counter),
        )
        for name in (ALL, *sorted(by_variant.keys() - {ALL}))
        if (counter := by_variant[name])
    }


def _percentile(counter: Counter[int], percent: int) -> int:
    """The smallest length that at least `percent` % of the rows do not exceed."""
    # Nearest rank, of whole numbers: of 3, 5 and 9 bytes the median is 5, as 2 * 100 >= 3 * 50 and 1 * 100 is not.
    threshold, rows = counter.total() * percent, 0
    for length in sorted(counter):
        rows += counter[length]
        if rows * 100 >= threshold:
            return length
    raise ValueError("no rows")


def _count_lines(counts: Mapping[str, int]) -> list[str]:
    """The most frequent names, and how many more there are."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"{rows:>12,}  {name}" for name, rows in ordered[:LISTED]]
    more = len(ordered) - LISTED
    return [*lines, f"{'':>12}  and {more:,} more (--json lists all)"] if more > 0 else lines or ["  none"]
