"""The closed vocabularies of the synthetic tasks, and how items are drawn from them.

Small on purpose: a small model meets every item often, so what is tested is the operation, not the word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flancollect.draw import Draws


def words(text: str) -> tuple[str, ...]:
    """The words of a text, as a vocabulary."""
    return tuple(text.split())


LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
NUMBERS = tuple(str(number) for number in range(1, 61))
WORDS = words(
    "bag bell basket blanket bread bridge button candle chair chimney cloud coin cup door feather "
    "garden glass hat house island jacket journey key kitchen ladder lamp lantern leaf map market "
    "mirror moon morning mountain notebook orange painting paper pen pencil pillow river road rope "
    "sandwich ship staircase stone sugar sun table telephone train tree umbrella village wheel wind "
    "window wood"
)
NAMES = words(
    "Ada Alexander Amir Ben Boris Charlotte Clara Dora Elena Elizabeth Emil Eva Felix Fiona Frederick "
    "Gita Hana Hugo Ines Ivan Jasmine Joel Julia Karim Katharina Leo Lina Magdalena Marco Matthias Mia "
    "Nadia Nora Oscar Otto Paula Pia Quentin Rosa Sam Sebastian Tara Theodore Uma Valentina Victor Yara "
    "Zoe"
)

KINDS: Mapping[str, tuple[str, ...]] = {
    "letters": LETTERS,
    "words": WORDS,
    "numbers": NUMBERS,
    "names": NAMES,
}
VOWELS = "aeiou"


def distinct(draws: Draws, items: Sequence[str], k: int) -> list[str]:
    """K different items in random order; takes about k draws, however many items there are."""
    # Rejection beats `Draws.sample`, which shuffles the whole list: 3 of 60 numbers take 3.05 draws on average
    # (1 + 60/59 + 60/58), a shuffle takes 59.
    sample: list[str] = []
    while len(sample) < k:
        item = draws.pick(items)
        if item not in sample:
            sample.append(item)
    return sample


def by_length(items: Sequence[str]) -> list[list[str]]:
    """Items grouped by their number of characters, shortest group first."""
    lengths = sorted({len(item) for item in items})
    return [[item for item in items if len(item) == length] for length in lengths]


def distinct_lengths(draws: Draws, groups: Sequence[Sequence[str]], k: int) -> list[str]:
    """One item out of each of k different groups of `by_length`, in random order."""
    return [draws.pick(group) for group in draws.sample(groups, k)]


def value(kind: str, item: str) -> tuple[int, str]:
    """The sort key of an item: numbers by size, all else by the alphabet."""
    # A pair in both cases, so that mypy sees one type. As text "9" would come after "10".
    return (int(item), "") if kind == "numbers" else (0, item)


def pseudo_word(draws: Draws, syllables: int) -> str:
    """A word that no language has, of open syllables such as `lo`."""
    return "".join(draws.pick("bdfgklmnprstvz") + draws.pick(VOWELS) for _ in range(syllables))


def article(word: str) -> str:
    """The word with its indefinite article, by its first letter."""
    return f"{'an' if word[0].lower() in VOWELS else 'a'} {word}"
