"""Questions that benchmarks keep to themselves, however they are written: compared as words, across all tasks.

Case, white space, punctuation, Unicode forms, accents and invisible characters count for nothing. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from itertools import chain
from typing import Any, TypeAlias

Words: TypeAlias = tuple[str, ...]
Question: TypeAlias = tuple[Words, ...]
"""The words of each field."""

# A sign before a number is a word, and some between blanks are: "3 + 4" and "3 - 4" are two questions, and so are
# "a < b" and "a > b", while "well-known" and "well known" are one.
# Scripts without spaces are read letter by letter; vowels of Indian scripts are signs to Python, and parts of words.
_LETTER_BY_LETTER = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_INDIAN = r"\u0900-\u0963\u0966-\u0dff\u1000-\u1049\u1780-\u17d3"
_WORD = re.compile(
    rf"[{_LETTER_BY_LETTER}]|(?:[^\W_{_LETTER_BY_LETTER}]|[{_INDIAN}])+"
    r"|[+*/=<>^%-](?=\s*\d)|(?<=\s)[+=<>^](?=\s)"
)

# Signs that are written in several ways, and what nobody sees or may leave out: soft hyphens, joiners, marks of
# direction; accents, the stress in Russian, the points of Hebrew and Arabic. Vowels of other scripts are such marks,
# too, and stay.
_SAME_SIGN = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u00d7\u00b7\u22c5\u2217", "*")
    | dict.fromkeys("\u00f7\u2044\u2215", "/")
)
_UNSEEN = re.compile(
    r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\u0300-\u036f"
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed]+"
)

IDENTIFYING_WORDS = 5
"""A question of so many words is known wherever it stands; a shorter one only where it is the whole question."""


def words_of(value: Any) -> Words:
    """The words of a text, or of all texts and numbers in a list or object, in order."""
    if isinstance(value, str):
        return tuple(_WORD.findall(_plain(value)))
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return () if value is None else words_of(str(value))
    return tuple(word for part in value for word in words_of(part))


def _plain(text: str) -> str:
    if "&" in text:
        text = unescape(text)
    if text.isascii():
        return text.lower()
    letters = _UNSEEN.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", letters).casefold().translate(_SAME_SIGN)


def _words_of_fields(values: Iterable[Any]) -> list[Words]:
    """The words of each field that has any; where none has, as in a film told in emoji, their signs."""
    values = list(values)
    fields = [words for words in map(words_of, values) if words]
    if fields:
        return fields
    texts = (value for value in values if isinstance(value, str))
    signs = (tuple(sign for sign in _plain(text) if unicodedata.category(sign) == "So") for text in texts)
    return [words for words in signs if words]


class HeldOutQuestions:
    """The questions of benchmarks, each the fields that a row of theirs has."""

    def __init__(self, questions: Iterable[Mapping[str, Any]] = ()) -> None:
        self._whole: set[Question] = set()
        self._long: dict[Words, list[Question]] = {}
        for question in questions:
            fields = tuple(_words_of_fields(question.values()))
            whole = tuple(sorted(fields))
            if not fields or whole in self._whole:
                continue
            self._whole.add(whole)
            if sum(map(len, fields)) >= IDENTIFYING_WORDS:
                # Looked up by the first words of the longest field: the others are compared where these occur.
                longest = max(fields, key=len)
                self._long.setdefault(longest[:IDENTIFYING_WORDS], []).append(fields)
        self._key_lengths = sorted({len(key) for key in self._long})

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._whole)

    def asked_by(self, row: Mapping[str, Any], answers: Sequence[str] = ()) -> bool:
        """Whether a row's fields ask one of them: the same words, or all of its fields within longer text.

        A prompt shows the fields together, and options and target as well (`answers`), so longer text is all of them.
        """
        # "Question: What is the capital of France?" holds the six words of a question; a row of three fields holds a
        # question of two where the words of both occur, in whatever order the fields come.
        fields = _words_of_fields(row.values())
        together: Words = tuple(chain.from_iterable(fields))
        if tuple(sorted(fields)) in self._whole or (together,) in self._whole:
            return True
        shown = together + words_of(tuple(answers))
        text = _spaced(shown)
        return any(
            all(_spaced(part) in text for part in question)
            for question in dict.fromkeys(self._candidates(shown))
        )

    def _candidates(self, words: Words) -> Iterator[Question]:
        for length in self._key_lengths:
            for start in range(len(words) - length + 1):
                yield from self._long.get(words[start : start + length], ())


def _spaced(words: Words) -> str:
    """The words as one text in which none is a part of another."""
    return f" {' '.join(words)} "
