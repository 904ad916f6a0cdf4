"""CSV, TSV and plain lines to Arrow. Every value arrives as the text that stands in the file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pyarrow as pa

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError
from flancollect.sources.decode import MAX_LINE_CHARS, LocalFile, lines_of, raw_lines

BATCH_ROWS = 16_384
_DELIMITERS = {"csv": ",", "tsv": "\t"}

NumberedRow = tuple[int, list[str]]  # line on which a row ends (1-based), and its values


def read_delimited(file: LocalFile, source: FileSource) -> pa.Table:
    """Read a csv or tsv file. Its columns are named by `columns`, else by its first line.

    Raises:
        SourceError: a row whose width differs, an odd quote, a column name that stands twice.
    """
    rows = _quoted_rows(file, source) if source.quoting == "csv" else _unquoted_rows(file, source)
    names = source.columns if source.columns is not None else next((row for _, row in rows), None)
    if names is None:
        raise SourceError(f"{file.name}: is empty: not even a line of column names")
    for position, name in enumerate(names):
        if name in names[:position]:
            raise SourceError(
                f'{file.name}: two columns are named "{name}" ({", ".join(names)}). '
                f"Name them in the source: `columns: [...]` reads the first line as a row"
            )
    return _table(_rectangular(file, rows, names), names)


def read_text(file: LocalFile, source: FileSource) -> pa.Table:
    """Read a text file: one column, one line one row."""
    names = source.columns or ["text"]
    if len(names) != 1:
        raise SourceError(
            f"{file.name}: text has one column, but `columns` names {len(names)}: {', '.join(names)}"
        )
    return _table(([line] for line in lines_of(file, source.encoding)), names)


def read_line_column(file: LocalFile, encoding: str) -> pa.ChunkedArray:
    """Read a text file as one column, to be joined to others by line."""
    return _table(([line] for line in lines_of(file, encoding)), ["text"])["text"]


def _quoted_rows(file: LocalFile, source: FileSource) -> Iterator[NumberedRow]:
    """Rows by the rules of CSV: a quoted value may hold delimiters, line ends and doubled quotes."""
    csv.field_size_limit(MAX_LINE_CHARS)  # the default of 128 KB is too short for documents
    lines = (line + "\n" for line in raw_lines(file, source.encoding))
    reader = csv.reader(lines, delimiter=_DELIMITERS[source.format], strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise SourceError(
            f"{file.name}:{reader.line_num}: {error}. If quotes are plain characters, write `quoting: none`"
        ) from error


def _unquoted_rows(file: LocalFile, source: FileSource) -> Iterator[NumberedRow]:
    delimiter = _DELIMITERS[source.format]
    for number, line in enumerate(lines_of(file, source.encoding), start=1):
        if line:
            yield number, line.split(delimiter)


def _rectangular(file: LocalFile, rows: Iterable[NumberedRow], names: Sequence[str]) -> Iterator[list[str]]:
    """The values of rows that all have one value for each name."""
    for line, row in rows:
        if len(row) != len(names):
            raise SourceError(
                f"{file.name}:{line}: {len(row)} values for {len(names)} columns ({', '.join(names)}). "
                f"Mend the file, or name its columns (`columns:`) or its quotes (`quoting: none`)"
            )
        yield row


def _table(rows: Iterator[Sequence[str]], names: Sequence[str]) -> pa.Table:
    """Rows of text as a table, turned to columns in batches: so few Python texts are alive at once."""
    schema = pa.schema([(name, pa.string()) for name in names])
    batches = [schema.empty_table()]  # so that no row at all is a table too
    while batch := list(islice(rows, BATCH_ROWS)):
        columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
        batches.append(pa.table(columns, schema=schema))
    return pa.concat_tables(batches)
