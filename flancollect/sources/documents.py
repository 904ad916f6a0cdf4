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
from flancollect.sources.decode import LocalFile, lines_of, whole_text
from flancollect.sources.delimited import BATCH_ROWS

MAX_DOCUMENT_CHARS = 1 << 30
_INT64 = range(-(1 << 63), 1 << 63)

Row = Mapping[str, Any]
Rows = Callable[[], Iterator[Row]]  # called again to find the row at fault


def read_json(file: LocalFile, source: FileSource) -> tuple[pa.Table, dict[str, Any]]:
    """Read one JSON document: the rows at the dotted path `rows`, and the rest of the document without them.

    Raises:
        SourceError: not JSON, no list of objects there, or values that no Arrow column holds.
    """
    text = whole_text(file, source.encoding, MAX_DOCUMENT_CHARS)
    # Walking all values takes longer than parsing them, and hardly any document has these words.
    may_hold_nan = _may_hold_nan(text)
    document = _parse(file, text, 0)
    if source.rows is not None:
        rows, doc = _split_at(file, document, source.rows)
    elif isinstance(document, list):
        rows, doc = document, {}
    else:
        raise SourceError(f"{file.name}: {_kind(document)}, not a list of rows.{_lists_in(document)}")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise SourceError(f"{file.name}: row {number} is {_kind(row)}, not an object")
        if may_hold_nan:
            _refuse_nan(f"{file.name}: row {number}", row)
    for path, value in _walk("doc", doc):
        _refuse_surrogates(f"{file.name}: {path}", value)
    return _table(file, lambda: iter(rows)), _nan_to_null(doc) if may_hold_nan else doc


def read_jsonl(file: LocalFile, source: FileSource) -> pa.Table:
    """Read JSON Lines: one object a line; blank lines separate nothing and are no rows."""

    def rows() -> Iterator[Row]:
        for number, line in enumerate(lines_of(file, source.encoding), start=1):
            if line.strip():
                row = _parse(file, line, number)
                if not isinstance(row, dict):
                    raise SourceError(f"{file.name}:{number}: {_kind(row)}, not an object")
                if _may_hold_nan(line):
                    _refuse_nan(f"{file.name}:{number}", row)
                yield row

    return _table(file, rows)


def _parse(file: LocalFile, text: str, line: int) -> Any:
    """Parse strict JSON; `line` is where in the file the text stands, 0 when it is the file."""

    def finite(number: str) -> float:
        value = float(number)
        if math.isinf(value):  # 1e999 is JSON, but the number that Python makes of it is not what was written
            raise ValueError(f"the number {number} is too large")
        return value

    place = f"{file.name}:{line}" if line else file.name
    try:
        return json.loads(text, parse_float=finite)
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


def _split_at(file: LocalFile, document: Any, rows_path: str) -> tuple[list[Any], dict[str, Any]]:
    """The list at a dotted path, and a document that is the same but for the last key of the path.

    `{"a": {"rows": [...], "b": 1}, "c": 2}` at `a.rows` gives the list and `{"a": {"b": 1}, "c": 2}`.
    """
    doc: dict[str, Any] = {}
    value, siblings = document, doc
    names = rows_path.split(".")
    for depth, name in enumerate(names):
        if not isinstance(value, dict) or name not in value:
            parent = ".".join(names[:depth]) or "the document"
            keys = did_you_mean(name, value, "Keys") if isinstance(value, dict) else f" It is {_kind(value)}."
            raise SourceError(f'{file.name}: rows: no key "{name}" in {parent}.{keys}')
        siblings.update((key, other) for key, other in value.items() if key != name)
        value = value[name]
        if depth < len(names) - 1:
            siblings[name] = {}
            siblings = siblings[name]
    if not isinstance(value, list):
        raise SourceError(
            f"{file.name}: rows: {rows_path} is {_kind(value)}, not a list of rows.{_lists_in(value)}"
        )
    return value, doc


def _lists_in(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    lists = [key for key, inner in value.items() if isinstance(inner, list)]
    return f" Name the list with `rows:`. Lists inside: {', '.join(lists) or 'none'}."


def _table(file: LocalFile, rows: Rows) -> pa.Table:
    """Infer the types of all columns over all rows; a key that a row lacks is null."""
    tables, stream = [], rows()
    try:
        while batch := list(islice(stream, BATCH_ROWS)):
            names = dict.fromkeys(name for row in batch for name in row)  # in the order of their first row
            tables.append(pa.table({name: pa.array([row.get(name) for row in batch]) for name in names}))
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    except (pa.ArrowException, OverflowError, TypeError, UnicodeEncodeError) as error:
        _explain(file, rows())
        raise SourceError(f"{file.name}: values that no table column holds: {error}") from error


def _explain(file: LocalFile, rows: Iterable[Row]) -> None:
    """Raise SourceError for the first value that differs in kind from one before it in the same place."""
    first_at: dict[str, tuple[str, int]] = {}  # path: the kind of its first value, and that value's row
    for number, row in enumerate(rows):
        for path, value in _walk("", row):
            _refuse_surrogates(f"{file.name}: row {number}: {path}", value)
            kind = _kind(value)
            first_kind, first_row = first_at.setdefault(path, (kind, number))
            if kind != first_kind:
                raise SourceError(
                    f"{file.name}: row {number}: {path} is {kind}, but in row {first_row} it is {first_kind}; "
                    f"one column holds values of one kind"
                )


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every value below a value with its path; list items share one path, `name[]`. Nulls are left out.

    `{"a": {"b": 1}, "c": ["x", null]}` gives `a` (the object), `a.b` (1), `c` (the list) and `c[]` ("x").
    """
    # What is pushed last is walked first, so children go on the stack from last to first.
    stack = [(path, value)]
    while stack:
        place, current = stack.pop()
        if place and current is not None:
            yield place, current
        if isinstance(current, dict):
            children = reversed(current.items())
            stack.extend((f"{place}.{name}".lstrip("."), inner) for name, inner in children)
        elif isinstance(current, list):
            stack.extend((f"{place}[]", inner) for inner in reversed(current))


def _refuse_surrogates(place: str, value: Any) -> None:
    r"""JSON can write half of a UTF-16 pair (`\ud83d` alone), which is no character and has no UTF-8."""
    for text in (place, value) if isinstance(value, str) else (place,):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            at = place.encode("utf-8", "backslashreplace").decode()
            raise SourceError(
                f"{at} holds half a surrogate pair (\\u{ord(text[error.start]):04x}), no character"
            ) from error


def _kind(value: Any) -> str:
    if isinstance(value, bool):  # before int, of which bool is a kind
        return "true or false"
    if isinstance(value, int) and value not in _INT64:
        return "a number beyond 64 bits"
    kinds = {int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")
