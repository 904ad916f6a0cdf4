"""JSON and JSON Lines to Arrow. Every row arrives with its own keys and values, whatever other rows have.

A column whose values are all texts, or all whole numbers, and so on, is a column of that type. Any other holds
JSON texts (`values.JSON`), from which each value is read by itself. JSON has no NaN and no Infinity, though some
writers put them where a value is missing: they are null, and so are numbers that no machine holds (1e999).
"""

from __future__ import annotations

import json
import json.scanner
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.decode import LocalFile, lines_of, whole_text
from flancollect.sources.delimited import batches_of
from flancollect.sources.values import JSON

MAX_DOCUMENT_CHARS = 1 << 30
_TYPES = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}

Row = Mapping[str, Any]


def read_json(file: LocalFile, source: FileSource) -> tuple[Iterator[pa.Table], dict[str, Any]]:
    """Read one JSON document: the rows at the dotted path `rows`, and the rest of the document without them.

    Raises:
        SourceError: not JSON, a key twice in one object, no list of objects there; so may the tables.
    """
    text = whole_text(file, source.encoding, MAX_DOCUMENT_CHARS)
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
    for path, value in _walk("doc", doc):
        _refuse_surrogates(f"{file.name}: {path}", value)
    mean_chars = len(text) // max(len(rows), 1)
    return _tables(file, ((row, mean_chars) for row in rows)), doc


def read_jsonl(file: LocalFile, source: FileSource) -> Iterator[pa.Table]:
    """Read JSON Lines: one object a line; blank lines separate nothing and are no rows. Raises SourceError."""

    def rows() -> Iterator[tuple[Row, int]]:
        for number, line in enumerate(lines_of(file, source.encoding), start=1):
            if line.strip():
                row = _parse(file, line, number)
                if not isinstance(row, dict):
                    raise SourceError(f"{file.name}:{number}: {_kind(row)}, not an object")
                yield row, len(line)

    return _tables(file, rows())


class _KeyTwiceError(ValueError):
    """An object that has a key twice: nobody could say which value was meant. `start` is where it begins."""

    start = 0


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _KeyTwiceError(next(key for place, key in enumerate(keys) if key in keys[:place]))
    return value


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _short(number: str) -> int | None:
    try:
        return int(number)
    except ValueError:  # Python reads no number of more than 4,300 digits
        return None


def _no_number(_constant: str) -> None:
    return None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_number)
_SHORT_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_number, parse_int=_short
)


class _PlaceDecoder(json.JSONDecoder):
    """Slow, as it is Python's twin of the C scanner, but it knows where an object begins."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_object, parse_int=_short)
        self.parse_object = self._object_at
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined] # the same

    @staticmethod
    def _object_at(text_and_start: tuple[str, int], *rest: Any) -> Any:
        try:
            return json.decoder.JSONObject(text_and_start, *rest)  # type: ignore[attr-defined] # not in its stubs
        except _KeyTwiceError as error:
            error.start = error.start or text_and_start[1] - 1
            raise


def _parse(file: LocalFile, text: str, line: int) -> Any:
    """Parse strict JSON; `line` is where in the file the text stands, 0 when it is the file."""
    place = f"{file.name}:{line}" if line else file.name
    try:
        try:
            return _DECODER.decode(text)
        except (json.JSONDecodeError, _KeyTwiceError):
            raise
        except ValueError:
            return _SHORT_DECODER.decode(text)
    except json.JSONDecodeError as error:
        at = place if line else f"{place}:{error.lineno}"
        raise SourceError(f"{at}: not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise SourceError(f"{place}: JSON that is nested too deeply to read") from error
    except _KeyTwiceError as error:
        at = place if line else f"{place}:{_line_of_object(text)}"
        raise SourceError(f'{at}: the key "{error}" stands twice in the object that begins there') from error


def _line_of_object(text: str) -> int:
    """The line on which the first object begins that has a key twice."""
    try:
        _PlaceDecoder().decode(text)
    except _KeyTwiceError as error:
        return text.count("\n", 0, error.start) + 1
    except RecursionError:  # Python's scanner gives up earlier than that in C
        pass
    return 1


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


def _tables(file: LocalFile, rows: Iterable[tuple[Row, int]]) -> Iterator[pa.Table]:
    """Rows, each with its size in characters, as tables; a key that a row lacks is null in Arrow."""
    try:
        for batch in batches_of(rows, lambda row_and_chars: row_and_chars[1]):
            names = dict.fromkeys(name for row, _ in batch for name in row)  # in the order of their first row
            if names:
                yield pa.table({name: _column(name, [row for row, _ in batch]) for name in names})
            else:  # `{}` is a row, too, which a table without columns would not count
                rows_alone = pa.array([{}] * len(batch), pa.struct([]))
                yield pa.Table.from_batches([pa.RecordBatch.from_struct_array(rows_alone)])
    except RecursionError as error:
        raise SourceError(f"{file.name}: JSON that is nested too deeply to read") from error
    except UnicodeEncodeError as error:
        raise SourceError(
            f"{file.name}: a key holds half a surrogate pair ({error.object[error.start :][:1]!a}), no character"
        ) from error


def _column(name: str, rows: Sequence[Row]) -> pa.Array:
    """One column: of one plain type where all of its values are of that, else of JSON texts."""
    values = [row.get(name) for row in rows]
    kinds = set(map(type, values))
    # In Arrow null is a key that is lacking, so that a key which is null takes JSON's own null.
    if type(None) in kinds and not any(name in row and row[name] is None for row in rows):
        kinds.discard(type(None))
    kind = _TYPES.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is not None:
        try:
            return pa.array(values, kind)
        except (OverflowError, UnicodeEncodeError):  # beyond 64 bits, half a surrogate pair
            pass
    texts = [_json_text(row[name]) if name in row else None for row in rows]
    return pa.ExtensionArray.from_storage(JSON, pa.array(texts, JSON.storage_type))


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def _json_text(value: Any) -> str:
    text = _encode(value)
    # Half of a surrogate pair has no UTF-8; as an escape it stays what it was.
    return text if text.isascii() or _has_utf8(text) else json.dumps(value)


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), "null")
