"""What a process tree takes while it runs, on Linux: proportional set size, so that shared pages count once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

INTERVAL_S = 0.2


@dataclass(kw_only=True)
class Peak:
    """The most that was seen at once, in MiB: all pages, and those that no file backs.

    `cpu` is the processor time of each process when it was last seen, in seconds.
    """

    pss: float = 0.0
    anonymous: float = 0.0
    cpu: dict[int, float] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """Processor time of the tree. Workers are no children of the build's process, so the system cannot say."""
        return sum(self.cpu.values())


@contextmanager
def peak_of_tree(pid: int) -> Iterator[Peak]:
    """Sample the process and all below it until the block ends."""
    peak, stop = Peak(), threading.Event()

    def sample() -> None:
        while not stop.wait(INTERVAL_S):
            tree = _tree(pid)
            peak.cpu |= {one: seconds for one in tree if (seconds := _cpu(one))}
            found = [_memory(one) for one in tree]
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


def _cpu(pid: int) -> float:
    """User and system time of one process, in seconds; nothing once it has ended (`man proc_pid_stat`)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
