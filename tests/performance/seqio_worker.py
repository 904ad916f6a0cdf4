"""seqio's own side, run by an interpreter that has it: formatting as FLAN does it, and a mixture.

`render CASE FOLDER` reads `rows.arrow`, builds a task, and for each line of its input writes texts or says
seconds; `mix ROWS FOLDER` mixes one task per file of ROWS, and prints what that took. Texts stay texts: the
vocabulary passes them through, because no other contestant makes tokens. Rows are tensors in memory before
the clock starts, and a task's graph is traced, as templates of the others are compiled.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import seqio
import tensorflow as tf

from tests.performance.measure import seconds_of
from tests.performance.own_process import report

BATCH = 1_024
TEXTS = ("inputs", "targets")
PASSED = ("task_source", "task_name", "template_type", "template_id")

Row = dict[str, tf.Tensor]  # of one row, or with a leading axis of a batch
Preprocessor = Callable[[tf.data.Dataset], tf.data.Dataset]


def main(what: str, *arguments: str) -> None:
    """Be one contestant."""
    {"render": render, "mix": mix}[what](*arguments)


# --- rendering ---------------------------------------------------------------------------------------------


def render(case: str, folder: str) -> None:
    """Answer lines `show HOW`, with texts in `texts.arrow`, and `time HOW`, with seconds, until there are no more."""
    if hasattr(os, "sched_setaffinity"):  # on one core its threads cost it a quarter less than on two
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = _tensors(_read(Path(folder) / "rows.arrow"))
    tasks = {how: _rendered(rows, apply(CASES[case])) for how, apply in HOWS.items()}
    for line in sys.stdin:
        asked, how = line.split()
        run = functools.partial(_column, tasks[how])
        if asked == "show":
            _write(Path(folder) / "texts.arrow", pa.table({"texts": run()}))
        print(seconds_of(run) if asked == "time" else "", flush=True)


def _rendered(rows: Row, preprocessor: Preprocessor) -> tf.data.Dataset:
    return _task("case", rows, ("inputs",), [preprocessor]).get_dataset(split="train", shuffle=False)


def _column(dataset: tf.data.Dataset) -> pa.ChunkedArray:
    return pa.chunked_array([_strings(batch["inputs"]) for batch in dataset.batch(BATCH).as_numpy_iterator()])


def _formatted(pattern: str, row: Row) -> Row:
    """A pattern with its {names} filled, as a graph of string tensors."""
    pieces = re.split(r"\{(\w+)\}", pattern)
    return {"inputs": tf.strings.join([row[piece] if i % 2 else piece for i, piece in enumerate(pieces)])}


def _plain(row: Row) -> Row:
    return _formatted('{premise}\n\nBased on this, can we say that "{hypothesis}"? {answer}', row)


def _if_and_index(row: Row) -> Row:
    label = row["label"]
    asked = tf.where(label == 1, "Is it so?", tf.where(label == 2, "Perhaps?", "Never?"))
    choice = tf.gather(row["choices"], label, batch_dims=label.ndim)
    return _formatted("{premise}\n{asked} {choice}", {**row, "asked": asked, "choice": choice})


def _for_loop(row: Row) -> Row:
    """Options are joined to one text before the pattern is filled: patterns of FLAN have no loop."""
    choices = row["choices"]
    shape = tf.shape(choices)
    numbers = tf.broadcast_to(tf.strings.as_string(tf.range(1, shape[-1] + 1)), shape)
    listed = tf.strings.reduce_join(tf.strings.join(["\n", numbers, ". ", choices]), axis=-1)
    return _formatted("{question}\n{listed}\n", {**row, "listed": listed})


def _by_row(fill: Callable[[Row], Row]) -> Preprocessor:
    """FLAN's way: one call of the graph for each row."""
    preprocessor: Preprocessor = seqio.map_over_dataset(fill)
    return preprocessor


def _by_batch(fill: Callable[[Row], Row]) -> Preprocessor:
    """The same graph over batches, which FLAN does not do: the fastest that a seqio task gets."""
    return lambda dataset: dataset.batch(BATCH).map(fill).unbatch()


CASES: dict[str, Callable[[Row], Row]] = {
    "plain variables": _plain,
    "if and index": _if_and_index,
    "for loop": _for_loop,
}
HOWS: dict[str, Callable[[Callable[[Row], Row]], Preprocessor]] = {"rows": _by_row, "batches": _by_batch}


# --- mixing ------------------------------------------------------------------------------------------------


def mix(rows: str, folder: str) -> None:
    """A mixture with rates by size and seqio's own shuffle buffer, until all tasks have given all rows.

    Beside the texts it keeps what says where a row is from, as FLAN does.
    """
    tasks = [_sized_task(path) for path in sorted(Path(rows).iterdir())]
    until_all = functools.partial(tf.data.Dataset.sample_from_datasets, stop_on_empty_dataset=False)
    mixture = seqio.Mixture("mixture", tasks, sample_fn=until_all)
    out = Path(folder) / "mixed.arrow"

    def run() -> Callable[[], list[pa.Table]]:
        mixed = mixture.get_dataset(split="train", seed=0, num_epochs=1, passthrough_features=PASSED)
        _save(mixed, out)
        return lambda: [_read(out)]

    report(run)


def _sized_task(path: Path) -> tuple[seqio.Task, int]:
    table = _read(path)
    return _task(path.stem, _tensors(table), TEXTS, []), table.num_rows


def _save(dataset: tf.data.Dataset, path: Path) -> None:
    """To one Arrow file, which costs less than seqio's own records of `tf.train.Example`."""
    names = [*TEXTS, *PASSED]
    schema = pa.schema([(name, pa.string()) for name in names])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in dataset.batch(BATCH).as_numpy_iterator():
            writer.write_batch(pa.record_batch([_strings(batch[name]) for name in names], schema=schema))


# --- between Arrow and seqio -------------------------------------------------------------------------------


def _task(name: str, rows: Row, texts: tuple[str, ...], preprocessors: list[Preprocessor]) -> seqio.Task:
    def dataset(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(rows)

    text = seqio.Feature(seqio.PassThroughVocabulary(1), add_eos=False, dtype=tf.string, rank=0)
    source = seqio.FunctionDataSource(dataset, splits=["train"])
    return seqio.Task(name, source, dict.fromkeys(texts, text), preprocessors)


def _tensors(table: pa.Table) -> Row:
    """Lists of one length to a tensor with one more axis."""
    return {name: tf.constant(table[name].to_pylist()) for name in table.column_names}


def _strings(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values, pa.binary()).cast(pa.string())


def _read(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
