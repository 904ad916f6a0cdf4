r"""What seqio and T5X read: `inputs` and `targets` alone, as tab-separated text and as JSON lines.

`TextLineDataSource` reads the TSV line by line, and text holds tabs and line breaks: they are written
`\t`, `\n` and `\r`, a backslash `\\`; readers turn them back.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from flancollect.exports.format import TEXTS, Format
from flancollect.exports.jsonl import rows_of, write_jsonl

SCHEMA = pa.schema([("inputs", pa.string()), ("targets", pa.string())])

_ESCAPES = (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r"))  # the backslash must come first


def format_for(_: pa.Schema) -> Format:
    """The same for every build."""
    return Format(columns=TEXTS, schema=SCHEMA, writers={"jsonl": write_jsonl, "tsv": write_tsv})


def write_tsv(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """Write inputs, a tab and targets on one line each."""
    with path.open("wb") as out:
        for row in rows_of(batches):
            fields = (_escaped(row[name]) for name in SCHEMA.names)
            out.write("\t".join(fields).encode() + b"\n")


def _escaped(text: str) -> str:
    for sign, written in _ESCAPES:  # several times faster than one `str.translate`
        text = text.replace(sign, written)
    return text
