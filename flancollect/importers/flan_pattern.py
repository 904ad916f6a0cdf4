"""One list of FLAN patterns to the templates of a family.

A pattern is text with `{names}` as `str.format` fills them. The name that most targets hold is our `answer`;
patterns whose target lacks it are inverted ones. `{options_}` is the list of options, which our engine
renders in styles of its own; inverted templates go without it, as FLAN's do where there are no options.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flancollect.cards.family import RESERVED

OPTIONS = ("options_", "options_str")

_GAPS = (("\n\n", "para"), ("\n", "line"))  # before the options, and the filter that writes the same gap
_BEFORE, _AFTER = "{inputs}", "final_suffix"


class NotConvertible(Exception):  # noqa: N818
    """A pattern that has no place in our language; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Literal text, or the name of a value."""

    text: str
    is_name: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern in pieces. `intro` is what stands once before all exemplars."""

    intro: Sequence[Piece]
    input: Sequence[Piece]
    target: Sequence[Piece]

    def names(self) -> set[str]:
        """All values that the pattern shows."""
        return names_of((*self.intro, *self.input, *self.target))


def names_of(pieces: Sequence[Piece]) -> set[str]:
    """The values that pieces show."""
    return {piece.text for piece in pieces if piece.is_name}


def read_pattern(parts: Mapping[str, str]) -> Pattern:
    """Take a pattern apart. Raises NotConvertible.

    Of a few-shot pattern, what stands around the input of every exemplar becomes part of the input, up to
    and with what announces the target; how exemplars are joined is for our shot styles to say.
    """
    before = parts.get("inputs_prefix", "") + parts["inputs"]
    after = parts.get("x_y_delimiter", "") + parts.get("targets_prefix", "")
    pattern = Pattern(
        intro=_pieces(_intro(parts.get("input_pattern", _BEFORE)).strip()),
        input=_pieces((before + after).strip()),
        target=_pieces(parts["targets"].strip()),
    )
    if names_of(pattern.target).intersection(OPTIONS):
        raise NotConvertible("the target holds the list of options; our templates show it in the prompt")
    if not pattern.target or not pattern.names():
        raise NotConvertible("the pattern shows nothing of a row")
    return pattern


def _intro(text: str) -> str:
    """What a few-shot pattern says before its exemplars: `{{Definition}}` around `{{inputs}}`."""
    pieces = _pieces(text) if text != _BEFORE else [Piece(text=_BEFORE, is_name=False)]
    whole = "".join(piece.text for piece in pieces if not (piece.is_name and piece.text == _AFTER))
    intro, found, rest = whole.partition(_BEFORE)
    if not found or rest.strip() or names_of(pieces) - {_AFTER}:
        raise NotConvertible(f"input_pattern: {text!r} puts more around the exemplars than an opening")
    return intro


def _pieces(text: str) -> list[Piece]:
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise NotConvertible(f"not a format text: {error}") from error
    pieces = []
    for literal, name, spec, conversion in parsed:
        pieces += [Piece(text=literal, is_name=False)] if literal else []
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise NotConvertible(f"{{{name}}} is more than a name")
        pieces += [Piece(text=name, is_name=True)] if name is not None else []
    return pieces


# --- names -------------------------------------------------------------------------------------------------


def answer_of(patterns: Sequence[Pattern]) -> str:
    """The name that is the answer: the one in most targets; of equals `answer`, or the last to be said."""
    counts = Counter(name for pattern in patterns for name in names_of(pattern.target))
    most = max(counts.values(), default=0)
    best = [name for name, count in counts.items() if count == most]
    if not best:
        raise NotConvertible("no target holds a value")
    if "answer" in best:
        return "answer"
    said = [p.text for pattern in patterns for p in pattern.target if p.is_name and p.text in best]
    last: dict[str, int] = {name: place for place, name in enumerate(dict.fromkeys(said))}
    return max(best, key=lambda name: last[name])


def our_names(names: set[str], answer: str) -> dict[str, str]:
    """Our name for every value but the options: `answer` for the answer, others as they are if they may."""
    taken = {*names, *RESERVED}
    ours = {}
    for name in sorted(names - {*OPTIONS}):
        new = name
        while name != answer and new in RESERVED:
            new += "_"
            while new in taken:
                new += "_"
        ours[name] = "answer" if name == answer else new
    return ours


# --- writing -----------------------------------------------------------------------------------------------


def template_texts(pattern: Pattern, ours: Mapping[str, str], answer: str) -> tuple[str, dict[str, str]]:
    """Direction and texts of a template."""
    inverted = answer not in names_of(pattern.target)
    show = _no_options if inverted else _options
    texts = {
        "intro": _written(pattern.intro, ours, show),
        "input": _written(pattern.input, ours, show).strip(),
        "target": _written(pattern.target, ours, show),
    }
    return "inverted" if inverted else "forward", {part: text for part, text in texts.items() if text}


def _written(pieces: Sequence[Piece], ours: Mapping[str, str], show: Callable[[str], str]) -> str:
    out = ""
    for piece in pieces:
        if not piece.is_name:
            out += piece.text.replace("{", '{{ "{" }}')
        elif piece.text in OPTIONS:
            out = show(out)
        else:
            out += f"{{{{ {ours[piece.text]} }}}}"
    return out


def _options(before: str) -> str:
    for gap, name in _GAPS:
        if before.endswith(gap) and before.strip():
            return f"{before.removesuffix(gap)}{{{{ options | {name} }}}}"
    return f"{before}{{{{ options }}}}"


def _no_options(before: str) -> str:
    return before.rstrip("\n")
