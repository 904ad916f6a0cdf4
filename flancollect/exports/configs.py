"""Which rows of a build make up one configuration of an export, in files of how many rows. Pure reading.

Files hold a fixed number of rows, so that a change of some rows moves no boundary of other configurations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from flancollect.artifacts import Manifest, TaskRows
from flancollect.dataset.arrow_layout import tidy_batch
from flancollect.dataset.reader import Build
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
    groups: dict[tuple[str, str], list[TaskRows]] = {}
    for task in manifest.tasks:
        if task.rows:
            groups.setdefault((task.submix, task.variant), []).append(task)
    # The name is a folder of the export, and what `load_dataset` is given. No variant's name is the end of another's,
    # and no two submixtures of a catalogue differ in case alone, so no two of these are one.
    return tuple(
        Config(
            name=f"{submix}_{variant}",
            rows=sum(task.rows for task in tasks),
            tasks={variant: frozenset(task.task for task in tasks)},
        )
        for (submix, variant), tasks in sorted(groups.items())
    )


def row_groups(build: Build, config: Config, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The configuration's rows in batches of `GROUP_ROWS`, the last one shorter; one batch is held at a time.

    Raises CheckError when the shards hold another number of rows than the manifest says.
    """
    # With groups of 10 rows, batches of 4, 4 and 7 rows make 15: a group of 10, and a rest of 5 that waits for more.
    pending: list[pa.RecordBatch] = []
    pending_rows = total = 0
    for batch in _selection(build, config, columns):
        pending.append(batch)
        pending_rows += batch.num_rows
        total += batch.num_rows
        while pending_rows >= GROUP_ROWS:
            whole = pa.concat_batches(pending)
            yield tidy_batch(whole.slice(0, GROUP_ROWS))
            pending_rows -= GROUP_ROWS
            pending = [whole.slice(GROUP_ROWS)] if pending_rows else []
    if pending:
        yield tidy_batch(pa.concat_batches(pending))
    if total != config.rows:
        raise CheckError(
            f"{build.path}: {total} rows of {config.name}, not {config.rows}; `flancollect verify` says more"
        )


def _selection(build: Build, config: Config, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The configuration's rows as they lie in the shards, in batches that are never empty."""
    for table in build.tables(list(dict.fromkeys([*columns, "template_type", "task_name"]))):
        mask = None
        if config.tasks is not None:
            # One mask for the whole shard: a set of 1,800 names costs more to make than a batch to look up in it.
            in_config = [
                pc.and_(
                    pc.equal(table["template_type"], variant),
                    pc.is_in(table["task_name"], pa.array(sorted(tasks), pa.string())),
                )
                for variant, tasks in config.tasks.items()
            ]
            mask = reduce(pc.or_, in_config).combine_chunks()
        start = 0
        for batch in table.select(columns).to_batches():
            rows = batch if mask is None else batch.filter(mask.slice(start, batch.num_rows))
            start += batch.num_rows
            if rows.num_rows:
                yield rows
