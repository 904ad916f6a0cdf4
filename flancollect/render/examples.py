"""Every template tried on its family's own example: what golden tests show, and what is proved before a build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flancollect.cards.entries import Catalog
from flancollect.cards.family import Family, Template
from flancollect.cards.style_card import DialogStyle, OptionStyle
from flancollect.errors import CardError, Problem
from flancollect.jinja.evaluate import why_not_compiled
from flancollect.render.normalise import Row, contents_of
from flancollect.render.zero_shot import Example, render_examples

PLAIN_OPTIONS = OptionStyle(header="Options:", item="- {{ text }}")
PLAIN_DIALOG = DialogStyle(speakers=["A", "B"], turn="{{ speaker }}: {{ text }}")

_STYLE_PARTS = {
    "options": ("item", "label"),
    "shots": ("intro", "exemplar", "query"),
    "dialogs": ("turn",),
}


def check_examples(families: Iterable[Family]) -> None:
    """Render every template of these families on their examples. Raises CardError with all that fail."""
    problems = [problem for family in families for problem in example_problems(family)]
    if problems:
        raise CardError(problems)


def example_problems(family: Family) -> Iterator[Problem]:
    """Templates that fail on the family's example, exceed their bounds, or come out empty; none without one."""
    if not family.example:
        return
    style = PLAIN_OPTIONS if family.options != "none" else None
    for template in family.templates:
        try:
            example = render_example(family, template, style)
        except CardError as error:
            yield from error.problems
            continue
        for part, text in (("input", example.input), ("target", example.target)):
            if not text.strip():
                what = f"{template.direction}.{template.name}.{part}: comes out empty"
                yield Problem(template.file, template.line, what)


def not_compiled(catalog: Catalog) -> tuple[list[Problem], int]:
    """The texts of templates and styles that reference Jinja renders, with the reason, and how many compile."""
    problems = []
    compiled = 0
    for file, line, place, text in _texts(catalog):
        reason = why_not_compiled(text)
        compiled += reason is None
        if reason is not None:
            problems.append(Problem(file, line, f"{place}: {reason}"))
    return problems, compiled


def _texts(catalog: Catalog) -> Iterator[tuple[str, int, str, str]]:
    """Every template text with its file, line and place."""
    for family in catalog.families.values():
        for template in family.templates:
            place = f"{template.direction}.{template.name}"
            for part in ("intro", "input", "target"):
                text = getattr(template, part)
                if text is not None:
                    yield template.file, template.line, f"{place}.{part}", text
    for kind, parts in _STYLE_PARTS.items():
        for name, style in getattr(catalog.styles, kind).items():
            for part in parts:
                if getattr(style, part):
                    # Styles of several catalogues are merged, and the line of each is not kept.
                    yield "templates/_styles.yaml", 0, f"{kind}.{name}.{part}", getattr(style, part)


def render_example(family: Family, template: Template, style: OptionStyle | None) -> Example:
    """One template on the family's example; options are listed in `style` where the template shows any."""
    option_style = style if template.shows_options else None
    return render_examples([example_row(family)], template, family, option_style, PLAIN_DIALOG)[0]


def example_row(family: Family) -> Row:
    """The family's example as a row; turns are written out line by line."""
    fields = {}
    for name, kind in family.needs.items():
        value = family.example[name]
        # Strict YAML gives text for every scalar; a number is one only where the family says so.
        if kind == "number" and isinstance(value, str):
            value = float(value) if "." in value else int(value)
        fields[name] = value
    options = tuple(family.example.get("options", ()))
    answer = str(family.example["answer"])
    index = options.index(answer) if answer in options else None
    (content,) = contents_of([fields])
    return Row(id=0, fields=fields, answer=answer, options=options, answer_index=index, content=content)
