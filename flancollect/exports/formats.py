"""The formats that a build can be exported to: a module of this folder each, named in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from flancollect.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

Write: TypeAlias = "Callable[[Path, Iterable[pa.RecordBatch]], None]"

# The command line offers these names, and must not wait for pyarrow: modules are imported when a format is used.
FORMATS = {
    "parquet": "Hub layout",
    "jsonl": "all columns",
    "trl": "prompt and completion",
    "messages": "conversations",
    "seqio": "inputs and targets as TSV and JSONL",
}
"""What the files of a format hold. `flancollect.exports.<name>.format_for(schema)` makes the Format of a build."""

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


def format_of(name: str, schema: pa.Schema, *, provenance: bool) -> Format:
    """The format of this name for a build of this schema, on request without the `provenance` column.

    Raises UsageError for a name that is not in `FORMATS`.
    """
    if name not in FORMATS:
        raise UsageError(f"--format {name}: no such format." + did_you_mean(name, FORMATS, "Formats"))
    # Formats of other columns than the build's do not ask for provenance, so nothing changes for them.
    if not provenance:
        schema = schema.remove(schema.get_field_index("provenance"))
    form: Format = import_module(f"flancollect.exports.{name}").format_for(schema)
    return form
