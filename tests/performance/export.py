"""`python -m tests.performance.export [ROWS]`: export a synthetic build twice in every format.

Prints seconds, rows per second, peak memory of the exporting process and size, and whether both runs gave
the same bytes. The build (default a million rows of some 700 bytes) and the exports go to a temporary folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flancollect.dataset.shards import SHARD_BYTES
from flancollect.exports.export import ExportOptions, export
from flancollect.exports.formats import FORMATS
from tests.builds import build, rendered_rows

TASK_ROWS = 50_000
VARIANTS = ("zs_opt", "fs_opt", "zs_noopt", "fs_noopt")
TEXT = "A passage that stands before every question, so that prompts are as long as real ones are. " * 6


def main(rows: int = 1_000_000) -> None:
    """Build once, then export every format twice, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _build(work / "build", rows)
        for name in FORMATS:
            runs = [_run(work / "build", work / f"{name}{number}", name) for number in range(2)]
            said = dict(
                runs[0], seconds_again=runs[1]["seconds"], same_bytes=runs[0]["files"] == runs[1]["files"]
            )
            print(json.dumps({key: value for key, value in said.items() if key != "files"}), flush=True)
            for number in range(2):
                shutil.rmtree(work / f"{name}{number}")


def _build(out: Path, rows: int) -> None:
    jobs = {
        (f"task_{first // TASK_ROWS:03d}", VARIANTS[first // TASK_ROWS % 4]): rendered_rows(
            f"task_{first // TASK_ROWS:03d}",
            VARIANTS[first // TASK_ROWS % 4],
            min(TASK_ROWS, rows - first),
            TEXT,
        )
        for first in range(0, rows, TASK_ROWS)
    }
    build(out, jobs, shard_bytes=SHARD_BYTES)
    shutil.rmtree(out / ".work")


def _run(source: Path, out: Path, name: str) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.performance.export", "--one", str(source), str(out), name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def _one(source: Path, out: Path, name: str) -> None:
    """Export in this process and print what it took."""
    started = time.monotonic()
    made = export(source, out, ExportOptions(format=name)).export
    seconds = time.monotonic() - started
    print(
        json.dumps(
            {
                "format": name,
                "rows": made.rows,
                "seconds": round(seconds, 1),
                "rows_per_s": round(made.rows / seconds),
                "peak_rss_mb": _peak_rss_mb(),
                "mb": round(sum(file.bytes for file in made.files) / 1e6),
                "files": {file.file: file.sha256 for file in made.files},
            }
        )
    )


def _peak_rss_mb() -> int:
    """This process's own peak: `ru_maxrss` starts from that of the process that started it."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return round(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        main(*map(int, sys.argv[1:2]))
