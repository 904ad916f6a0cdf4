"""One card file to many: over the rows of an index CSV, or over the templates of its family.

`{{ column }}` anywhere in the card's text is filled from the index row; an entry whose value becomes empty
is left out, so that an optional key can be an index column. The card on the left over the index on the right

    task: "mgsm_{{ code }}"                              code,where
    source: {hub: juletxara/mgsm, config: "{{ code }}"}  de,
    where: "{{ where }}"                                 te,number != 7

is two cards: `{task: mgsm_de, source: {hub: juletxara/mgsm, config: de}}`, and one of `te` that has a `where`.
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

# Nearly every hole is a column and nothing else. It is looked up, which spares thousands of renderings a load.
_COLUMN = re.compile(r"\{\{ *(\w+) *\}\}")


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
    try:
        over = Expand.model_validate(value["expand"]).over
    except ValueError as error:
        what = "write `expand: {over: index.csv}` or `expand: {over: templates}`"
        raise CardError([document.problem(("expand",), what)]) from error
    if over == "templates":
        # Each card is narrowed to the template that it is named after, whatever `templates` it may have written.
        rows = [{"template": name} for name in families.get(str(body.get("family")), [])]
        for row, card in zip(rows, _filled_over(rows, body, document), strict=True):
            yield {**card, "templates": [row["template"]]}
        return
    index = path.parent / over
    if not is_within(index, path.parent):
        what = f'expand.over: "{over}" leaves the card\'s folder; put the index beside the card'
        raise CardError([document.problem(("expand",), what)])
    if not index.is_file():
        files = ", ".join(sorted(p.name for p in path.parent.glob("*.csv"))) or "none"
        what = f'expand.over: no file "{over}" beside the card. CSV files there: {files}.'
        raise CardError([document.problem(("expand",), what)])
    file = f"{document.file.rpartition('/')[0]}/{over}".lstrip("/")
    yield from _filled_over(read_index(index, file), body, document)


def read_index(path: Path, file: str) -> list[IndexRow]:
    """The rows of an index CSV, all values text; `file` names it in problems.

    Raises CardError for every ragged row at once.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            header = next(reader, [])
            # A cell may hold line breaks, so rows and lines are counted apart: `line_num` is where a row ends.
            rows = [(reader.line_num, cells) for cells in reader if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CardError([Problem(file, 0, f"not a UTF-8 CSV file: {error}")]) from error
    doubled = sorted({name for name in header if header.count(name) > 1})
    problems = [Problem(file, 1, f'column "{name}" appears twice') for name in doubled]
    problems += [Problem(file, 1, "the file has no rows")] if not rows else []
    for line, cells in rows:
        if len(cells) != len(header):
            what = f"{len(cells)} cells where the header has {len(header)}; quote cells that hold commas"
            problems.append(Problem(file, line, what))
    if problems:
        raise CardError(problems)
    return [dict(zip(header, cells, strict=True)) for _, cells in rows]


def _filled_over(
    rows: Iterable[IndexRow], body: Mapping[str, Any], document: Document
) -> Iterator[dict[str, Any]]:
    """The card of every row. Entries in which nothing is to be filled are shared by all of them."""
    to_fill = {name: part for name, part in body.items() if _has_holes(part)}
    for row in rows:
        filled = _filled(to_fill, row, document)
        yield {
            name: filled.get(name, part)
            for name, part in body.items()
            if name in filled or name not in to_fill  # what was to be filled and is not there became empty
        }


def _has_holes(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_holes, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "{{" in value


def _filled(value: Any, row: IndexRow, document: Document, at: tuple[str | int, ...] = ()) -> Any:
    """A value with its holes filled. Entries of mappings that become empty go; items of lists stay."""
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
            # `{{ none }}` looks like a column but is Jinja's constant, which is no variable of the template.
            return row[column[1]] if column and column[1] in template.variables else template.render(row)
        missing = min(template.variables - row.keys())
        what = f'no index column "{missing}". Columns: {", ".join(row)}.'
    except ExpressionError as error:
        what = str(error)
    raise CardError([document.problem(at, f"{'.'.join(map(str, at))}: {what}")])
