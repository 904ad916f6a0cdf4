"""Lists of answer options in many styles, and the answer as the style wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice

from flancollect.cards.style_card import OptionStyle
from flancollect.jinja.evaluate import render_columns

_ROMAN = ((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def options_texts(style: OptionStyle, lists: Sequence[Sequence[str]]) -> list[str]:
    """Each list as shown in a prompt: header, then every option; no blank line around it."""
    options = [option for items in lists for option in items]
    positions = [i for items in lists for i in range(len(items))]
    columns = {name: [enumerators(i)[name] for i in positions] for name in enumerators(0)}
    texts = iter(render_columns(style.item, {"text": options, **columns}, len(options)))
    # "Options:" stands on a line of its own, while "Choose from " runs on into the first option.
    head = style.header if not style.header or style.header[-1].isspace() else f"{style.header}\n"
    return [head + style.between.join(islice(texts, len(items))) for items in lists]


def options_text(style: OptionStyle, options: Sequence[str]) -> str:
    """`options_texts` for one list."""
    return options_texts(style, [options])[0]


def answer_text(style: OptionStyle | None, answer: str, index: int | None) -> str:
    """The answer as a target: its text, or its label where the style asks for labels."""
    if style is None or style.label is None or index is None:
        return answer
    return _label(style.label, index)


@lru_cache(maxsize=4096)
def enumerators(index: int) -> Mapping[str, str]:
    """What enumerates the option at a 0-based position: number, lower, upper (a..z, aa..), roman."""
    return {
        "number": str(index + 1),
        "lower": _letters(index),
        "upper": _letters(index).upper(),
        "roman": _roman(index + 1),
    }


@lru_cache(maxsize=4096)
def _label(template: str, index: int) -> str:
    return render_columns(template, {name: [value] for name, value in enumerators(index).items()}, 1)[0]


def _letters(index: int) -> str:
    """Spreadsheet letters: a..z, aa, ab, ..."""
    # Base 26 without a zero. Index 27: 28 = 1 * 26 + 2, so "ab"; `number - 1` makes 26 the last of a round ("z")
    # and not the first of the next ("a0").
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _roman(number: int) -> str:
    numeral = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        numeral += letters * count
    return numeral
