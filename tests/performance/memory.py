"""Memory of a process tree while it runs, on Linux: proportional set size, so that shared pages count once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INTERVAL_S = 0.2


@dataclass(kw_only=True)
class Peak:
    """The most that was seen at once, in MiB: all pages, and those that no file backs."""

    pss: float = 0.0
    anonymous: float = 0.0


@contextmanager
def peak_of_tree(pid: int) -> Iterator[Peak]:
    """Sample the process and all below it until the block ends."""
    peak, stop = Peak(), threading.Event()

    def sample() -> None:
        while not stop.wait(INTERVAL_S):
            found = [_memory(one) for one in _tree(pid)]
            peak.pss = max(peak.pss, sum(pss for pss, _ in found))
            peak.anonymous = max(peak.anonymous, sum(own for _, own in found))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()


def _tree(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        below = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(one for child in below for one in _tree(child))]


def _memory(pid: int) -> tuple[float, float]:
    """Pss and Pss_Anon of one process, in MiB; nothing once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0.0, 0.0
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kib.get("Pss", 0) / 1024, kib.get("Pss_Anon", 0) / 1024
