"""A made-up word, written in another way.

Columns: `text` (as shown), `how` (completes "write it ..."), `answer`, and `word` (which decides the
split in all edits).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import VOWELS, pseudo_word

Edit = Callable[[Draws, str], tuple[str, str, str]]  # a word to the columns `text`, `how` and `answer`


def _without_letter(draws: Draws, word: str) -> tuple[str, str, str]:
    letter = draws.pick(word)
    return word, f'without the letter "{letter}"', word.replace(letter, "")


def _with_letter_replaced(draws: Draws, word: str) -> tuple[str, str, str]:
    old = draws.pick(word)
    # A vowel for a vowel, so that the result can still be said; and a letter that the word lacks: with "l" changed
    # to "b", "loba" and "boba" would have the same answer.
    new = draws.pick([letter for letter in (VOWELS if old in VOWELS else "bdklmnprst") if letter not in word])
    return word, f'with every "{old}" changed to "{new}"', word.replace(old, new)


EDITS: Mapping[str, Edit] = {
    "capitals": lambda _, word: (word, "in capital letters", word.upper()),
    "small_letters": lambda _, word: (word.upper(), "in small letters", word),
    "capital_first": lambda _, word: (word, "with a capital first letter", word.capitalize()),
    "spaced": lambda _, word: (word, "with a space between the letters", " ".join(word)),
    "joined": lambda _, word: (" ".join(word), "without the spaces", word),
    "backwards": lambda _, word: (word, "backwards", word[::-1]),
    "without_vowels": lambda _, word: (
        word,
        "without its vowels",
        "".join(x for x in word if x not in VOWELS),
    ),
    "double_vowels": lambda _, word: (
        word,
        "with every vowel doubled",
        "".join(x * 2 if x in VOWELS else x for x in word),
    ),
    "without_letter": _without_letter,
    "replaced_letter": _with_letter_replaced,
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"edit": tuple(EDITS)}
SCHEMA = pa.schema(
    [("text", pa.string()), ("how", pa.string()), ("answer", pa.string()), ("word", pa.string())]
)
# The word in small letters without spaces: `BALO` and `b a l o` show the same word, and must not be in two splits.
CONTENT = ("word",)


def row(draws: Draws, *, edit: str) -> dict[str, object]:
    """A word of two or three syllables, and the edited word."""
    word = pseudo_word(draws, draws.between(2, 3))
    text, how, answer = EDITS[edit](draws, word)
    return {"text": text, "how": how, "answer": answer, "word": word}
