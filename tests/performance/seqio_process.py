"""seqio as a contestant, in a process of another interpreter: it needs TensorFlow, which this project does not.

That interpreter is the one that FLANCOLLECT_SEQIO_PYTHON names, else this one; where it cannot import seqio,
the contestant is left out and the reason printed. Times are taken over there, with the same clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from tests.performance.measure import Contestant

INTERPRETER = "FLANCOLLECT_SEQIO_PYTHON"
WORKER = "tests.performance.seqio_worker"
HOWS = {"rows": "seqio, map_over_dataset as FLAN does", "batches": "seqio, the same over batches"}


@lru_cache(maxsize=1)
def seqio_python() -> str | None:
    """An interpreter that imports seqio; none, with the reason on stderr, when there is none."""
    python = os.environ.get(INTERPRETER) or sys.executable
    asked = [python, "-c", "import seqio; print(seqio.__version__)"]
    try:
        version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        print(f"seqio is left out: {python}: {reason}", file=sys.stderr)
        print(f"--seqio-python or {INTERPRETER} names an interpreter that has it", file=sys.stderr)
        return None
    print(f"seqio {version} of {python}", file=sys.stderr)
    return python


@contextmanager
def seqio_contestants(case: str, table: pa.Table) -> Iterator[dict[str, Contestant]]:
    """Contestants on a case of the render panel, while the block lasts."""
    python = seqio_python()
    if python is None:
        yield {}
        return
    with tempfile.TemporaryDirectory() as folder:
        rows, log = Path(folder) / "rows.arrow", Path(folder) / "log"
        with pa.OSFile(str(rows), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        command = [python, "-m", WORKER, "render", case, folder]
        with (
            log.open("w", encoding="utf-8") as said,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
            ) as worker,
        ):
            yield {name: _contestant(worker, how, rows.parent, table.num_rows) for how, name in HOWS.items()}


def _contestant(worker: subprocess.Popen[str], how: str, folder: Path, rows: int) -> Contestant:
    def shown() -> pa.ChunkedArray:
        _answer(worker, f"show {how}", folder)
        with pa.OSFile(str(folder / "texts.arrow")) as source:
            return pa.ipc.open_file(source).read_all()["texts"]

    return Contestant(run=shown, rows=rows, seconds=lambda: float(_answer(worker, f"time {how}", folder)))


def _answer(worker: subprocess.Popen[str], question: str, folder: Path) -> str:
    """One line for one line; raises RuntimeError with the worker's last words when it gives none."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    with suppress(BrokenPipeError):
        print(question, file=worker.stdin, flush=True)
    answer = worker.stdout.readline()
    if not answer:
        raise RuntimeError(f"seqio, {question}: {(folder / 'log').read_text('utf-8')[-2_000:]}")
    return answer


# --- mixing ------------------------------------------------------------------------------------------------


def mixture_command(rows: Path) -> list[str] | None:
    """The command that mixes the files of a folder; it takes the folder to write to as one more argument."""
    python = seqio_python()
    return None if python is None else [python, "-m", WORKER, "mix", str(rows)]
