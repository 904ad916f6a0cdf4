"""One JSON object per line, UTF-8, in the order of the columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

SLICE_ROWS = 1_000  # rows that are Python objects at one time


def write_jsonl(
    path: Path, batches: Iterable[pa.RecordBatch], shaped: Callable[[dict[str, Any]], Any] = lambda row: row
) -> None:
    """Write each row, or what `shaped` makes of it, as a line."""
    with path.open("wb") as out:
        for row in rows_of(batches):
            out.write(json.dumps(shaped(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def rows_of(batches: Iterable[pa.RecordBatch]) -> Iterable[dict[str, Any]]:
    """The rows of batches as dictionaries, few at a time."""
    for batch in batches:
        for start in range(0, batch.num_rows, SLICE_ROWS):
            yield from batch.slice(start, SLICE_ROWS).to_pylist()
