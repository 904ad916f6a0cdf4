"""Rows with the same input and target: no mixture needs one twice, unless its card says `dedup: none`.

Within a job, and against its twin, doubles are seen while rows are drawn, so that others take their place at once.
What several tasks have is seen when all are rendered: the first task keeps it. Inverted inputs that many targets share
are bounded in the same pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_digest

from flancollect.artifacts import JobRecord
from flancollect.building.settings import RenderSettings
from flancollect.dataset.job_file import entries_of, read_record
from flancollect.dataset.row_codec import SOURCE_ROW, TEXT_HASH, Block, Decoder, take
from flancollect.draw import Ints
from flancollect.errors import FlancollectError
from flancollect.planning.make_up import JobName
from flancollect.planning.task_plan import Job

Hashes = npt.NDArray[np.uint64]

WITHIN_TASK = "the same text as another row of the task"
ACROSS_TASKS = "the same text as a row of another task"
SAME_INPUT = "the same inverted input as {} rows before"

MOST_IN_VAIN = 10_000
"""So many rows one after another with inputs that have all their targets: then no further row is looked at."""


class EarlierTexts:
    """The texts that a job may not make again: its own so far, its twin's, and those that it leaves to other tasks."""

    def __init__(self, job: Job, twin: Path | None, settings: RenderSettings) -> None:
        self._of_others = np.array(job.doubles, dtype=np.uint64)
        self._of_task = np.zeros(0, dtype=np.uint64)
        if twin is not None:
            record = read_record(twin, settings.schema)
            if record is None:
                raise FlancollectError(f"{twin}: is gone or damaged; run the same command again")
            self._of_task = entries_of(twin, record, settings.schema)[TEXT_HASH].copy()

    def without(self, block: Block, dropped: Counter[str]) -> Block:
        """The rows of a block whose texts are new, which are now known, too."""
        hashes: Hashes = block.entries[TEXT_HASH].copy()
        first = np.zeros(block.rows, dtype=bool)
        first[np.unique(hashes, return_index=True)[1]] = True
        new = first & ~np.isin(hashes, self._of_task)
        own = new & ~np.isin(hashes, self._of_others)
        self._of_task = np.concatenate([self._of_task, hashes[own]])
        if own.all():
            return block
        dropped[WITHIN_TASK] += int(np.count_nonzero(~new))
        dropped[ACROSS_TASKS] += int(np.count_nonzero(new & ~own))
        # A reason that no row has is none.
        for reason in (WITHIN_TASK, ACROSS_TASKS):
            if not dropped[reason]:
                del dropped[reason]
        return take(block, np.flatnonzero(own))


class InvertedInputs:
    """How many targets each input of an inverted job has; `exhausted` when it seems that all have all they may have.

    Four inputs ("Write a headline about sports.", "... science.") with 20 targets each take 80 rows of a hundred
    thousand: after `MOST_IN_VAIN` more in which no other input turns up the job gives up.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._targets = Counter[bytes]()
        self._in_vain = 0

    @property
    def exhausted(self) -> bool:
        """Whether so many rows in succession were of no use that others are not worth a look."""
        return self._in_vain >= MOST_IN_VAIN

    def without(self, block: Block, dropped: Counter[str]) -> Block:
        """The rows of a block whose inputs may have one more target, in order."""
        rows = []
        for row, text in enumerate(Decoder(block).column("inputs", np.arange(block.rows)).to_pylist()):
            # Digests and not texts, which may be as long as the limits let them be.
            digest = xxh3_128_digest(text.encode())
            if self._targets[digest] < self._most:
                self._targets[digest] += 1
                self._in_vain = 0
                rows.append(row)
            else:
                self._in_vain += 1
        if len(rows) == block.rows:
            return block
        dropped[SAME_INPUT.format(self._most)] += block.rows - len(rows)
        return take(block, np.array(rows, dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts of a build: how many differ, of how many different source rows, and which jobs double others'."""

    distinct: int
    source_rows: int
    doubles: dict[JobName, tuple[int, ...]]


NO_TEXTS = Texts(distinct=0, source_rows=0, doubles={})


def compare_texts(jobs: Sequence[tuple[JobName, Path, JobRecord]], settings: RenderSettings) -> Texts:
    """Compare the rows of all jobs; they are in canonical order, in which the first one keeps a text."""
    hashes, sources = [np.zeros(0, dtype=np.uint64)], dict[str, list[Ints]]()
    for (task, _), path, record in jobs:
        entries = entries_of(path, record, settings.schema)
        hashes.append(entries[TEXT_HASH].copy())
        sources.setdefault(task, []).append(entries[SOURCE_ROW].copy())
    # Jobs of 2 and 3 rows with texts [7, 4] and [9, 7, 5]: of all five, those first seen are at [0, 1, 2, 4], so the
    # 7 at place 3 is a double, and 3 is within the second job.
    everything = np.concatenate(hashes)
    distinct, first = np.unique(everything, return_index=True)
    double = np.ones(len(everything), dtype=bool)
    double[first] = False
    stops = np.cumsum([len(of_job) for of_job in hashes[1:]])
    doubles = {}
    for (name, _, _), of_job, stop in zip(jobs, hashes[1:], stops.tolist(), strict=True):
        is_double = double[stop - len(of_job) : stop]
        if is_double.any():
            doubles[name] = tuple(np.unique(of_job[is_double]).tolist())
    return Texts(
        distinct=len(distinct),
        source_rows=sum(len(np.unique(np.concatenate(rows))) for rows in sources.values() if rows),
        doubles=doubles,
    )
