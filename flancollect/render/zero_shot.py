"""One row in one template: its opening, its question and its target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from flancollect.cards.family import Family, Template
from flancollect.cards.style_card import DialogStyle, OptionStyle
from flancollect.errors import CardError, Problem
from flancollect.jinja.evaluate import render_columns, render_rows
from flancollect.jinja.expression import ExpressionError, compile_template
from flancollect.render.normalise import Row
from flancollect.render.options import answer_text, options_texts


class Example(NamedTuple):
    """A row's texts. `intro` is empty where the template has none."""

    intro: str
    input: str
    target: str


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
    seen = Seen(family, rows, [option_style] * len(rows), [dialog_style] * len(rows))
    found = render_each(seen, [template] * len(rows), Counter())
    examples = [example for example in found if isinstance(example, Example)]
    if len(examples) < len(found):
        raise next(error for error in found if isinstance(error, CardError))
    return examples


def render_each(
    seen: Seen, templates: Sequence[Template], fallbacks: Counter[str]
) -> list[Example | CardError]:
    """Each row in its template, in order, with a failing row's error in its place.

    Rows of one template are rendered together. Those that generated code left to reference Jinja are counted
    in `fallbacks` by template.
    """
    places: dict[str, list[int]] = {}
    for place, template in enumerate(templates):
        places.setdefault(template.id, []).append(place)
    found: list[Example | CardError | None] = [None] * len(templates)
    for alike in places.values():
        template = templates[alike[0]]
        for place, example in zip(alike, _alike(seen, alike, template, fallbacks), strict=True):
            found[place] = example
    return [example for example in found if example is not None]


def _alike(
    seen: Seen, places: Sequence[int], template: Template, fallbacks: Counter[str]
) -> Iterator[Example | CardError]:
    """The rows at these places, all in one template."""
    parts = (template.intro or "", template.input, template.target)
    used = frozenset().union(*(compile_template(part).variables for part in parts))
    columns = {
        name: [column[i] for i in places] for name in used if (column := seen.column(name)) is not None
    }
    outcomes = [render_rows(part, columns, len(places)) for part in parts]
    left = set().union(*(outcome.fallback for outcome in outcomes))
    if left:
        fallbacks[template.id] += len(left)
    return (_example(texts, template) for texts in zip(*(outcome.rows for outcome in outcomes), strict=True))


def _example(texts: Sequence[str | ExpressionError], template: Template) -> Example | CardError:
    intro, question, target = texts
    if isinstance(intro, str) and isinstance(question, str) and isinstance(target, str):
        return Example(intro, question, target)
    error = next(text for text in texts if isinstance(text, ExpressionError))
    what = f"{template.direction}.{template.name}: {error}"
    return CardError([Problem(template.file, template.line, what)])


def join_zero_shot(example: Example) -> str:
    """A zero-shot prompt: the opening, a blank line, the question."""
    return f"{example.intro}\n\n{example.input}" if example.intro else example.input


def turns_texts(style: DialogStyle, dialogs: Sequence[Sequence[str]]) -> list[str]:
    """Dialogs written out; in each, speakers alternate from the first."""
    flat = [turn for turns in dialogs for turn in turns]
    speakers = [style.speakers[i % len(style.speakers)] for turns in dialogs for i in range(len(turns))]
    written = iter(render_columns(style.turn, {"speaker": speakers, "text": flat}, len(flat)))
    return [style.between.join(islice(written, len(turns))) for turns in dialogs]


class Seen:
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
        self._options = option_styles
        self._dialogs = dialog_styles
        self._made: dict[str, list[Any] | None] = {}

    def column(self, name: str) -> list[Any] | None:
        """The column of a name, or None where templates of this family see no such name."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> list[Any] | None:
        if name == "choices":
            lists = {row.options: list(row.options) for row in self._rows}
            return [lists[row.options] for row in self._rows]
        if name == "answer":
            styled = zip(self._options, self._rows, strict=True)
            return [answer_text(style, row.answer, row.index) for style, row in styled]
        if name == "options":
            return _styled(options_texts, self._options, [row.options for row in self._rows])
        if name not in self._family.needs:
            return None
        values = [row.fields[name] for row in self._rows]
        return self._turns(values) if self._family.needs[name] == "turns" else values

    def _turns(self, dialogs: list[Any]) -> list[Any]:
        if any(style is None for style in self._dialogs):
            return dialogs
        return _styled(turns_texts, self._dialogs, [tuple(turns) for turns in dialogs])


S = TypeVar("S", OptionStyle, DialogStyle)


def _styled(
    write: Callable[[S, Sequence[tuple[str, ...]]], list[str]],
    styles: Sequence[S | None],
    lists: Sequence[tuple[str, ...]],
) -> list[str]:
    """Each list as its style writes it, written once for equal ones; nothing where there is no style."""
    wanted: dict[int, dict[tuple[str, ...], None]] = {}
    for style, items in zip(styles, lists, strict=True):
        wanted.setdefault(id(style), {})[items] = None
    named = {id(style): style for style in styles if style is not None}
    written = {
        key: dict(zip(wanted[key], write(style, list(wanted[key])), strict=True))
        for key, style in named.items()
    }
    return [
        "" if style is None else written[id(style)][items] for style, items in zip(styles, lists, strict=True)
    ]
