"""How many letters, vowels or consonants a made-up word has, or how often one letter stands in it.

Columns: `word`, `letter` (empty unless one letter is asked for) and `answer` (the number in digits).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import VOWELS, pseudo_word

PARAMETERS: Mapping[str, tuple[str, ...]] = {"count": ("letters", "vowels", "consonants", "one_letter")}
SCHEMA = pa.schema([("word", pa.string()), ("letter", pa.string()), ("answer", pa.string())])
CONTENT = ("word",)


def row(draws: Draws, *, count: str) -> dict[str, object]:
    """A word of one to four syllables and a number about its letters."""
    # Of bare syllables such as "lo" half of the letters would be vowels, whatever the word. So it begins with a
    # vowel 5 times in 7, and ends in a consonant every other time: "aloda" has 3 of 5, "lodan" 2 of 5.
    start: str = draws.pick(("", "", *VOWELS))
    word = start + pseudo_word(draws, draws.between(1, 4)) + draws.pick(("", "", "", "n", "r", "s"))
    letter = draws.pick(word) if count == "one_letter" else ""
    vowels = sum(character in VOWELS for character in word)
    numbers = {"letters": len(word), "vowels": vowels, "consonants": len(word) - vowels}
    return {"word": word, "letter": letter, "answer": str(numbers.get(count, word.count(letter)))}
