"""Shuffling and writing a mixture, against `datasets`: the same rows from memory to shards on disk.

Each contestant runs in a process of its own, which says its processor time and peak memory; the rows that
each one wrote are compared as multisets. `interleave` mixes by drawing from one task after the other.
"""

from __future__ import annotations

import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, concatenate_datasets, interleave_datasets, load_from_disk

from flancollect.draw import draws, key
from flancollect.schemas import MIXTURE, PROVENANCE, RENDERED
from flancollect.writing.reading import open_shard
from flancollect.writing.rendered import write_rendered
from flancollect.writing.shards import SHARD_BYTES, staging, write_shards
from tests.performance.measure import Timing
from tests.performance.rehearsal_sources import Words, random_words, texts

ROWS = 300_000
TASKS = 40
ROUNDS = 3
MEAN_WORDS = 130  # about 1 KB

Jobs = dict[str, pa.Table]


def shuffle() -> list[Timing]:
    """Every contestant in turn, some rounds; raises AssertionError when one wrote other rows."""
    said: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for _ in range(ROUNDS):
        for name, runs in said.items():
            runs.append(_in_its_own_process(name))
    digests = {name: {run["digest"] for run in runs} for name, runs in said.items()}
    assert len(set.union(*digests.values())) == 1, f"not the same rows: {digests}"
    for name, runs in said.items():
        wall, peak = (statistics.median(run[what] for run in runs) for what in ("wall_s", "peak_mb"))
        print(f"shuffle and write: {name}: {wall:.1f} s, {peak:.0f} MiB above its rows", file=sys.stderr)
    first = statistics.median(run["cpu_s"] for run in said["flancollect"])
    return [_timing(name, [run["cpu_s"] for run in runs], first) for name, runs in said.items()]


def _timing(name: str, seconds: list[float], first: float) -> Timing:
    low, median, high = (
        round(s / ROWS * 1e6, 3) for s in (min(seconds), statistics.median(seconds), max(seconds))
    )
    return Timing(
        bench="shuffle",
        case=f"{TASKS} tasks, {ROWS:,} rows of 1 KB",
        contestant=name,
        rows=ROWS,
        median_us=median,
        low_us=low,
        high_us=high,
        ratio=round(statistics.median(seconds) / first, 2),
        equal=True,
    )


def _in_its_own_process(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.performance.shuffle", name, folder]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(found.stdout)
    return result


def main(name: str, folder: str) -> None:
    """Run one contestant and print what it took; imports and the making of rows do not count."""
    run = CONTESTANTS[name]()
    jobs, out = made_jobs(), Path(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu = time.monotonic(), time.process_time()
    tables = run(jobs, out)
    took = {"wall_s": time.monotonic() - started, "cpu_s": time.process_time() - cpu}
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({**took, "peak_mb": peak, "digest": _digest(tables())}))


def made_jobs() -> Jobs:
    """Rows of `RENDERED` by task, in the order of their sources."""
    words, rows = random_words(), ROWS // TASKS
    return {f"task{number:02d}": _job(f"task{number:02d}", rows, words) for number in range(TASKS)}


def _job(name: str, rows: int, words: Words) -> pa.Table:
    number = np.arange(rows, dtype=np.int64)
    said = {"split": "train", "repeat": 0, "option_style": "dashes"}
    made = {
        "source_row": pa.array(number),
        "exemplars": pa.array([[]] * rows, PROVENANCE.field("exemplars").type),
    }
    made["options"] = pa.array([["yes", "no"]] * rows)
    made["answer"] = targets = texts(words, f"{name} targets", rows, 6)
    filled = [
        made[field.name] if field.name in made else pa.array([said.get(field.name)] * rows, field.type)
        for field in PROVENANCE
    ]
    columns = {
        "order": pa.array(draws(key(name), number)),
        "inputs": texts(words, name, rows, MEAN_WORDS),
        "targets": targets,
        "task_source": pa.array(["P3"] * rows),
        "task_name": pa.array([name] * rows),
        "template_type": pa.array(["zs_opt"] * rows),
        "template_id": pa.array(["qa/forward/ask"] * rows),
        "provenance": pa.StructArray.from_arrays(filled, fields=list(PROVENANCE)),
    }
    return pa.table(columns, schema=RENDERED)


def _digest(tables: list[pa.Table]) -> str:
    """A hash of the rows, whatever their order."""
    rows = (
        zip(*(table[name].to_pylist() for name in ("task_name", "inputs")), strict=True) for table in tables
    )
    digest = hashlib.sha256()
    for name, text in sorted(chain.from_iterable(rows)):
        digest.update(f"{name}\t{text}\n".encode())
    return digest.hexdigest()


# --- contestants -------------------------------------------------------------------------------------------

Written = Callable[[], list[pa.Table]]
Run = Callable[[Jobs, Path], Written]


def _flancollect() -> Run:
    """Jobs to sorted files, and those to shards: all that a build does with rendered rows."""

    def run(jobs: Jobs, out: Path) -> Written:
        files = [
            (out / f"{name}.arrow", write_rendered(out / f"{name}.arrow", [table]))
            for name, table in jobs.items()
        ]
        write_shards([(path, info.bytes) for path, info in files], out)
        return lambda: [_read(path) for path in sorted(staging(out).iterdir())]

    return run


def _read(path: Path) -> pa.Table:
    with open_shard(path) as reader:
        return reader.read_all()


def _shuffled() -> Run:
    """`concatenate_datasets`, `shuffle`, `save_to_disk`."""

    def run(jobs: Jobs, out: Path) -> Written:
        parts = [Dataset(table.select(MIXTURE.names)) for table in jobs.values()]
        mixed = concatenate_datasets(parts).shuffle(seed=0)
        mixed.save_to_disk(str(out / "saved"), max_shard_size=SHARD_BYTES)
        return lambda: [load_from_disk(str(out / "saved")).data.table]

    return run


def _interleaved() -> Run:
    """`interleave_datasets` of shuffled tasks until all rows were given, and `save_to_disk`."""

    def run(jobs: Jobs, out: Path) -> Written:
        parts = [Dataset(table.select(MIXTURE.names)).shuffle(seed=0) for table in jobs.values()]
        even = [1 / len(parts)] * len(parts)
        mixed = interleave_datasets(
            parts, even, seed=0, stopping_strategy="all_exhausted_without_replacement"
        )
        mixed.save_to_disk(str(out / "saved"), max_shard_size=SHARD_BYTES)
        return lambda: [load_from_disk(str(out / "saved")).data.table]

    return run


CONTESTANTS: dict[str, Callable[[], Run]] = {
    "flancollect": _flancollect,
    "datasets shuffle + save_to_disk": _shuffled,
    "datasets interleave_datasets + save_to_disk": _interleaved,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
