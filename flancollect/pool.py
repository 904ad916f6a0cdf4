"""Tasks over worker processes: any order of completion, one outcome per task, no task lost with a worker."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def run_over(items: Sequence[T], work: Callable[[T], R], died: Callable[[T], R], workers: int) -> Iterator[R]:
    """Yield `work(item)` for every item, as each is done.

    With one worker everything runs in this process. When a worker dies (out of memory, killed), the items
    that were under way run once more, each alone in a process of its own; one that dies again is given to
    `died`, and the rest goes on. Exceptions of `work` are raised here.
    """
    if workers == 1 or len(items) == 1:
        yield from map(work, items)
        return
    suspects: list[T] = []
    with _pool(min(workers, len(items))) as pool:
        futures: dict[Future[R], T] = {pool.submit(work, item): item for item in items}
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects.append(futures[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for item in suspects:
        yield _alone(item, work, died)


def _alone(item: T, work: Callable[[T], R], died: Callable[[T], R]) -> R:
    with _pool(1) as pool:
        try:
            return pool.submit(work, item).result()
        except BrokenProcessPool:
            return died(item)


def _pool(workers: int) -> ProcessPoolExecutor:
    """Fresh interpreters: threads of Arrow and polars do not survive a fork."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
