"""Sources: the three places rows come from (Hub, files, generators), opened to one kind of table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import SourceLock
from flancollect.cards.source_card import Source
from flancollect.errors import SourceError
from flancollect.sources.kinds import KINDS
from flancollect.sources.table import SourceAccess, SourceTable


def source_key(source: Source) -> str:
    """The name of a source in the lock: readable, and different for different sources."""
    return KINDS[type(source)].source_key(source)


def describe(source: Source, root: Path, access: SourceAccess, lock: SourceLock | None = None) -> SourceLock:
    """What a source is now: revision, and rows and columns of every split.

    `root` is the catalogue folder that holds the card. A `lock` entry that still holds is given back
    without reading rows; one of a Hub commit always holds.

    Raises:
        SourceError: the source cannot be reached or read.
    """
    with as_source_errors(source):
        return KINDS[type(source)].describe(source, root, access, lock)


def waits(source: Source, root: Path, access: SourceAccess, lock: SourceLock | None = None) -> bool:
    """Whether describing a source is mostly waiting, so that many are best looked at side by side.

    That is so where a server is asked or large files are hashed. All else is work of this interpreter, which
    runs one thread at a time and is slowed down by handing over between them.
    """
    return KINDS[type(source)].waits(source, root, access, lock)


def open_table(
    source: Source, split: str, root: Path, access: SourceAccess, lock: SourceLock | None
) -> SourceTable:
    """One split of a source, by the source's own name of it, as it was locked.

    Raises:
        SourceError: no such split or config, not readable, or no longer what `lock` says.
    """
    with as_source_errors(source):
        table, revision = KINDS[type(source)].open_split(source, split, root, access, lock)
    if lock is not None and revision != lock.revision:
        # 19 characters: "sha256:" and 12 digits, or a commit's first 19; enough to tell two revisions apart.
        then, now = lock.revision[:19], revision[:19]
        raise SourceError(
            f"{source_key(source)}: changed since it was locked (then {then}, now {now}): "
            f"run `flancollect lock`"
        )
    return table
    return table


@contextmanager
def as_source_errors(source: Source) -> Iterator[None]:
    """What Arrow and decoders raise over one source is that source's failure, and no other task's."""
    try:
        yield
    except (pa.ArrowException, UnicodeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(f"{source_key(source)}: cannot be read: {reason}"[:500]) from error
