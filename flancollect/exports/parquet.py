"""Parquet as the Hub likes it: zstd, page index, row groups of fixed rows, equal bytes for equal rows.

The footer names the pyarrow that wrote the file; nothing else but the rows enters the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flancollect.exports.format import Format

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
    "question.metric",
    "question.cluster",
    "question.subject",
)
"""Columns of few different values: dictionaries shrink them, and their bounds help readers skip."""


def format_for(schema: pa.Schema) -> Format:
    """Every column of the build, with a configuration per submixture and template style."""
    return Format(
        columns=tuple(schema.names),
        schema=schema,
        writers={"parquet": partial(write_parquet, schema=schema)},
        by_style=True,
    )


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
        store_schema=False,  # Arrow's own schema would go into the footer, with whatever metadata it has
    ) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=batch.num_rows)
