"""What a shape is: how rows of a source become the rows that a card means. Pure; nothing here reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """One source row to a list of rows, each by itself, so that a source of any size stays on disk.

    `rows` gets the columns `reads` and gives the columns `adds`; the source's other columns stay beside them,
    repeated. With `many` the number of rows is known only by looking; otherwise each row becomes one.
    """

    reads: tuple[str, ...]
    adds: pa.Schema
    rows: Callable[[Mapping[str, Any]], list[dict[str, Any]]]
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """A whole split to another table: for small files whose rows are lines of one text."""

    adds: pa.Schema
    table: Callable[[pa.Table], pa.Table]


Shape = RowShape | TableShape


def texts(*names: str) -> pa.Schema:
    """A schema of text columns."""
    return pa.schema([pa.field(name, pa.string()) for name in names])
