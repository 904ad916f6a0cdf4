"""What a contestant that has a process to itself prints: time, peak memory, a digest of the rows it wrote.

Needs only pyarrow, so that another project's environment can run it.
"""

from __future__ import annotations

import hashlib
import json
import resource
import time
from collections.abc import Callable
from itertools import chain

import pyarrow as pa

Written = Callable[[], list[pa.Table]]


def report(run: Callable[[], Written]) -> None:
    """Run it and print one line of JSON; what it wrote is read again after the clock has stopped."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu = time.monotonic(), time.process_time()
    tables = run()
    took = {"wall_s": time.monotonic() - started, "cpu_s": time.process_time() - cpu}
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({**took, "peak_mb": peak, "digest": _digest(tables())}))


def _digest(tables: list[pa.Table]) -> str:
    """A hash of the rows, whatever their order."""
    rows = (
        zip(*(table[name].to_pylist() for name in ("task_name", "inputs")), strict=True) for table in tables
    )
    digest = hashlib.sha256()
    for name, text in sorted(chain.from_iterable(rows)):
        digest.update(f"{name}\t{text}\n".encode())
    return digest.hexdigest()
