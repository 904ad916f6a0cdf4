"""Progress on stderr: a live bar on a terminal, one plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flancollect.cli.terminal import TerminalStream

if TYPE_CHECKING:
    from flancollect.artifacts import Progress

PLAIN_EVERY_S = 5.0


@contextmanager
def progress() -> Iterator[Progress]:
    """A function that shows how far each stage is."""
    if sys.stderr.isatty():
        with _bars() as report:
            yield report
    else:
        yield _lines()


@contextmanager
def _bars() -> Iterator[Progress]:
    # rich takes 60 ms to import, which piped runs need not wait for.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # The bar moves by control characters of its own, which must reach the terminal.
    stream = sys.stderr.stream if isinstance(sys.stderr, TerminalStream) else sys.stderr
    with Bars(*columns, console=Console(file=stream)) as bars:
        stages: dict[str, int] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total)
            bars.update(stages[stage], completed=done, total=total)  # type: ignore[arg-type]  # TaskID is an int

        yield report


def _lines() -> Progress:
    last: dict[str, float] = {}

    def report(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        # The first line of a stage comes at once, as `now - (now - 5 s)` is 5 s; its last one comes always.
        if done == total or now - last.get(stage, now - PLAIN_EVERY_S) >= PLAIN_EVERY_S:
            last[stage] = now
            print(f"{stage}: {done}/{total}", file=sys.stderr, flush=True)

    return report
