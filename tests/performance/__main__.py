"""`python -m tests.performance [BENCH...]`: run benchmarks, print a Markdown table, write JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.performance.few_shot import few_shot
from tests.performance.measure import Timing
from tests.performance.render_panel import render_panel
from tests.performance.seqio_process import INTERPRETER
from tests.performance.shuffle import shuffle
from tests.performance.training import training

BENCHES: dict[str, Callable[[], Iterable[Timing]]] = {
    "render": render_panel,
    "few_shot": few_shot,
    "shuffle": shuffle,
    "training": training,
}


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance", description=__doc__)
    parser.add_argument("bench", nargs="*", choices=[*BENCHES, []], help="which; all when none is named")
    parser.add_argument("--json", type=Path, default=Path("bench/timings.json"), help="where the numbers go")
    parser.add_argument("--seqio-python", help=f"an interpreter that has seqio; or set {INTERPRETER}")
    asked = parser.parse_args()
    if asked.seqio_python:
        os.environ[INTERPRETER] = asked.seqio_python
    timings: list[Timing] = []
    for name in asked.bench or BENCHES:
        print(f"running {name} ...", file=sys.stderr, flush=True)
        timings += BENCHES[name]()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(
        json.dumps({"machine": machine, "timings": [timing.as_dict() for timing in timings]}, indent=1)
        + "\n",
        encoding="utf-8",
    )
    print(f"{machine}; microseconds of processor time per row, median (range) of rounds run in turn\n")
    print(markdown(timings))


def markdown(timings: Sequence[Timing]) -> str:
    """A table with one line per contestant; the ratio is to the first of the case."""
    lines = ["| bench | case | contestant | us per row | range | ratio |", "|---|---|---|--:|--:|--:|"]
    for t in timings:
        measured = f"{t.median_us:,.2f} | {t.low_us:,.2f}-{t.high_us:,.2f}" if t.rows else " | "
        lines.append(f"| {t.bench} | {t.case} | {t.contestant} | {measured} | {t.ratio:,.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
