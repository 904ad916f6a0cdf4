"""The whole collection at full size, made up and then built: `python -m tests.performance.rehearsal --out DIR`.

Builds it once for each number of workers, again without a change, and again after a template was edited, and prints
what each took as JSON. That needs 35 GB of disk at full size; `--scale 0.05` is for small machines.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.performance.memory import peak_of_tree
from tests.performance.rehearsal_sources import FAMILY_CARD, FAMILY_FILE, TEMPLATE, make

FULL_ROWS = 10_000_000
CHUNK = bytes(range(256)) * 16384  # 4 MiB


def main() -> None:
    """Make, build, measure, print."""
    arguments = _arguments()
    rows = arguments.rows or round(FULL_ROWS * arguments.scale)
    catalogue = arguments.out / f"sources-{arguments.scale}"
    if not (catalogue / "made.json").exists():
        _make(catalogue, arguments.scale)
    (catalogue / FAMILY_FILE).write_text(FAMILY_CARD)
    found = []
    for workers in arguments.workers:
        shutil.rmtree(arguments.out / "build", ignore_errors=True)
        found.append(build(catalogue, arguments.out / "build", rows, workers))
    again = build(catalogue, arguments.out / "build", rows, arguments.workers[-1])
    (catalogue / FAMILY_FILE).write_text(FAMILY_CARD.replace(TEMPLATE, "Would you say this is so?"))
    edited = build(catalogue, arguments.out / "build", rows, arguments.workers[-1])
    shutil.rmtree(arguments.out / "build")
    disk = disk_limit(arguments.out, max(one["mb"] for one in found) * 1_000_000)
    numbers = {"builds": found, "unchanged": again, "one template edited": edited, "disk": disk}
    ratios = {"times as fast as one worker": _speedups(found), "edited, of the whole": _share(edited, found)}
    print(json.dumps({"rows": rows, "scale": arguments.scale, **numbers, **ratios}, indent=1))
    if len({one["content_hash"] for one in [*found, again]}) > 1:
        sys.exit("the builds differ")
    if not arguments.keep:
        shutil.rmtree(catalogue)


def build(catalogue: Path, out: Path, rows: int, workers: int) -> dict[str, Any]:
    """One `flancollect build` into `out`, and what it took."""
    command = [sys.executable, "-m", "flancollect", "build", "rehearsal", "--rows", str(rows)]
    command += ["--workers", str(workers), "--catalog", str(catalogue), "--out", str(out), "--json"]
    started = time.monotonic()
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        peak_of_tree(process.pid) as peak,
    ):
        text = process.communicate()[0]
    wall = time.monotonic() - started
    if process.returncode:
        sys.exit(f"the build failed: {process.returncode}")
    said, report = json.loads(text), json.loads((out / "report.json").read_text())
    size = sum(shard.stat().st_size for shard in out.glob("data-*.arrow"))
    return {
        "workers": workers,
        "rows": said["rows"],
        "tasks": said["tasks"],
        "skipped": len(said["skipped"]),
        "rendered_jobs": said["rendered_jobs"],
        "reused_jobs": said["reused_jobs"],
        "copied_rows": said["copied_rows"],
        "content_hash": said["content_hash"],
        "wall_s": round(wall, 1),
        "cpu_s": round(peak.cpu_s(), 1),
        "rows_per_s": round(said["rows"] / wall),
        "mb": round(size / 1e6),
        "mb_per_s": round(size / 1e6 / wall, 1),
        "bytes_per_row": round(size / said["rows"]),
        "stages_s": report["times"],
        "shares": {
            stage: round(s / sum(report["times"].values()), 3) for stage, s in report["times"].items()
        },
        "peak_pss_mb": round(peak.pss),
        "peak_anonymous_mb": round(peak.anonymous),
    }


def _speedups(builds: Sequence[dict[str, Any]]) -> dict[int, float]:
    """By number of workers the median wall time of one worker over theirs, where one worker was measured."""
    times: dict[int, list[float]] = {}
    for one in builds:
        times.setdefault(one["workers"], []).append(one["wall_s"])
    return {workers: round(median(times[1]) / median(own), 2) for workers, own in times.items() if 1 in times}


def _share(edited: dict[str, Any], builds: Sequence[dict[str, Any]]) -> float:
    """The wall time of the edited build as part of the median whole one with as many workers."""
    whole = [float(one["wall_s"]) for one in builds if one["workers"] == edited["workers"]]
    return round(float(edited["wall_s"]) / median(whole), 3)


def disk_limit(folder: Path, size: int) -> dict[str, float]:
    """Seconds to write so many bytes in one file, to the disk, and to read them back from it."""
    path, left = folder / "disk.probe", size
    started = time.monotonic()
    with path.open("wb") as file:
        while left > 0:
            left -= file.write(CHUNK[: min(left, len(CHUNK))])
        file.flush()
        os.fsync(file.fileno())
    written = time.monotonic()
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.read(len(CHUNK)):
            pass
    done = time.monotonic()
    path.unlink()
    return {"write_s": round(written - started, 1), "read_s": round(done - written, 1)}


def _make(catalogue: Path, scale: float) -> None:
    shutil.rmtree(catalogue, ignore_errors=True)
    started = time.monotonic()
    made = make(catalogue, scale)
    took = time.monotonic() - started
    note = {
        "tasks": made.tasks,
        "rows": made.rows,
        "bytes": made.bytes,
        "s_per_million": took / made.rows * 1e6,
    }
    (catalogue / "made.json").write_text(json.dumps(note))
    print(f"made {note}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder for sources and builds")
    parser.add_argument("--scale", type=float, default=1.0, help="of every task's row count")
    parser.add_argument("--rows", type=int, help="rows to build; default 10 million times the scale")
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[2],
        help="one build for each number; name one again, such as 1 2 1 2 1 2, for medians",
    )
    parser.add_argument("--keep", action="store_true", help="keep the sources, for the next run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
