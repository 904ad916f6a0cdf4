"""How benchmarks measure: rounds in turn, medians, and equal outputs in the same run.

Seconds are those of the process on its cores (`time.process_time`), so other work on the machine counts
little; every contestant takes its turn in every round, so what is left of it falls on all alike.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

ROUNDS = 9
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "seven",
    "wizards",
    "from",
    "an",
    "old",
    "stone",
    "bridge",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One contestant in one case: microseconds per row, median and range over the rounds.

    `ratio` is its median by the first contestant's; `equal` whether its output was the first one's.
    """

    bench: str
    case: str
    contestant: str
    rows: int
    median_us: float
    low_us: float
    high_us: float
    ratio: float
    equal: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """What is measured: `run` gives its output; `rows` of it are worked on, fewer where it is slow.

    `seconds` runs it in another process, which times itself.
    """

    run: Callable[[], Any]
    rows: int
    seconds: Callable[[], float] | None = None


def seconds_of(run: Callable[[], Any]) -> float:
    """Processor time of one run, all threads together."""
    gc.collect()
    started = time.process_time()
    run()
    return time.process_time() - started


def compare(
    bench: str,
    case: str,
    contestants: Mapping[str, Contestant],
    equal: Callable[[Any, Any], bool],
    rounds: int = ROUNDS,
) -> list[Timing]:
    """Time contestants in turn; `equal` compares the first one's output with each other one's.

    Raises AssertionError when an output differs: a faster wrong answer is no result.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    outputs = {name: contestant.run() for name, contestant in contestants.items()}
    first = next(iter(contestants))
    for name, output in outputs.items():
        assert equal(outputs[first], output), f"{bench}, {case}: {name} gives something else than {first}"
    outputs.clear()
    for _ in range(rounds):
        for name, contestant in contestants.items():
            seconds[name].append(contestant.seconds() if contestant.seconds else seconds_of(contestant.run))
    medians = {name: statistics.median(times) / contestants[name].rows for name, times in seconds.items()}
    return [
        Timing(
            bench=bench,
            case=case,
            contestant=name,
            rows=contestants[name].rows,
            median_us=round(medians[name] * 1e6, 3),
            low_us=round(min(times) / contestants[name].rows * 1e6, 3),
            high_us=round(max(times) / contestants[name].rows * 1e6, 3),
            ratio=round(medians[name] / medians[first], 2),
            equal=True,
        )
        for name, times in seconds.items()
    ]


def summary(bench: str, case: str, contestant: str, ratios: list[float]) -> Timing:
    """The geometric mean of many cases' ratios, as a line of its own."""
    mean = statistics.geometric_mean(ratios)
    return Timing(
        bench=bench,
        case=case,
        contestant=contestant,
        rows=0,
        median_us=0.0,
        low_us=0.0,
        high_us=0.0,
        ratio=round(mean, 2),
        equal=True,
    )
