"""Shuffling and writing a mixture, against `datasets`: the same rows from memory to shards on disk.

Each contestant runs in a process of its own, which says its processor time and peak memory; the rows that
each one wrote are compared as multisets. `interleave` and seqio's mixture draw from one task after the other;
seqio, where it is given, starts from tensors and carries no provenance.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, concatenate_datasets, interleave_datasets, load_from_disk

from flancollect.building.mix import write_shards
from flancollect.dataset.reader import open_shard
from flancollect.dataset.schemas import MIXTURE, PROVENANCE, RENDERED
from flancollect.dataset.shards import SHARD_BYTES, staging
from flancollect.draw import draws, key
from tests.builds import write_job
from tests.performance.measure import Timing
from tests.performance.own_process import Written, report
from tests.performance.rehearsal_sources import Words, random_words, texts
from tests.performance.seqio_process import mixture_command

ROWS = 300_000
TASKS = 40
ROUNDS = 3
MEAN_WORDS = 130  # about 1 KB

THIS = (sys.executable, "-m", "tests.performance.shuffle")

Jobs = dict[str, pa.Table]


def shuffle() -> list[Timing]:
    """Every contestant in turn, some rounds; raises AssertionError when one wrote other rows."""
    with tempfile.TemporaryDirectory() as rows:
        commands = {name: [*THIS, name] for name in CONTESTANTS} | _seqio(Path(rows))
        said: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, runs in said.items():
                runs.append(_in_its_own_process(commands[name]))
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


def _seqio(rows: Path) -> dict[str, list[str]]:
    """The command of seqio's mixture, and the rows that it reads before its clock starts."""
    command = mixture_command(rows)
    if command is None:
        return {}
    subprocess.run([*THIS, "--texts", str(rows)], check=True)
    return {"seqio Mixture, its shuffle buffer, no provenance": command}


def _in_its_own_process(command: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run([*command, folder], check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(found.stdout)
    return result


def main(name: str, folder: str) -> None:
    """Run one contestant and print what it took; imports and the making of rows do not count."""
    run = CONTESTANTS[name]()
    jobs, out = made_jobs(), Path(folder)
    report(lambda: run(jobs, out))


def write_texts(folder: str) -> None:
    """The same rows without their provenance, a file for each task, for those who do not start from `Jobs`."""
    for name, table in made_jobs().items():
        texts_only = table.drop_columns(["order", "provenance"])
        with (
            pa.OSFile(f"{folder}/{name}.arrow", "wb") as sink,
            pa.ipc.new_file(sink, texts_only.schema) as out,
        ):
            out.write_table(texts_only)


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
        "exemplar_templates": pa.array([[]] * rows, PROVENANCE.field("exemplar_templates").type),
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


# --- contestants -------------------------------------------------------------------------------------------

Run = Callable[[Jobs, Path], Written]


def _flancollect() -> Run:
    """Jobs to sorted files, and those to shards: all that a build does with rendered rows."""

    def run(jobs: Jobs, out: Path) -> Written:
        paths = {name: out / f"{name}.rows" for name in jobs}
        write_shards([(paths[name], write_job(paths[name], table)) for name, table in jobs.items()], out)
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
    if sys.argv[1] == "--texts":
        write_texts(sys.argv[2])
    else:
        main(*sys.argv[1:])
