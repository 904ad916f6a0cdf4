"""One row in one template: its opening, its question and its target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice, starmap
from typing import Any, NamedTuple, TypeVar

from flancollect.cards.family import TURNS_FORM, Family, Template
from flancollect.cards.style_card import DialogStyle, OptionStyle
from flancollect.errors import CardError, Problem
from flancollect.jinja.evaluate import render_columns, render_rows
from flancollect.jinja.expression import ExpressionError, NullValueError, compile_template
from flancollect.render.normalise import Row
from flancollect.render.options import answer_text, options_texts


class Example(NamedTuple):
    """A row's texts. `intro` is empty where the template has none, `explanation` where an exemplar has none to show."""

    intro: str
    input: str
    target: str
    explanation: str = ""


def render_examples(
    rows: Sequence[Row],
    template: Template,
    family: Family,
    option_style: OptionStyle | None,
    dialog_style: DialogStyle | None,
) -> list[Example]:
    """Render rows in one template and one choice of styles, in order.

    Without an option style no options are listed. Raises CardError, at the template's line, when the template
    fails on a row or exceeds its bounds.
    """
    columns = TemplateColumns(family, rows, [option_style] * len(rows), [dialog_style] * len(rows))
    examples: list[Example] = []
    for outcome in render_each(columns, [template] * len(rows), Counter()):
        if isinstance(outcome, CardError):
            raise outcome
        examples.append(outcome)
    return examples


def render_each(
    columns: TemplateColumns, templates: Sequence[Template], fallbacks: Counter[str]
) -> list[Example | CardError]:
    """Each row in its template, in order, with a failing row's error in its place.

    Rows of one template are rendered together. Those that generated code left to reference Jinja are counted
    in `fallbacks` by template.
    """
    # Rows 0..4 in templates a, b, a, a, b: positions are {a: [0, 2, 3], b: [1, 4]}, so two columns of texts are
    # rendered instead of five texts, and each goes back to its own position.
    positions: dict[str, list[int]] = {}
    for position, template in enumerate(templates):
        positions.setdefault(template.id, []).append(position)
    outcomes: dict[int, Example | CardError] = {}
    for group in positions.values():
        template = templates[group[0]]
        rendered = _render_template(columns, group, template, fallbacks)
        outcomes.update(zip(group, rendered, strict=True))
    return [outcomes[position] for position in range(len(templates))]


def _render_template(
    columns: TemplateColumns, positions: Sequence[int], template: Template, fallbacks: Counter[str]
) -> list[Example | CardError]:
    """The rows at these positions, all in one template."""
    parts = (template.intro or "", template.input, template.target)
    variables = frozenset().union(*(compile_template(part).variables for part in parts if part))
    values = {
        name: [column[i] for i in positions]
        for name in variables
        if (column := columns.column(name)) is not None
    }
    outcomes = [render_rows(part, values, len(positions)) for part in parts]
    fallen_back = set().union(*(outcome.fallback for outcome in outcomes))
    rows = zip(*(outcome.rows for outcome in outcomes), strict=True)
    if not fallen_back:  # only reference Jinja fails
        return list(starmap(Example, rows))
    fallbacks[template.id] += len(fallen_back)
    return [_example(texts, template) for texts in rows]


class NullCellError(CardError):
    """A template would write out a null: the row has a hole, the template no fault."""


def _example(texts: Sequence[str | ExpressionError], template: Template) -> Example | CardError:
    intro, question, target = texts
    if isinstance(intro, str) and isinstance(question, str) and isinstance(target, str):
        return Example(intro, question, target)
    error = next(text for text in texts if isinstance(text, ExpressionError))
    what = f"{template.direction}.{template.name}: {error}"
    kind = NullCellError if isinstance(error, NullValueError) else CardError
    return kind([Problem(template.file, template.line, what)])


def join_zero_shot(example: Example) -> str:
    """A zero-shot prompt: the opening, a blank line, the question."""
    return f"{example.intro}\n\n{example.input}" if example.intro else example.input


def turns_texts(style: DialogStyle, dialogs: Sequence[Sequence[str]]) -> list[str]:
    """Dialogs written out; in each, speakers alternate from the first."""
    # All turns of all dialogs are rendered as one column, then dealt out again by the dialogs' lengths.
    turns = [turn for dialog in dialogs for turn in dialog]
    speakers = [style.speakers[i % len(style.speakers)] for dialog in dialogs for i in range(len(dialog))]
    texts = iter(render_columns(style.turn, {"speaker": speakers, "text": turns}, len(turns)))
    return [style.between.join(islice(texts, len(dialog))) for dialog in dialogs]


class TemplateColumns:
    """What templates see of some rows, each in its own styles: columns by name, made when a template asks."""

    def __init__(
        self,
        family: Family,
        rows: Sequence[Row],
        option_styles: Sequence[OptionStyle | None],
        dialog_styles: Sequence[DialogStyle | None],
    ) -> None:
        self._family = family
        self._rows = rows
        self._option_styles = option_styles
        self._dialog_styles = dialog_styles
        self._columns: dict[str, list[Any] | None] = {}

    def column(self, name: str) -> list[Any] | None:
        """The column of a name, or None where templates of this family see no such name."""
        if name not in self._columns:
            self._columns[name] = self._make(name)
        return self._columns[name]

    def _make(self, name: str) -> list[Any] | None:
        if name == "choices":
            # Rows of a closed family share one tuple of options: one list serves them all.
            lists = {row.options: list(row.options) for row in self._rows}
            return [lists[row.options] for row in self._rows]
        if name == "answer":
            styled = zip(self._option_styles, self._rows, strict=True)
            return [answer_text(style, row.answer, row.answer_index) for style, row in styled]
        if name == "options":
            return _styled(options_texts, self._option_styles, [row.options for row in self._rows])
        if name not in self._family.needs:
            return self._turns_form() if name == TURNS_FORM else None
        values = [row.fields[name] for row in self._rows]
        if self._family.needs[name] != "turns" or any(style is None for style in self._dialog_styles):
            return values
        return _styled(turns_texts, self._dialog_styles, [tuple(turns) for turns in values])

    def _turns_form(self) -> list[Any] | None:
        if "turns" not in self._family.needs.values():
            return None
        return _styled(turns_texts, self._dialog_styles, [("...", "...")] * len(self._rows))


S = TypeVar("S", OptionStyle, DialogStyle)


def _styled(
    write: Callable[[S, Sequence[tuple[str, ...]]], list[str]],
    styles: Sequence[S | None],
    lists: Sequence[tuple[str, ...]],
) -> list[str]:
    """Each list as its style writes it, written once for equal ones; nothing where there is no style."""
    # Styles go by identity: they are models, which do not hash, and one mixture has each of them once.
    by_style: dict[int, dict[tuple[str, ...], None]] = {}
    for style, items in zip(styles, lists, strict=True):
        by_style.setdefault(id(style), {})[items] = None
    distinct = {id(style): style for style in styles if style is not None}
    texts = {
        key: dict(zip(by_style[key], write(style, list(by_style[key])), strict=True))
        for key, style in distinct.items()
    }
    return [
        "" if style is None else texts[id(style)][items] for style, items in zip(styles, lists, strict=True)
    ]
