"""The lock: what every source was when it was looked at, and looking at many of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from itertools import chain
from multiprocessing.pool import ThreadPool
from operator import itemgetter
from pathlib import Path

from flancollect.artifacts import Lock, Progress, SourceLock, read_artifact
from flancollect.cards.entries import CardSource
from flancollect.errors import SourceError, UsageError
from flancollect.sources import waits
from flancollect.sources.reshape import describe_shaped
from flancollect.sources.table import SourceAccess

THREADS = 16  # servers asked at a time

Resolution = SourceLock | SourceError
"""What a source is now, or why that cannot be told."""


def load_lock(path: Path) -> Lock:
    """Read sources.lock.json.

    Raises:
        UsageError: it cannot be read, or another version wrote it.
    """
    lock = read_artifact(path, Lock, UsageError)
    if lock.format != Lock().format:
        raise UsageError(
            f"{path}: format {lock.format} of another version; run `flancollect lock` to write it anew"
        )
    return lock


def frozen_sources(keys: Iterable[str], lock: Lock) -> dict[str, Resolution]:
    """What the lock says of sources, by key in sorted order: nothing is looked at, and what it lacks is an error."""
    return {
        key: lock.sources.get(key) or SourceError(f"{key}: not in sources.lock.json: run `flancollect lock`")
        for key in sorted(keys)
    }


def resolve_sources(
    sources: Mapping[str, CardSource],
    access: SourceAccess,
    lock: Lock,
    *,
    progress: Progress | None = None,
) -> dict[str, Resolution]:
    """What every source is now, by key in sorted order; a source that fails has its error as value.

    `lock` pins: the entry of a Hub commit, of unchanged files or of the present generators is used as it is.
    Sources that wait are looked at in threads, and meanwhile the others here.
    """

    def resolve(key: str) -> tuple[str, Resolution]:
        try:
            return key, describe_shaped(sources[key], access, lock.sources.get(key))
        except SourceError as error:
            return key, error

    slow: list[str] = []
    local: list[str] = []
    for key, source in sorted(sources.items(), key=itemgetter(0)):
        (slow if waits(source.source, source.root, access, lock.sources.get(key)) else local).append(key)
    resolved: dict[str, Resolution] = {}
    with ThreadPool(min(THREADS, len(slow))) if slow else nullcontext() as pool:
        # Daemon threads: Ctrl-C waits for no server.
        answers = pool.imap_unordered(resolve, slow) if pool is not None else ()
        for key, resolution in chain(map(resolve, local), answers):
            resolved[key] = resolution
            if progress is not None:
                progress("sources", len(resolved), len(sources))
    return dict(sorted(resolved.items()))  # they came in the order in which servers answered


def update_lock(old: Lock, resolved: Mapping[str, Resolution]) -> Lock:
    """The lock with new entries in place; a source that failed keeps the entry it had."""
    new = {key: entry for key, entry in resolved.items() if isinstance(entry, SourceLock)}
    return Lock(sources=dict(sorted({**old.sources, **new}.items())))
