"""Tasks over worker processes: any order of completion, one outcome per task, no task lost with a worker."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_Done = tuple[R, int, int]
"""An outcome, and the worker's process id and peak so far."""


PeakMemory = dict[int, int]
"""Peak resident memory of workers by process id, in the unit of `resource.getrusage`."""


def map_unordered(
    items: Sequence[T],
    work: Callable[[T], R],
    died: Callable[[T], R],
    workers: int,
    peak_memory: PeakMemory | None = None,
) -> Iterator[R]:
    """Yield `work(item)` for every item, as each is done.

    With one worker everything runs in this process. When a worker dies (out of memory, killed), the items
    that were under way run once more, each alone in a process of its own; one that dies again is given to
    `died`, and the rest goes on. Exceptions of `work` are raised here. Interrupting, or closing the
    iterator, ends the workers at once. A worker is given `work` once, so what it holds on to (caches, hosts
    found dead) lasts from item to item. `peaks` takes what workers needed: nobody else can tell, as they are
    no children of this process.
    """
    peak_memory = {} if peak_memory is None else peak_memory
    if workers == 1 or len(items) <= 1:
        yield from map(work, items)
        return
    left = list(items)
    while left:
        done: set[int] = set()
        with _pool(min(workers, len(left)), work) as pool:
            futures: dict[Future[_Done[R]], int] = _submitted(pool, left)
            for future in as_completed(futures):
                try:
                    outcome, pid, peak = future.result()
                except BrokenProcessPool:
                    continue
                peak_memory[pid] = peak
                done.add(futures[future])
                yield outcome
        left = [item for place, item in enumerate(left) if place not in done]
        # Work is begun in order, so whatever was under way when a worker died stands first.
        for item in left[:workers]:
            yield _alone(item, work, died)
        left = left[workers:]


def load_early(modules: Sequence[str]) -> None:
    """Start to import what workers will need, in the background: they are there at once when work begins."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(modules))
    with _interrupts_held():
        forkserver.ensure_running()


def _submitted(pool: ProcessPoolExecutor, items: Sequence[T]) -> dict[Future[_Done[R]], int]:
    """The futures of all items by place; fewer, if a worker dies this early."""
    futures: dict[Future[_Done[R]], int] = {}
    with _interrupts_held():
        for place, item in enumerate(items):
            try:
                futures[pool.submit(_do, item)] = place
            except BrokenProcessPool:
                break
    return futures


def _alone(item: T, work: Callable[[T], R], died: Callable[[T], R]) -> R:
    with _pool(1, work) as pool:
        try:
            with _interrupts_held():
                future: Future[_Done[R]] = pool.submit(_do, item)
            return future.result()[0]
        except BrokenProcessPool:
            return died(item)


@contextmanager
def _pool(workers: int, work: Callable[[T], R]) -> Iterator[ProcessPoolExecutor]:
    """Workers forked off a process that only imports, as threads survive no fork. An error cancels what waits."""
    context = multiprocessing.get_context("forkserver")
    before = set(multiprocessing.active_children())
    given = (work, dict(os.environ))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=given) as pool:
        try:
            yield pool
        except BaseException as stop:
            pool.shutdown(wait=False, cancel_futures=True)
            if not isinstance(stop, Exception):
                for worker in set(multiprocessing.active_children()) - before:
                    worker.terminate()
            raise


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while workers start: they inherit that, so none dies of it with a traceback."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


_given: list[Callable[[Any], Any]] = []
"""In a worker: the one function that its items are done with."""


def _begin(work: Callable[[Any], Any], environment: Mapping[str, str]) -> None:
    """In a worker: Ctrl-C reaches it too, and ends it without a word; the main process speaks for all.

    The environment is that of the main process now, not when the process began that workers are forked off.
    """
    os.environ.clear()
    os.environ.update(environment)
    Thread(target=_end_with, args=[multiprocessing.parent_process()], daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _given.append(work)


def _end_with(parent: BaseProcess) -> None:
    """End this process when its parent has ended, however that was killed: nobody waits for its work."""
    parent.join()
    os._exit(1)


def _do(item: Any) -> Any:
    return _given[0](item), os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
