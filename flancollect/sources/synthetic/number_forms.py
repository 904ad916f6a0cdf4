"""Numbers from 1 to 999 in digits, in English words and as Roman numerals.

Columns: `number` (as shown), `answer`, and `digits` (which decides the split in all forms).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import words

SMALL = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
# Indexed by the tens digit; 0 and 1 have no word of their own, as SMALL goes on to nineteen.
TENS = words("- - twenty thirty forty fifty sixty seventy eighty ninety")
# Largest first, the subtractive pairs among them: 49 takes XL once (rest 9), then IX.
ROMAN = (
    (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
    (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "form": ("digits_to_words", "words_to_digits", "digits_to_roman", "roman_to_digits")
}
SCHEMA = pa.schema([("number", pa.string()), ("answer", pa.string()), ("digits", pa.string())])
CONTENT = ("digits",)


def in_words(number: int) -> str:
    """A number below 1000 as `three hundred and forty-two`."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        return TENS[number // 10] + (f"-{SMALL[number % 10]}" if number % 10 else "")
    rest = f" and {in_words(number % 100)}" if number % 100 else ""
    return f"{SMALL[number // 100]} hundred{rest}"


def in_roman(number: int) -> str:
    """A number from 1 to 999 as a Roman numeral."""
    out = ""
    for value, letters in ROMAN:
        out += letters * (number // value)
        number %= value
    return out


def row(draws: Draws, *, form: str) -> dict[str, object]:
    """A number in one form, and in the other; small numbers are drawn more often."""
    # Half of the draws end at 99: of draws that all go to 999, less than one in ten would be below 100.
    number = draws.between(1, draws.pick((99, 999)))
    source, _, goal = form.partition("_to_")
    forms = {"digits": str(number), "words": in_words(number), "roman": in_roman(number)}
    return {"number": forms[source], "answer": forms[goal], "digits": str(number)}
