"""The kinds of source, and the four questions that each of them answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from flancollect.artifacts import SourceLock
from flancollect.cards.source_card import FileSource, HubSource, SyntheticSource
from flancollect.sources import files, generated, hub
from flancollect.sources.table import SourceAccess, SourceTable


class SourceKind(Protocol):
    """A kind of source: a module with these functions. `root` is the catalogue folder that holds the card."""

    def source_key(self, source: Any, /) -> str:
        """The name of a source in the lock: readable, and different for different sources."""

    def describe(
        self, source: Any, root: Path, access: SourceAccess, lock: SourceLock | None, /
    ) -> SourceLock:
        """What a source is now; `lock` itself, with no row read, where that still holds."""

    def waits(self, source: Any, root: Path, access: SourceAccess, lock: SourceLock | None, /) -> bool:
        """Whether `describe` mostly waits for a server or a disk."""

    def open_split(
        self, source: Any, split: str, root: Path, access: SourceAccess, lock: SourceLock | None, /
    ) -> tuple[SourceTable, str]:
        """One split as a table, and the revision that was read."""


KINDS: Mapping[type, SourceKind] = {HubSource: hub, FileSource: files, SyntheticSource: generated}
