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

PeakMemory = dict[int, int]
"""Peak resident memory of workers by process id, in the unit of `resource.getrusage`."""

_Answer = tuple[R, int, int]
"""An outcome, and the worker's process id and peak memory so far."""


def map_unordered(
    items: Sequence[T],
    work: Callable[[T], R],
    died: Callable[[T], R],
    workers: int,
    peak_memory: PeakMemory | None = None,
) -> Iterator[R]:
    """Yield `work(item)` for every item, as each is done.

    With one worker everything runs in this process. When a worker dies (out of memory, killed), the items
    that were under way run once more, each alone in a process of its own; one that dies again is passed to
    `died`, and the rest goes on. Exceptions of `work` are raised here. Interrupting, or closing the
    iterator, ends the workers at once. A worker gets `work` once, so what it holds on to (caches, dead
    hosts) lasts from item to item. `peak_memory` takes what workers needed: nobody else can tell, as they are
    no children of this process.
    """
    peak_memory = {} if peak_memory is None else peak_memory
    if workers == 1 or len(items) <= 1:
        yield from map(work, items)
        return
    remaining = list(items)
    while remaining:
        done: set[int] = set()
        with _executor(min(workers, len(remaining)), work) as executor:
            futures: dict[Future[_Answer[R]], int] = {}
            with _sigint_blocked():
                for number, item in enumerate(remaining):
                    try:
                        futures[executor.submit(_run, item)] = number
                    except (
                        BrokenProcessPool
                    ):  # a worker died this early; what was submitted is looked at below
                        break
            for future in as_completed(futures):
                try:
                    outcome, pid, peak = future.result()
                except BrokenProcessPool:
                    continue
                peak_memory[pid] = peak
                done.add(futures[future])
                yield outcome
        remaining = [item for number, item in enumerate(remaining) if number not in done]
        # Items are handed out in order, so whatever was under way when a worker died stands first.
        for item in remaining[:workers]:
            yield _run_alone(item, work, died)
        remaining = remaining[workers:]


def load_early(modules: Sequence[str]) -> None:
    """Start to import what workers will need, in the background: it is there at once when work begins."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(modules))
    with _sigint_blocked():
        forkserver.ensure_running()


def _run_alone(item: T, work: Callable[[T], R], died: Callable[[T], R]) -> R:
    with _executor(1, work) as executor:
        try:
            with _sigint_blocked():
                future: Future[_Answer[R]] = executor.submit(_run, item)
            return future.result()[0]
        except BrokenProcessPool:
            return died(item)


@contextmanager
def _executor(workers: int, work: Callable[[T], R]) -> Iterator[ProcessPoolExecutor]:
    """Workers forked off a process that only imports, as threads survive no fork. An error cancels what waits."""
    context = multiprocessing.get_context("forkserver")
    before = set(multiprocessing.active_children())
    setup = (work, dict(os.environ))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_set_up, initargs=setup) as executor:
        try:
            yield executor
        except BaseException as stop:
            executor.shutdown(wait=False, cancel_futures=True)
            if not isinstance(stop, Exception):
                # Ctrl-C, or an iterator that is closed: nobody waits for what is under way.
                for worker in set(multiprocessing.active_children()) - before:
                    worker.terminate()
            raise


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Hold Ctrl-C back while workers start: they inherit that, so none dies of it with a traceback."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


_work: list[Callable[[Any], Any]] = []
"""The one function that a worker's items are done with; set once, by the pool's initializer."""


def _set_up(work: Callable[[Any], Any], environment: Mapping[str, str]) -> None:
    """Make a process a worker: Ctrl-C ends it without a word, as the main process speaks for all.

    The environment is that of the main process now, not when the process began that workers are forked off.
    """
    os.environ.clear()
    os.environ.update(environment)
    Thread(target=_exit_with, args=[multiprocessing.parent_process()], daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _work.append(work)


def _exit_with(parent: BaseProcess) -> None:
    """End this process when its parent has ended, however that was killed: nobody waits for its work."""
    parent.join()
    os._exit(1)  # `sys.exit` in a thread would end the thread alone


def _run(item: Any) -> Any:
    return _work[0](item), os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
