"""The formats that a build can be exported to: a module of this folder each, named in `FORMATS`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flancollect.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from flancollect.exports.format import Format

# The command line offers these names, and must not wait for pyarrow: modules are imported when a format is used.
FORMATS = {
    "parquet": "Hub layout",
    "jsonl": "all columns",
    "trl": "prompt and completion",
    "messages": "conversations",
    "seqio": "inputs and targets as TSV and JSONL",
}
"""What the files of a format hold. `flancollect.exports.<name>.format_for(schema)` makes the Format of a build."""


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
