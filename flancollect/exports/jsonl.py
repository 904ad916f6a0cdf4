"""All columns: one JSON object per line, UTF-8, in the order of the columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from flancollect.exports.format import Format

SLICE_ROWS = 1_000  # rows that are Python objects at one time


def format_for(schema: pa.Schema) -> Format:
    """Every column of the build."""
    return Format(columns=tuple(schema.names), schema=schema, writers={"jsonl": write_jsonl})


def write_jsonl(
    path: Path, batches: Iterable[pa.RecordBatch], convert: Callable[[dict[str, Any]], Any] = lambda row: row
) -> None:
    """Write each row, or what `convert` makes of it, as a line."""
    with path.open("wb") as out:
        for row in rows_of(batches):
            # Text in other scripts stays readable, and a third of the size that \u escapes would take.
            out.write(json.dumps(convert(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def rows_of(batches: Iterable[pa.RecordBatch]) -> Iterable[dict[str, Any]]:
    """The rows of batches as dictionaries, few at a time."""
    for batch in batches:
        for start in range(0, batch.num_rows, SLICE_ROWS):
            yield from batch.slice(start, SLICE_ROWS).to_pylist()
