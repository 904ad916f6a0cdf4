"""Parquet as the Hub likes it: zstd, page index, row groups of fixed rows, equal bytes for equal rows.

The footer names the pyarrow that wrote the file; nothing else but the rows enters the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

LEVEL = 3  # zstd's own default; higher ones cost more time than they save bytes on prompts

REPEATING = (
    "task_source",
    "task_name",
    "template_type",
    "template_id",
    "provenance.split",
    "provenance.option_style",
    "provenance.shot_style",
    "provenance.dialog_style",
    "provenance.exemplar_source",
)
"""Columns of few different values: dictionaries shrink them, and their bounds help readers skip."""


def write_parquet(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    """Write each batch as one row group."""
    names = [name for name in REPEATING if name.split(".")[0] in schema.names]
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=LEVEL,
        use_dictionary=names,
        write_statistics=names,
        write_page_index=True,
        store_schema=False,
    ) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=batch.num_rows)
