"""The sources of tasks, resolved: keys, and what each source is by the lock, by looking, or by declaration."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from flancollect.artifacts import Lock, Progress, SourceLock, SplitLock, write_artifact
from flancollect.cards.catalog import embedded_root, load_catalog
from flancollect.cards.entries import CardSource, Task
from flancollect.cards.select import matches
from flancollect.cards.source_card import FileSource
from flancollect.cards.splits import parse_split
from flancollect.cards.task_card import CardSplit
from flancollect.errors import SourceError, UsageError, did_you_mean
from flancollect.planning.request import BuildRequest
from flancollect.planning.task_plan import ResolvedSources
from flancollect.sources import source_key
from flancollect.sources.counts import (
    count_key,
    count_passing,
    counted,
    is_countable,
    lies_on_the_hub,
    with_count,
)
from flancollect.sources.lock import Resolution, frozen_sources, load_lock, resolve_sources, update_lock
from flancollect.sources.table import SourceAccess

LOCK_FILE = "sources.lock.json"
DECLARED = "declared"
"""The revision of a source of which only a card's own word is known."""


def resolve(
    tasks: Sequence[Task], request: BuildRequest, split: CardSplit, progress: Progress | None = None
) -> ResolvedSources:
    """What the sources of these tasks and of their exemplars are; a failure is an entry. Sizes are those of `split`.

    Raises UsageError for a lock that cannot be read.
    """
    lock = load_lock(Path(request.lock or embedded_root() / LOCK_FILE))
    readers = readers_of(tasks)
    keys = source_keys(readers)
    available = _available(readers)
    sources = _sources_by_key(available, keys)
    sizes: dict[str, int | SourceError] = {**_declared_sizes(available, split, lock.sources, keys)}
    if request.resolve_from == "declared":
        entries = _declared(available, keys, lock)
    elif request.resolve_from == "frozen":
        entries = frozen_sources(sources, lock)
    else:
        entries = resolve_sources(sources, request.access, lock, progress=progress)
        sizes = {**_declared_sizes(available, split, sources, keys)}
    access = request.access if request.resolve_from == "sources" else None
    return ResolvedSources(
        keys=keys, entries=entries, sizes=sizes | _counts(tasks, split, keys, entries, lock, access)
    )


def _counts(
    tasks: Iterable[Task],
    split: CardSplit,
    keys: Mapping[str, str],
    entries: Mapping[str, Resolution],
    lock: Lock,
    access: SourceAccess | None,
) -> dict[str, int | SourceError]:
    """By task name how many rows pass the card's `where`, or why none does: by the lock, or counted on this machine.

    Nothing is counted without `access`. A source that cannot be read is told by whoever reads it next.
    """
    counts: dict[str, int | SourceError] = {}
    for task in tasks:
        name, key = task.card.task, keys[task.card.task]
        entry = entries.get(key)
        if split not in task.card.splits or not isinstance(entry, SourceLock):
            continue
        part = parse_split(task.card.splits[split])
        if not is_countable(task, part, entry):
            continue
        count = counted(task, part, entry, lock.sources.get(key))
        if count is not None:
            counts[name] = count
        elif access is not None and not lies_on_the_hub(entry):
            with suppress(SourceError):
                counts[name] = count_passing(task, part, key, access, entry)
    return counts


def readers_of(tasks: Iterable[Task]) -> list[Task]:
    """Tasks, and after each those that read exemplars and published texts for it."""
    return [reader for task in tasks for reader in task.readers]


def _available(tasks: Sequence[Task]) -> list[Task]:
    """The tasks whose sources are looked at: a card that says `status: unavailable` is skipped by its own word."""
    return [task for task in tasks if task.card.reason is None]


def _sources_by_key(tasks: Sequence[Task], keys: Mapping[str, str]) -> dict[str, CardSource]:
    """Every source once: the 57 tasks of MMLU have 57 configurations, but all of TyDiQA is one table."""
    return {keys[task.card.task]: task.source for task in tasks}


