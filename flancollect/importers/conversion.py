"""What every importer gives: the files of a private catalogue, and what could not be converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class NotConvertible(Exception):  # noqa: N818
    """A template or pattern that has no place in our language; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class NotConverted:
    """One thing of the source that is left out: the file it stands in, its name there, and why."""

    path: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A catalogue in memory. `unit` is what is counted: templates, patterns or files.

    `files` maps paths inside the catalogue to their text; `converted` counts units that made it.
    """

    unit: str
    converted: int
    files: Mapping[str, str]
    not_converted: tuple[NotConverted, ...]

    @property
    def total(self) -> int:
        """Units that the source holds."""
        return self.converted + len(self.not_converted)
