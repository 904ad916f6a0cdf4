"""One card file to many: over the rows of an index CSV, or over the templates of its family.

`{{ column }}` anywhere in the card's text is filled from the index row; an entry whose value becomes empty
is left out, so that an optional key can be an index column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flancollect.cards.card import Card
from flancollect.cards.paths import is_within
from flancollect.cards.strict_yaml import Document
from flancollect.errors import CardError, Problem
from flancollect.jinja.expression import ExpressionError, compile_template

IndexRow = Mapping[str, str]

_COLUMN = re.compile(r"\{\{ *(\w+) *\}\}")  # most holes: nothing but a column


class Expand(Card):
    """How one file becomes many cards. `over` is a CSV beside the card or the word `templates`."""

    over: str


def expand(document: Document, path: Path, families: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The card values of one document, in index order. Raises CardError.

    `families` gives the forward templates of every family by name, for `over: templates`.
    """
    value = document.value if isinstance(document.value, dict) else {}
    if "expand" not in value:
        yield dict(value)
        return
    body = {name: part for name, part in value.items() if name != "expand"}
    line = document.line_of(("expand",))
    try:
        over = Expand.model_validate(value["expand"]).over
    except ValueError as error:
        what = "write `expand: {over: index.csv}` or `expand: {over: templates}`"
        raise CardError([Problem(document.file, line, what)]) from error
    if over == "templates":
        names = families.get(str(body.get("family")), [])
        for name, card in zip(
            names, _filled_over([{"template": name} for name in names], body, document), strict=True
        ):
            yield {**card, "templates": [name]}
        return
    shown_as = f"{document.file.rpartition('/')[0]}/{over}".lstrip("/")
    yield from _filled_over(read_index(_beside(path, over, document, line), shown_as), body, document)


def _beside(path: Path, name: str, document: Document, line: int) -> Path:
    index = path.parent / name
    if not is_within(index, path.parent):
        raise CardError(
            [
                Problem(
                    document.file,
                    line,
                    f'expand.over: "{name}" leaves the card\'s folder; put the index beside the card',
                )
            ]
        )
    if not index.is_file():
        there = ", ".join(sorted(p.name for p in path.parent.glob("*.csv"))) or "none"
        raise CardError(
            [
                Problem(
                    document.file,
                    line,
                    f'expand.over: no file "{name}" beside the card. CSV files there: {there}.',
                )
            ]
        )
    return index


def read_index(path: Path, shown_as: str) -> list[IndexRow]:
    """The rows of an index CSV, all values text. Raises CardError for every ragged row at once."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            header = next(reader, [])
            rows = [(reader.line_num, cells) for cells in reader if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CardError([Problem(shown_as, 0, f"not a UTF-8 CSV file: {error}")]) from error
    doubled = sorted({name for name in header if header.count(name) > 1})
    problems = [Problem(shown_as, 1, f'column "{name}" appears twice') for name in doubled]
    problems += [Problem(shown_as, 1, "the file has no rows")] if not rows else []
    problems += [
        Problem(
            shown_as,
            line,
            f"{len(cells)} cells where the header has {len(header)}; quote cells that hold commas",
        )
        for line, cells in rows
        if len(cells) != len(header)
    ]
    if problems:
        raise CardError(problems)
    return [dict(zip(header, cells, strict=True)) for _, cells in rows]


def _filled_over(
    rows: Iterable[IndexRow], body: Mapping[str, Any], document: Document
) -> Iterator[dict[str, Any]]:
    """The card of every row. Entries in which nothing is to be filled are shared by all of them."""
    open_ = {name: part for name, part in body.items() if _is_open(part)}
    for row in rows:
        filled = _filled(open_, row, document)
        yield {
            name: filled.get(name, part) for name, part in body.items() if name in filled or name not in open_
        }


def _is_open(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_is_open, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "{{" in value


def _filled(value: Any, row: IndexRow, document: Document, at: tuple[str | int, ...] = ()) -> Any:
    if isinstance(value, str):
        return _fill_text(value, row, document, at) if "{{" in value else value
    if isinstance(value, dict):
        filled = {name: _filled(part, row, document, (*at, name)) for name, part in value.items()}
        return {name: part for name, part in filled.items() if part != "" or value[name] == ""}
    if isinstance(value, list):
        return [_filled(part, row, document, (*at, i)) for i, part in enumerate(value)]
    return value


def _fill_text(text: str, row: IndexRow, document: Document, at: tuple[str | int, ...]) -> str:
    try:
        template = compile_template(text)
        if template.variables <= row.keys():
            column = _COLUMN.fullmatch(text)
            return row[column[1]] if column and column[1] in template.variables else template.render(row)
        missing = min(template.variables - row.keys())
        what = f'no index column "{missing}". Columns: {", ".join(row)}.'
    except ExpressionError as error:
        what = str(error)
    raise CardError([Problem(document.file, document.line_of(at), f"{'.'.join(map(str, at))}: {what}")])
