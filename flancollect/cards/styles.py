"""Option, shot and dialog styles: checked, merged over catalogues, narrowed by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flancollect.cards.card import LoadedCard
from flancollect.cards.strict_yaml import Document
from flancollect.cards.style_card import DialogStyle, OptionStyle, ShotStyle, StyleKind, StylesCard
from flancollect.errors import Problem, did_you_mean
from flancollect.jinja.expression import ExpressionError, compile_template

ENUMERATORS = ("number", "lower", "upper", "roman")
KINDS: tuple[StyleKind, ...] = ("options", "shots", "dialogs")

# The templates of each kind of style, and the variables that each of them sees.
_VARIABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "options": {"header": (), "item": ("text", *ENUMERATORS), "label": ENUMERATORS},
    "shots": {
        "intro": ("intro", "number"),
        "exemplar": ("input", "target", "number", "explanation"),
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
        """Only the named styles of the kinds given; of other kinds all that are drawn."""
        return Styles(
            options={
                n: style for n, style in self.options.items() if n in names.get("options", self.options)
            },
            shots={
                n: style
                for n, style in self.shots.items()
                if (n in names["shots"] if "shots" in names else style.drawn)
            },
            dialogs={
                n: style for n, style in self.dialogs.items() if n in names.get("dialogs", self.dialogs)
            },
        )


def merge_styles(files: Sequence[LoadedCard[StylesCard]]) -> tuple[Styles, list[Problem]]:
    """All styles of all files; a name twice is a problem, and so is a variable that a style does not have."""
    merged: dict[str, dict[str, OptionStyle | ShotStyle | DialogStyle]] = {kind: {} for kind in KINDS}
    problems: list[Problem] = []
    for file in files:
        document = file.document
        for kind in KINDS:
            for name, style in getattr(file.card, kind).items():
                # Not replaced by name, as a template is: every mixture would change its bytes in silence.
                if name in merged[kind]:
                    what = f'{kind}: a style "{name}" exists already'
                    problems.append(document.problem((kind, name), what))
                merged[kind][name] = style
                problems += _style_problems(kind, name, style, document)
    return Styles(**merged), problems  # type: ignore[arg-type]  # each kind holds its own model


def _style_problems(kind: str, name: str, style: object, document: Document) -> Iterator[Problem]:
    for part, variables in _VARIABLES[kind].items():
        text = getattr(style, part)
        if text is None:
            continue
        path, place = (kind, name, part), f"{kind}.{name}.{part}"
        try:
            unknown = sorted(compile_template(text).variables - set(variables))
        except ExpressionError as error:
            yield document.problem(path, f"{place}: {error}")
            continue
        for variable in unknown:
            what = f'{place}: no variable "{variable}".' + did_you_mean(variable, variables, "Variables")
            yield document.problem(path, what)


def unknown_styles(
    styles: Styles, names: Mapping[StyleKind, list[str]]
) -> Iterator[tuple[tuple[str, str], str]]:
    """For names that no style has: their place under `styles`, and what to say."""
    for kind, of_kind in names.items():
        if not of_kind:
            yield (("styles", kind), "names no style; leave the key out to use all of them")
        existing = styles.names(kind)
        for name in of_kind:
            if name not in existing:
                what = f'no {kind} style "{name}".' + did_you_mean(name, existing, "Styles")
                yield (("styles", kind), what)
