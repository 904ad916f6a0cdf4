"""Which rows of a build make up one configuration of an export, in files of how many rows. Pure reading.

Files hold a fixed number of rows, so that a change of some rows moves no boundary of other configurations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from flancollect.artifacts import Manifest
from flancollect.dataset.arrow_layout import tidy_batch
from flancollect.dataset.reader import shard_tables
from flancollect.errors import CheckError

FILE_ROWS = 250_000
GROUP_ROWS = 10_000
DEFAULT = "default"
SPLIT = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A named selection of rows, in mixture order. `tasks` by variant; None selects every row."""

    name: str
    rows: int
    tasks: dict[str, frozenset[str]] | None = None

    def files(self, folder: str, suffix: str) -> list[tuple[str, int]]:
        """Names of its files under `folder`, and how many rows each holds; at least one file."""
        count = max(1, -(-self.rows // FILE_ROWS))
        sizes = [min(FILE_ROWS, self.rows - number * FILE_ROWS) for number in range(count)]
        return [
            (f"{folder}{SPLIT}-{number:05d}-of-{count:05d}.{suffix}", rows)
            for number, rows in enumerate(sizes)
        ]


def everything(manifest: Manifest) -> Config:
    """All rows of a build."""
    return Config(name=DEFAULT, rows=manifest.rows)


def by_style(manifest: Manifest) -> tuple[Config, ...]:
    """One configuration per submixture and template style that has rows, such as `flan2021_zs_opt`."""
    rows: dict[str, int] = {}
    tasks: dict[str, dict[str, set[str]]] = {}
    for task in manifest.tasks:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{task.submix}_{task.variant}")
        rows[name] = rows.get(name, 0) + task.rows
        tasks.setdefault(name, {}).setdefault(task.variant, set()).add(task.task)
    return tuple(
        Config(name=name, rows=rows[name], tasks={v: frozenset(t) for v, t in tasks[name].items()})
        for name in sorted(rows)
        if rows[name]
    )


def row_groups(
    build: Path, manifest: Manifest, config: Config, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """The configuration's rows in batches of `GROUP_ROWS`, the last one shorter; one batch is held at a time.

    Raises CheckError when the shards hold another number of rows than the manifest says.
    """
    waiting: list[pa.RecordBatch] = []
    ready = seen = 0
    for batch in _chosen(build, manifest, config, columns):
        waiting.append(batch)
        ready += batch.num_rows
        seen += batch.num_rows
        while ready >= GROUP_ROWS:
            whole = pa.concat_batches(waiting)
            yield tidy_batch(whole.slice(0, GROUP_ROWS))
            ready -= GROUP_ROWS
            waiting = [whole.slice(GROUP_ROWS)] if ready else []
    if waiting:
        yield tidy_batch(pa.concat_batches(waiting))
    if seen != config.rows:
        raise CheckError(
            f"{build}: {seen} rows of {config.name}, not {config.rows}; `flancollect verify` says more"
        )


def _chosen(build: Path, manifest: Manifest, config: Config, columns: list[str]) -> Iterator[pa.RecordBatch]:
    needed = dict.fromkeys([*columns, "template_type", "task_name"])
    for table in shard_tables(build, manifest, list(needed)):
        mask = None if config.tasks is None else _mask(table, config.tasks)
        at = 0
        for batch in table.select(columns).to_batches():
            kept = batch if mask is None else batch.filter(mask.slice(at, batch.num_rows))
            at += batch.num_rows
            if kept.num_rows:
                yield kept


def _mask(table: pa.Table, tasks: dict[str, frozenset[str]]) -> pa.Array:
    """Which rows of a shard are of these tasks in these variants."""
    masks = [
        pc.and_(
            pc.equal(table["template_type"], variant),
            pc.is_in(table["task_name"], pa.array(sorted(chosen), pa.string())),
        )
        for variant, chosen in tasks.items()
    ]
    return reduce(pc.or_, masks).combine_chunks()
