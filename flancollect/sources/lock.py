"""The lock: what every source was when it was looked at, and looking at many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path

from flancollect.artifacts import Lock, SourceLock, read_artifact
from flancollect.cards.source_card import Source
from flancollect.errors import SourceError, UsageError
from flancollect.sources import waits
from flancollect.sources.reshape import describe_shaped
from flancollect.sources.table import SourceAccess

Resolved = dict[str, SourceLock | SourceError]
_Wanted = tuple[str, Source, Path, SourceAccess, SourceLock | None, str | None]
_Found = tuple[str, SourceLock | SourceError]


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
) -> Resolved:
    """What every source is now, by key in sorted order; a source that fails has its error as value.

    `shapes` names the reshape of the sources that have one, whose rows are then those counted.

    `lock` pins: the entry of a Hub commit, of unchanged files or of the present generators is used as it is.
    With `frozen` nothing is looked at, and only `lock` counts. `progress` is told (done, total).
    """
    entries = lock.sources if lock is not None else {}
    if frozen:
        return {key: entries.get(key) or _not_locked(key) for key in sorted(sources)}
    found: Resolved = {}
    todo = [
        (key, *sources[key], access, entries.get(key), (shapes or {}).get(key)) for key in sorted(sources)
    ]
    for done, (key, entry) in enumerate(_resolve_all(todo, threads), start=1):
        found[key] = entry
        if progress is not None:
            progress(done, len(sources))
    return {key: found[key] for key in sorted(found)}


def _resolve_all(todo: Sequence[_Wanted], threads: int) -> Iterator[_Found]:
    """Every source as it is found: those that wait in threads, and meanwhile the others here."""
    waiting: list[_Wanted] = []
    ready: list[_Wanted] = []
    for wanted in todo:
        _, source, root, access, known, _ = wanted
        (waiting if waits(source, root, access, known) else ready).append(wanted)
    if not waiting:
        yield from map(_resolve, ready)
        return
    with ThreadPool(min(threads, len(waiting))) as pool:  # daemon threads: Ctrl-C waits for no server
        late = pool.imap_unordered(_resolve, waiting)
        yield from map(_resolve, ready)
        yield from late


def _resolve(wanted: _Wanted) -> _Found:
    key, source, root, access, known, shape = wanted
    try:
        return key, describe_shaped(source, root, access, shape, known)
    except SourceError as error:
        return key, error


def _not_locked(key: str) -> SourceError:
    return SourceError(f"{key}: not in sources.lock.json: run `flancollect lock`")


def update_lock(old: Lock, resolved: Mapping[str, SourceLock | SourceError]) -> Lock:
    """The lock with new entries in place; a source that failed keeps the entry it had."""
    new = {key: entry for key, entry in resolved.items() if isinstance(entry, SourceLock)}
    return Lock(sources=dict(sorted({**old.sources, **new}.items())))
