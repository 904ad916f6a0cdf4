"""One card file to many: over the rows of an index CSV, or over the wordings of its family.

`{{ column }}` anywhere in the card's text is filled from the index row; an entry whose value becomes empty
is left out, so that an optional key can be an index column.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flancollect.cards.expression import ExpressionError, compile_template
from flancollect.cards.models import Expand
from flancollect.cards.strict_yaml import Document
from flancollect.errors import CardError, Problem

IndexRow = Mapping[str, str]


def expand(document: Document, path: Path, families: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The card values of one document, in index order. Raises CardError.

    `families` gives the forward wordings of every family by name, for `over: templates`.
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
        for name in families.get(str(body.get("family")), []):
            yield {**_filled(body, {"template": name}, document), "templates": [name]}
        return
    shown_as = f"{document.file.rpartition('/')[0]}/{over}".lstrip("/")
    for row in read_index(_beside(path, over, document, line), shown_as):
        yield _filled(body, row, document)


def _beside(path: Path, name: str, document: Document, line: int) -> Path:
    index = path.parent / name
    if not index.resolve().is_relative_to(path.parent.resolve()):
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
        missing = sorted(template.variables - set(row))
        if not missing:
            return template.render(row)
        what = f'no index column "{missing[0]}". Columns: {", ".join(row)}.'
    except ExpressionError as error:
        what = str(error)
    raise CardError([Problem(document.file, document.line_of(at), f"{'.'.join(map(str, at))}: {what}")])
