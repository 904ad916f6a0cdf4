"""The formats that a build can be exported to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pyarrow as pa

from flancollect.dataset.schemas import MIXTURE
from flancollect.exports import messages, seqio, trl
from flancollect.exports.jsonl import write_jsonl
from flancollect.exports.parquet import write_parquet

FormatName = Literal["parquet", "jsonl", "trl", "messages", "seqio"]
Write = Callable[[Path, Iterable[pa.RecordBatch], pa.Schema], None]

TEXTS = ("inputs", "targets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How rows become files.

    `columns` are read from the build, `schema` is what `datasets` sees of the result. `writers` go by file
    suffix; the first one's files are what `load_dataset` opens. `by_style`: also one configuration per
    submixture and template style, in folders.
    """

    columns: tuple[str, ...]
    schema: pa.Schema
    writers: dict[str, Write]
    by_style: bool = False

    @property
    def suffix(self) -> str:
        """The suffix of the files that `load_dataset` opens."""
        return next(iter(self.writers))


def _text(write: Callable[[Path, Iterable[pa.RecordBatch]], None]) -> Write:
    """A writer of lines, which need no schema."""
    return lambda path, batches, _schema: write(path, batches)


FORMATS: dict[FormatName, Format] = {
    "parquet": Format(
        columns=tuple(MIXTURE.names), schema=MIXTURE, writers={"parquet": write_parquet}, by_style=True
    ),
    "jsonl": Format(columns=tuple(MIXTURE.names), schema=MIXTURE, writers={"jsonl": _text(write_jsonl)}),
    "trl": Format(
        columns=TEXTS,
        schema=trl.SCHEMA,
        writers={"jsonl": _text(partial(write_jsonl, shaped=trl.prompt_completion))},
    ),
    "messages": Format(
        columns=TEXTS,
        schema=messages.SCHEMA,
        writers={"jsonl": _text(partial(write_jsonl, shaped=messages.conversation))},
    ),
    "seqio": Format(
        columns=TEXTS,
        schema=seqio.SCHEMA,
        writers={"jsonl": _text(write_jsonl), "tsv": _text(seqio.write_tsv)},
    ),
}


def format_of(name: FormatName, *, provenance: bool) -> Format:
    """A format, on request without the `provenance` column."""
    found = FORMATS[name]
    if provenance or "provenance" not in found.columns:
        return found
    kept = tuple(column for column in found.columns if column != "provenance")
    schema = pa.schema([found.schema.field(column) for column in kept])
    return Format(columns=kept, schema=schema, writers=found.writers, by_style=found.by_style)
