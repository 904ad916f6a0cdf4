r"""One list of FLAN patterns to the templates of a family.

A pattern is text with `{names}` as `str.format` fills them. The name that most targets hold is our `answer`;
patterns whose target lacks it are inverted ones. `{options_}` is the list of options, which our engine
renders in styles of its own; inverted templates go without it, as FLAN's do where there are no options.

    ("Is {fruit} sweet?\n\n{options_}", "{taste}")  forward   Is {{ fruit }} sweet?{{ options | para }}  {{ answer }}
    ("{fruit}: sweet or sour?", "{taste}")         forward   {{ fruit }}: sweet or sour?                {{ answer }}
    ("Name something {taste}.", "{fruit}")         inverted  Name something {{ answer }}.               {{ fruit }}
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flancollect.cards.family import RESERVED
from flancollect.importers.conversion import NotConvertible

OPTIONS = ("options_", "options_str")

_GAPS = (("\n\n", "para"), ("\n", "line"))  # before the options, and the filter that writes the same gap
_INPUTS, _SUFFIX = "{inputs}", "final_suffix"


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
    r"""Take a pattern apart. Raises NotConvertible.

    Of a few-shot pattern, what stands around the input of every exemplar becomes part of the input, up to
    and with what announces the target; how exemplars are joined is for our shot styles to say. So the parts
    `inputs_prefix: "Q: "`, `inputs: "{question}"`, `x_y_delimiter: "\n"`, `targets_prefix: "A: "` make the input
    `Q: {question}\nA:`.
    """
    before = parts.get("inputs_prefix", "") + parts["inputs"]
    after = parts.get("x_y_delimiter", "") + parts.get("targets_prefix", "")
    pattern = Pattern(
        intro=_pieces(_opening(parts.get("input_pattern", _INPUTS)).strip()),
        input=_pieces((before + after).strip()),
        target=_pieces(parts["targets"].strip()),
    )
    if names_of(pattern.target).intersection(OPTIONS):
        raise NotConvertible("the target holds the list of options; our templates show it in the prompt")
    if not pattern.target or not pattern.names():
        raise NotConvertible("the pattern shows nothing of a row")
    if not any(piece.text for piece in pattern.input if piece.text not in OPTIONS):
        raise NotConvertible("the prompt is empty, or the list of options alone")
    return pattern


def _opening(text: str) -> str:
    r"""What a few-shot pattern says before its exemplars.

    FLAN fills an `input_pattern` twice, so names of a row stand in doubled braces:
    `{{Definition}}\n\n{{inputs}}{final_suffix}` opens with `{Definition}\n\n`.
    """
    # `{inputs}` alone, in single braces, is the default.
    pieces = _pieces(text) if text != _INPUTS else [Piece(text=_INPUTS, is_name=False)]
    whole = "".join(piece.text for piece in pieces if not (piece.is_name and piece.text == _SUFFIX))
    opening, inputs, rest = whole.partition(_INPUTS)
    if not inputs or rest.strip() or names_of(pieces) - {_SUFFIX}:
        raise NotConvertible(f"input_pattern: {text!r} puts more around the exemplars than an opening")
    return opening


def _pieces(text: str) -> list[Piece]:
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise NotConvertible(f"not a format text: {error}") from error
    pieces = []
    for literal, name, spec, conversion in parsed:
        pieces += [Piece(text=literal, is_name=False)] if literal else []
        # `{answer!r}`, `{score:.1f}`, `{row[0]}` and `{}` compute something, which a name in a template does not.
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise NotConvertible(f"{{{name}}} is more than a name")
        pieces += [Piece(text=name, is_name=True)] if name is not None else []
    return pieces


def answer_of(patterns: Sequence[Pattern]) -> str:
    """The name that is the answer: the one in most targets; of equals `answer`, or the last to be said."""
    counts = Counter(name for pattern in patterns for name in names_of(pattern.target))
    best = [name for name, count in counts.items() if count == max(counts.values())]
    if not best:
        raise NotConvertible("no target holds a value")
    if "answer" in best:
        return "answer"
    # Of targets "{chain} So {label}" all hold both names; a chain of thought comes before its answer.
    places = [p.text for pattern in patterns for p in pattern.target if p.is_name and p.text in best]
    return list(dict.fromkeys(places))[-1]


def our_names(names: set[str], answer: str) -> dict[str, str]:
    """Our name for every value but the options: `answer` for the answer, others as they are if they may."""
    used = {*names, *RESERVED}
    ours = {}
    for name in sorted(names - {*OPTIONS}):
        new = name
        while name != answer and new in RESERVED:
            new += "_"
            while (
                new in used
            ):  # `choices` becomes `choices_`, or `choices__` where there is a `choices_`, too
                new += "_"
        ours[name] = "answer" if name == answer else new
    return ours


def template_texts(pattern: Pattern, ours: Mapping[str, str], answer: str) -> tuple[str, dict[str, str]]:
    """Direction and texts of a template."""
    inverted = answer not in names_of(pattern.target)
    texts = {
        "intro": _jinja(pattern.intro, ours, inverted),
        "input": _jinja(pattern.input, ours, inverted).strip(),
        "target": _jinja(pattern.target, ours, inverted),
    }
    return "inverted" if inverted else "forward", {part: text for part, text in texts.items() if text}


def _jinja(pieces: Sequence[Piece], ours: Mapping[str, str], inverted: bool) -> str:
    """Pieces as text of a template; inverted ones leave out the options with the lines before them."""
    text = ""
    for piece in pieces:
        if not piece.is_name:
            text += piece.text.replace(
                "{", '{{ "{" }}'
            )  # a brace of the text's own must not open an expression
        elif piece.text not in OPTIONS:
            text += f"{{{{ {ours[piece.text]} }}}}"
        elif inverted:
            text = text.rstrip("\n")
        else:
            # The gap belongs to the list: where a variant shows none, the filter leaves out both.
            gap, name = next((gap for gap in _GAPS if text.endswith(gap[0]) and text.strip()), ("", ""))
            text = text.removesuffix(gap) + (f"{{{{ options | {name} }}}}" if name else "{{ options }}")
    return text
