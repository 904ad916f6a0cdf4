"""What a format is: each is made by a module of this folder, and `formats` names them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

Write: TypeAlias = Callable[[Path, Iterable[pa.RecordBatch]], None]

TEXTS = ("inputs", "targets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How the rows of a build become files.

    `columns` are read from the build, `schema` is what `datasets` sees of the result. `writers` go by file
    suffix; the first one's files are what `load_dataset` opens. `by_style`: also one configuration per
    submixture and template style, in folders.
    """

    columns: tuple[str, ...]
    schema: pa.Schema
    writers: Mapping[str, Write]
    by_style: bool = False

    @property
    def suffix(self) -> str:
        """The suffix of the files that `load_dataset` opens."""
        return next(iter(self.writers))
