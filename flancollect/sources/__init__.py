"""Sources: the three places rows come from (Hub, files, generators), opened to one kind of table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from flancollect.artifacts import SourceLock, canonical_json
from flancollect.cards.source_card import FileSource, HubSource, Source, SyntheticSource
from flancollect.errors import SourceError
from flancollect.sources import synthetic
from flancollect.sources.files import describe_files, files_wait, open_files
from flancollect.sources.hub import describe_hub, hub_waits, open_hub
from flancollect.sources.table import SourceAccess, SourceTable

Opened = tuple[SourceTable, str]  # a split, and the revision that was read

_REVISION = f"synthetic:{synthetic.GENERATOR_VERSION}"


def source_key(source: Source) -> str:
    """The name of a source in the lock: readable, and different for different sources."""
    return _KEYS[type(source)](source)


def describe(source: Source, root: Path, access: SourceAccess, known: SourceLock | None = None) -> SourceLock:
    """What a source is now: revision, and rows and columns of every split.

    `root` is the catalogue folder that holds the card. A `known` entry that still holds is given back
    without reading rows; one of a Hub commit always holds.

    Raises:
        SourceError: the source cannot be reached or read.
    """
    return _DESCRIBE[type(source)](source, root, access, known)


def waits(source: Source, root: Path, access: SourceAccess, known: SourceLock | None = None) -> bool:
    """Whether describing a source is mostly waiting, so that many are best looked at side by side.

    That is so where a server is asked or large files are hashed. All else is work of this interpreter, which
    runs one thread at a time and is slowed down by handing over between them.
    """
    return _WAITS[type(source)](source, root, access, known)


def open_table(
    source: Source, split: str, root: Path, access: SourceAccess, lock: SourceLock | None
) -> SourceTable:
    """One split of a source, by the source's own name of it, as it was locked.

    Raises:
        SourceError: no such split or config, not readable, or no longer what `lock` says.
    """
    table, revision = _OPEN[type(source)](source, split, root, access, lock)
    if lock is not None and revision != lock.revision:
        then, now = lock.revision[:19], revision[:19]
        raise SourceError(
            f"{source_key(source)}: changed since it was locked (then {then}, now {now}): "
            f"run `flancollect lock`"
        )
    return table


def _hub_key(source: HubSource) -> str:
    config = source.config.replace("%", "%25").replace("@", "%40")
    return f"hub:{source.hub}/{config}@{source.revision}"


def _files_key(source: FileSource) -> str:
    said = source.model_dump(exclude_defaults=True)
    how = {name: value for name, value in said.items() if name not in ("files", "format")}
    where = source.files if isinstance(source.files, str) else canonical_json(source.files)
    return f"files:{source.format}:{where}" + (f" {canonical_json(how)}" if how else "")


def _synthetic_key(source: SyntheticSource) -> str:
    sizes = {"rows": source.rows, "validation_rows": source.validation_rows, "test_rows": source.test_rows}
    return f"synthetic:{quote(source.synthetic)}?{urlencode({**source.parameters(), **sizes})}"


def _describe_synthetic(source: SyntheticSource, known: SourceLock | None) -> SourceLock:
    return known if known is not None and known.revision == _REVISION else synthetic.describe(source)


_KEYS: Mapping[type, Callable[[Any], str]] = {
    HubSource: _hub_key,
    FileSource: _files_key,
    SyntheticSource: _synthetic_key,
}
_DESCRIBE: Mapping[type, Callable[[Any, Path, SourceAccess, SourceLock | None], SourceLock]] = {
    HubSource: lambda source, _root, access, known: describe_hub(source, access, known),
    FileSource: describe_files,
    SyntheticSource: lambda source, _root, _access, known: _describe_synthetic(source, known),
}
_WAITS: Mapping[type, Callable[[Any, Path, SourceAccess, SourceLock | None], bool]] = {
    HubSource: lambda source, _root, access, known: hub_waits(source, access, known),
    FileSource: lambda source, root, access, _known: files_wait(source, root, access),
    SyntheticSource: lambda *_: False,
}
_OPEN: Mapping[type, Callable[[Any, str, Path, SourceAccess, SourceLock | None], Opened]] = {
    HubSource: lambda source, split, _root, access, lock: open_hub(source, split, access, lock),
    FileSource: lambda source, split, root, access, _lock: open_files(source, split, root, access),
    SyntheticSource: lambda source, split, *_: (synthetic.open_split(source, split), _REVISION),
}
