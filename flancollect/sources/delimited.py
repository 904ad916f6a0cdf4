"""CSV, TSV and plain lines to Arrow. Every value arrives as the text that stands in the file.

Rows come in tables of some megabytes, so that few Python texts are alive at once.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError
from flancollect.sources.decode import MAX_LINE_CHARS, LocalFile, lines_of, raw_lines

T = TypeVar("T")

BATCH_ROWS = 16_384
BATCH_CHARS = 16 * 1024 * 1024
_DELIMITERS = {"csv": ",", "tsv": "\t"}

NumberedRow = tuple[
    int, Sequence[str]
]  # line on which a row ends (1-based), and its values; none of an empty line


def read_delimited(file: LocalFile, source: FileSource) -> Iterator[pa.Table]:
    """Read a csv or tsv file. Its columns are named by `columns`, else by its first line.

    An empty line is no row, but where there is one column: there it is a row whose value is empty. A file without any
    line is a table without columns.

    Raises:
        SourceError: a row whose width differs, an odd quote, a column name that stands twice.
    """
    rows = _quoted_rows(file, source) if source.quoting == "csv" else _unquoted_rows(file, source)
    names = source.columns if source.columns is not None else next((row for _, row in rows if row), None)
    if names is None:
        return iter([pa.table({})])
    for position, name in enumerate(names):
        if name in names[:position]:
            raise SourceError(
                f'{file.name}: two columns are named "{name}" ({", ".join(names)}). '
                f"Name them in the source: `columns: [...]` reads the first line as a row"
            )
    return _tables(_rectangular(file, rows, names), names)


def read_text(file: LocalFile, source: FileSource) -> Iterator[pa.Table]:
    """Read a text file: one column, one line one row."""
    names = source.columns or ["text"]
    if len(names) != 1:
        raise SourceError(
            f"{file.name}: text has one column, but `columns` names {len(names)}: {', '.join(names)}"
        )
    return _tables(([line] for line in lines_of(file, source.encoding)), names)


def _quoted_rows(file: LocalFile, source: FileSource) -> Iterator[NumberedRow]:
    """Rows by the rules of CSV: a quoted value may hold delimiters, line ends and doubled quotes."""
    csv.field_size_limit(MAX_LINE_CHARS)  # the default of 128 KB is too short for documents
    lines = (line + "\n" for line in raw_lines(file, source.encoding))
    reader = csv.reader(lines, delimiter=_DELIMITERS[source.format], strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        if "new-line character" in str(error):
            raise SourceError(
                f"{file.name}:{reader.line_num}: a carriage return alone, which ends no line here; write line ends as "
                r"`\n` or `\r\n`, or put the value in quotes"
            ) from error
        raise SourceError(
            f"{file.name}:{reader.line_num}: {error}. If quotes are plain characters, write `quoting: none`"
        ) from error


def _unquoted_rows(file: LocalFile, source: FileSource) -> Iterator[NumberedRow]:
    delimiter = _DELIMITERS[source.format]
    for number, line in enumerate(lines_of(file, source.encoding), start=1):
        yield number, line.split(delimiter) if line else []


def _rectangular(
    file: LocalFile, rows: Iterable[NumberedRow], names: Sequence[str]
) -> Iterator[Sequence[str]]:
    """The values of rows that all have one value for each name."""
    for line, row in rows:
        if len(row) == len(names):
            yield row
        elif not row and len(names) == 1:
            yield [""]
        elif row:
            raise SourceError(
                f"{file.name}:{line}: {len(row)} values for {len(names)} columns ({', '.join(names)}). "
                f"Mend the file, or name its columns (`columns:`) or its quotes (`quoting: none`)"
            )


def _tables(rows: Iterable[Sequence[str]], names: Sequence[str]) -> Iterator[pa.Table]:
    """Rows of text as tables, the first of which may be empty, so that no row at all is a table too."""
    schema = pa.schema([(name, pa.string()) for name in names])
    yield schema.empty_table()
    for batch in batches_of(rows, lambda row: sum(map(len, row))):
        columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
        yield pa.table(columns, schema=schema)


def batches_of(rows: Iterable[T], chars: Callable[[T], int]) -> Iterator[list[T]]:
    """Rows in batches of at most `BATCH_ROWS`, which end with the row that brings them to `BATCH_CHARS`."""
    batch: list[T] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += chars(row)
        if len(batch) == BATCH_ROWS or size >= BATCH_CHARS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