def source_keys(tasks: Sequence[Task]) -> dict[str, str]:
    """By task name the key of the task's source as its card sees it.

    Reshaped rows are told apart from the source's own, and paths inside a private catalogue by its name.
    """
    embedded = embedded_root()
    catalogues = {
        root: "" if root == embedded else f" in {root.resolve().name}"
        for root in {task.root for task in tasks}
    }
    keys = {}
    for task in tasks:
        source, key = task.card.source, source_key(task.card.source)
        if task.card.reshape is not None:
            key += f" reshaped by {task.card.reshape}"
        # Two private catalogues may both have rows.csv; a URL is the same wherever its card lies.
        if isinstance(source, FileSource) and any(
            "://" not in location for locations in source.files_of().values() for location in locations
        ):
            key += catalogues[task.root]
        keys[task.card.task] = key
    return keys


def _declared(
    tasks: Sequence[Task], keys: Mapping[str, str], lock: Lock
) -> dict[str, SourceLock | SourceError]:
    """By source key the lock's entry; for a source that it lacks, the split sizes that all its cards declare."""
    sizes: dict[str, dict[str, SplitLock]] = {}
    for task in tasks:
        declared = sizes.setdefault(keys[task.card.task], {})
        if task.card.rows is not None:
            # Cards may each count their own rows of one source; the split has as many as the largest at least.
            split = parse_split(task.card.counted_split).name
            rows = max(task.card.rows, declared[split].rows if split in declared else 0)
            declared[split] = SplitLock(rows=rows, columns={})
    unknown = SourceError(
        "size unknown: the source is not in the lock and the card declares no `rows`; look at it with --resolve"
    )
    return {
        key: lock.sources.get(key) or (SourceLock(revision=DECLARED, splits=splits) if splits else unknown)
        for key, splits in sizes.items()
    }


def _declared_sizes(
    tasks: Sequence[Task], split: CardSplit, sources: Collection[str], keys: Mapping[str, str]
) -> dict[str, int]:
    """By task name what its card declares of the rows of `split`, where nothing better is known.

    Of a source in `sources` the size is known, but not how many of its rows pass a card's `where`.
    """
    sizes = {}
    for task in tasks:
        card = task.card
        if card.rows is None or split not in card.splits:
            continue
        part = parse_split(card.splits[split])
        if part.name == parse_split(card.counted_split).name and (
            card.where is not None or keys[card.task] not in sources
        ):
            low, high = part.bounds(card.rows)
            sizes[card.task] = high - low
    return sizes


def write_lock(
    globs: Sequence[str],
    catalogs: Sequence[Path],
    access: SourceAccess,
    out: Path | None,
    progress: Progress | None = None,
) -> tuple[Path, int, dict[str, str]]:
    """Look at the sources of all tasks that match and write the lock; sources not reached keep their entry.

    Gives the lock's path, how many sources were reached, and why others were not, by source key. Raises
    UsageError when no task matches, or the lock cannot be read or written.
    """
    catalog = load_catalog(catalogs)
    tasks = [task for name, task in catalog.tasks.items() if not globs or matches(name, globs)]
    if not tasks:
        raise UsageError(
            f"no task matches {' '.join(globs)}." + did_you_mean(globs[0], catalog.tasks, "Tasks", 6)
        )
    path = out or embedded_root() / LOCK_FILE
    previous = load_lock(path) if path.exists() else Lock()
    available = _available(readers_of(tasks))
    keys = source_keys(available)
    sources = _sources_by_key(available, keys)
    # An empty lock, so that every source is looked at: to write a lock is to find out what sources are now.
    entries = resolve_sources(sources, access, Lock(), progress=progress)
    for task in available:
        # Counted here, so that no plan has to; on the Hub, too.
        key = keys[task.card.task]
        entry = entries[key]
        for split in map(parse_split, dict.fromkeys(task.card.splits.values())):
            if isinstance(entry, SourceLock) and is_countable(task, split, entry):
                with suppress(SourceError):
                    count = count_passing(task, split, key, access, entry)
                    if isinstance(count, int):
                        entry = entries[key] = with_count(entry, {count_key(task, split): count})
    if globs:
        for key, entry in entries.items():
            # Counts of tasks that were not asked for still hold, if the source is what it was.
            old = previous.sources.get(key)
            if isinstance(entry, SourceLock) and old is not None and old.revision == entry.revision:
                entries[key] = with_count(entry, {**old.counts, **entry.counts})
    try:
        write_artifact(path, update_lock(previous, entries))
    except OSError as error:
        raise UsageError(f"--out {path}: cannot be written: {error.strerror}") from error
    failures = {key: str(entry) for key, entry in entries.items() if isinstance(entry, SourceError)}
    return path, len(entries) - len(failures), failures
