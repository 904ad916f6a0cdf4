"""The lock: what every source was when it was looked at, and looking at many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from operator import itemgetter
from pathlib import Path

from flancollect.artifacts import Lock, SourceLock, read_artifact
from flancollect.cards.source_card import Source
from flancollect.errors import SourceError, UsageError
from flancollect.sources import waits
from flancollect.sources.reshape import describe_shaped
from flancollect.sources.table import SourceAccess

Resolution = SourceLock | SourceError
"""What a source is now, or why that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A source to resolve: where its card lies, its present entry in the lock, and the shape of its rows."""

    key: str
    source: Source
    root: Path
    locked: SourceLock | None
    shape: str | None


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


def resolve_sources(
    sources: Mapping[str, tuple[Source, Path]],
    access: SourceAccess,
    lock: Lock | None,
    frozen: bool,
    *,
    threads: int = 16,
    progress: Callable[[int, int], None] | None = None,
    shapes: Mapping[str, str] | None = None,
) -> dict[str, Resolution]:
    """What every source is now, by key in sorted order; a source that fails has its error as value.

    `shapes` names the reshape of the sources that have one, whose rows are then those counted.

    `lock` pins: the entry of a Hub commit, of unchanged files or of the present generators is used as it is.
    With `frozen` nothing is looked at, and only `lock` counts. `progress` is told (done, total).
    """
    entries = lock.sources if lock is not None else {}
    if frozen:
        return {
            key: entries.get(key) or SourceError(f"{key}: not in sources.lock.json: run `flancollect lock`")
            for key in sorted(sources)
        }
    requests = [
        _Request(key=key, source=source, root=root, locked=entries.get(key), shape=(shapes or {}).get(key))
        for key, (source, root) in sorted(sources.items(), key=itemgetter(0))
    ]
    resolved: dict[str, Resolution] = {}
    for request, resolution in _resolve_all(requests, access, threads):
        resolved[request.key] = resolution
        if progress is not None:
            progress(len(resolved), len(sources))
    return dict(sorted(resolved.items()))  # they came in the order in which servers answered


def _resolve_all(
    requests: Sequence[_Request], access: SourceAccess, threads: int
) -> Iterator[tuple[_Request, Resolution]]:
    """Every source as soon as it is resolved: those that wait in threads, and meanwhile the others here."""

    def resolve(request: _Request) -> tuple[_Request, Resolution]:
        try:
            return request, describe_shaped(
                request.source, request.root, access, request.shape, request.locked
            )
        except SourceError as error:
            return request, error

    slow: list[_Request] = []
    local: list[_Request] = []
    for request in requests:
        (slow if waits(request.source, request.root, access, request.locked) else local).append(request)
    if not slow:
        yield from map(resolve, local)
        return
    with ThreadPool(min(threads, len(slow))) as pool:  # daemon threads: Ctrl-C waits for no server
        answers = pool.imap_unordered(resolve, slow)
        yield from map(resolve, local)
        yield from answers


def update_lock(old: Lock, resolved: Mapping[str, Resolution]) -> Lock:
    """The lock with new entries in place; a source that failed keeps the entry it had."""
    new = {key: entry for key, entry in resolved.items() if isinstance(entry, SourceLock)}
    return Lock(sources=dict(sorted({**old.sources, **new}.items())))
