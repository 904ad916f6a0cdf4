"""JSON and JSON Lines to Arrow. Values arrive exactly as in the file, or the row that cannot is named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.decode import Opened, lines_of, whole_text
from flancollect.sources.delimited import BATCH_ROWS

MAX_DOCUMENT_CHARS = 1 << 30
_INT64 = range(-(1 << 63), 1 << 63)

Row = Mapping[str, Any]
Rows = Callable[[], Iterator[Row]]  # called again to find the row at fault


def read_json(file: Opened, source: FileSource) -> tuple[pa.Table, dict[str, Any]]:
    """Read one JSON document: the rows at the dotted path `rows`, and the rest of the document without them.

    Raises:
        SourceError: not JSON, no list of objects there, or values that no Arrow column holds.
    """
    text = whole_text(file, source.encoding, MAX_DOCUMENT_CHARS)
    suspect = _may_hold_nan(text)
    rows, doc = _split_document(file, _parse(file, text, 0), source.rows)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise SourceError(f"{file.name}: row {number} is {_kind(row)}, not an object")
        if suspect:
            _refuse_nan(f"{file.name}: row {number}", row)
    for path, value in _walk("doc", doc):
        _refuse_surrogates(f"{file.name}: {path}", value)
    return _table(file, lambda: iter(rows)), _nan_to_null(doc) if suspect else doc


def read_jsonl(file: Opened, source: FileSource) -> pa.Table:
    """Read JSON Lines: one object a line; blank lines separate nothing and are no rows."""
    return _table(file, lambda: _line_rows(file, source.encoding))


def _line_rows(file: Opened, encoding: str) -> Iterator[Row]:
    for number, line in enumerate(lines_of(file, encoding), start=1):
        if line.strip():
            row = _parse(file, line, number)
            if not isinstance(row, dict):
                raise SourceError(f"{file.name}:{number}: {_kind(row)}, not an object")
            if _may_hold_nan(line):
                _refuse_nan(f"{file.name}:{number}", row)
            yield row


# --- parsing -----------------------------------------------------------------------------------------------


def _parse(file: Opened, text: str, line: int) -> Any:
    """Parse strict JSON; `line` is where in the file the text stands, 0 when it is the file."""
    place = f"{file.name}:{line}" if line else file.name
    try:
        return json.loads(text, parse_float=_finite)
    except json.JSONDecodeError as error:
        at = place if line else f"{place}:{error.lineno}"
        raise SourceError(f"{at}: not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise SourceError(f"{place}: JSON that is nested too deeply to read") from error
    except ValueError as error:
        raise SourceError(f"{place}: not strict JSON: {error}") from error


def _may_hold_nan(text: str) -> bool:
    return "NaN" in text or "Infinity" in text


def _refuse_nan(place: str, row: Row) -> None:
    for path, value in _walk("", row):
        if isinstance(value, float) and not math.isfinite(value):
            raise SourceError(f"{place}: {path} is {value}, which is no JSON value")


def _nan_to_null(value: Any) -> Any:
    """A document around rows without NaN and Infinity: some writers put them where a value is missing."""
    if isinstance(value, dict):
        return {name: _nan_to_null(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_nan_to_null(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large")
    return number


def _split_document(file: Opened, document: Any, rows: str | None) -> tuple[list[Any], dict[str, Any]]:
    """The list at a dotted path, and the document without it."""
    if rows is not None:
        return _split_at(file, document, rows, "")
    if isinstance(document, list):
        return document, {}
    raise SourceError(f"{file.name}: {_kind(document)}, not a list of rows.{_lists_in(document)}")


def _split_at(file: Opened, value: Any, path: str, walked: str) -> tuple[list[Any], dict[str, Any]]:
    name, _, deeper = path.partition(".")
    if not isinstance(value, dict) or name not in value:
        found = did_you_mean(name, value, "Keys") if isinstance(value, dict) else f" It is {_kind(value)}."
        raise SourceError(f'{file.name}: rows: no key "{name}" in {walked or "the document"}.{found}')
    inner, others = value[name], {key: other for key, other in value.items() if key != name}
    here = f"{walked}.{name}".lstrip(".")
    if deeper:
        rows, rest = _split_at(file, inner, deeper, here)
        return rows, {**others, name: rest}
    if not isinstance(inner, list):
        raise SourceError(
            f"{file.name}: rows: {here} is {_kind(inner)}, not a list of rows.{_lists_in(inner)}"
        )
    return inner, others


def _lists_in(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    lists = [key for key, inner in value.items() if isinstance(inner, list)]
    return f" Name the list with `rows:`. Lists inside: {', '.join(lists) or 'none'}."


# --- to Arrow ----------------------------------------------------------------------------------------------


def _table(file: Opened, rows: Rows) -> pa.Table:
    """Infer the types of all columns over all rows; a key that a row lacks is null."""
    try:
        tables = [_batch(batch) for batch in _batches(rows())]
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    except (pa.ArrowException, OverflowError, TypeError, UnicodeEncodeError) as error:
        _explain(file, rows())
        raise SourceError(f"{file.name}: values that no table column holds: {error}") from error


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    return iter(lambda: list(islice(rows, BATCH_ROWS)), [])


def _batch(rows: list[Row]) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


def _explain(file: Opened, rows: Iterable[Row]) -> None:
    """Raise SourceError for the first value that differs in kind from one before it in the same place."""
    seen: dict[str, tuple[str, int]] = {}
    for number, row in enumerate(rows):
        for path, value in _walk("", row):
            _refuse_surrogates(f"{file.name}: row {number}: {path}", value)
            kind = _kind(value)
            before, first = seen.setdefault(path, (kind, number))
            if kind != before:
                raise SourceError(
                    f"{file.name}: row {number}: {path} is {kind}, but in row {first} it is {before}; "
                    f"one column holds values of one kind"
                )


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every value below a value with its path; list items share one path, `name[]`. Nulls are left out."""
    stack = [(path, value)]
    while stack:
        place, found = stack.pop()
        if place and found is not None:
            yield place, found
        if isinstance(found, dict):
            stack.extend((f"{place}.{name}".lstrip("."), inner) for name, inner in reversed(found.items()))
        elif isinstance(found, list):
            stack.extend((f"{place}[]", inner) for inner in reversed(found))


def _refuse_surrogates(place: str, value: Any) -> None:
    for text in (place, value) if isinstance(value, str) else (place,):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            at = place.encode("utf-8", "backslashreplace").decode()
            raise SourceError(
                f"{at} holds half a surrogate pair (\\u{ord(text[error.start]):04x}), no character"
            ) from error


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int) and value not in _INT64:
        return "a number beyond 64 bits"
    kinds = {int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")
