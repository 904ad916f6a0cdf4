"""Option, shot and dialog styles: checked, merged over catalogues, narrowed by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flancollect.cards.strict_yaml import Document
from flancollect.cards.style_card import DialogStyle, OptionStyle, ShotStyle, StyleKind, StylesCard
from flancollect.errors import Problem, did_you_mean
from flancollect.jinja.expression import ExpressionError, compile_template

ENUMERATORS = ("number", "lower", "upper", "roman")
KINDS: tuple[StyleKind, ...] = ("options", "shots", "dialogs")

_VARIABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "options": {"header": (), "item": ("text", *ENUMERATORS), "label": ENUMERATORS},
    "shots": {
        "intro": ("intro", "number"),
        "exemplar": ("input", "target", "number"),
        "query": ("input", "number"),
    },
    "dialogs": {"turn": ("speaker", "text")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Styles:
    """Styles by name, in the order of the files."""

    options: Mapping[str, OptionStyle] = field(default_factory=dict)
    shots: Mapping[str, ShotStyle] = field(default_factory=dict)
    dialogs: Mapping[str, DialogStyle] = field(default_factory=dict)

    def names(self, kind: str) -> list[str]:
        """The names of one kind."""
        return list(getattr(self, kind))

    def narrowed(self, names: Mapping[StyleKind, list[str]]) -> Styles:
        """Only the named styles of the kinds given; other kinds stay whole."""
        kept = {
            kind: {n: s for n, s in getattr(self, kind).items() if kind not in names or n in names[kind]}
            for kind in KINDS
        }
        return Styles(**kept)


def merge_styles(files: Sequence[tuple[StylesCard, Document]]) -> tuple[Styles, list[Problem]]:
    """All styles of all files; a name twice is a problem, and so is a variable that a style does not have."""
    merged: dict[str, dict[str, OptionStyle | ShotStyle | DialogStyle]] = {kind: {} for kind in KINDS}
    problems: list[Problem] = []
    for styles, document in files:
        for kind in KINDS:
            for name, style in getattr(styles, kind).items():
                line = document.line_of((kind, name))
                if name in merged[kind]:
                    problems.append(Problem(document.file, line, f'{kind}: a style "{name}" exists already'))
                merged[kind][name] = style
                problems += _style_problems(kind, name, style, document)
    return Styles(**merged), problems  # type: ignore[arg-type]  # each kind holds its own model


def _style_problems(kind: str, name: str, style: object, document: Document) -> Iterator[Problem]:
    for part, known in _VARIABLES[kind].items():
        text = getattr(style, part)
        if text is None:
            continue
        place, line = f"{kind}.{name}.{part}", document.line_of((kind, name, part))
        try:
            unknown = sorted(compile_template(text).variables - set(known))
        except ExpressionError as error:
            yield Problem(document.file, line, f"{place}: {error}")
            continue
        for variable in unknown:
            yield Problem(
                document.file,
                line,
                f'{place}: no variable "{variable}".' + did_you_mean(variable, known, "Variables"),
            )


def unknown_styles(
    styles: Styles, wanted: Mapping[StyleKind, list[str]]
) -> Iterator[tuple[tuple[str, str], str]]:
    """For names that no style has: their place under `styles`, and what to say."""
    for kind, names in wanted.items():
        if not names:
            yield (("styles", kind), "names no style; leave the key out to use all of them")
        for name in names:
            if name not in styles.names(kind):
                yield (
                    ("styles", kind),
                    f'no {kind} style "{name}".' + did_you_mean(name, styles.names(kind), "Styles"),
                )
