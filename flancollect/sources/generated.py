"""Synthetic sources as a kind of source: their revision is the version of the generators."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

from flancollect.artifacts import SourceLock
from flancollect.cards.source_card import SyntheticSource
from flancollect.sources import synthetic
from flancollect.sources.table import SourceAccess, SourceTable

REVISION = f"synthetic:{synthetic.GENERATOR_VERSION}"


def source_key(source: SyntheticSource) -> str:
    """Generator, parameters and split sizes, written as a URL's query."""
    sizes = {"rows": source.rows, "validation_rows": source.validation_rows, "test_rows": source.test_rows}
    return f"synthetic:{quote(source.synthetic)}?{urlencode({**source.parameters(), **sizes})}"


def describe(
    source: SyntheticSource, _root: Path, _access: SourceAccess, lock: SourceLock | None
) -> SourceLock:
    """Rows and columns of every split. A `lock` entry of the present generators saves generating them."""
    return lock if lock is not None and lock.revision == REVISION else synthetic.describe(source)


def waits(_source: SyntheticSource, _root: Path, _access: SourceAccess, _lock: SourceLock | None) -> bool:
    """Never: generating is work of this interpreter."""
    return False


def open_split(
    source: SyntheticSource, split: str, _root: Path, _access: SourceAccess, _lock: SourceLock | None
) -> tuple[SourceTable, str]:
    """One split, generated. Raises SourceError."""
    return synthetic.open_split(source, split), REVISION
