"""Questions that benchmarks keep to themselves, however they are written: compared as words, across all tasks.

Case, white space, punctuation and Unicode forms count for nothing. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

Words: TypeAlias = tuple[str, ...]
Question: TypeAlias = tuple[Words, ...]
"""The words of each field."""

# A sign before a number is a word: "3 + 4" and "3 - 4" are two questions, "well-known" and "well known" are one.
# Scripts without spaces are read letter by letter.
_WORD = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+|[+*/=<>×÷−^%-](?=\s*\d)"
)

IDENTIFYING_WORDS = 5
"""A question of so many words is known wherever it stands; a shorter one only where it is the whole question."""


def words_of(value: Any) -> Words:
    """The words of a text, or of all texts and numbers in a list or object, in order."""
    if isinstance(value, str):
        return tuple(_WORD.findall(unicodedata.normalize("NFKC", value).casefold()))
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return () if value is None else words_of(str(value))
    return tuple(word for part in value for word in words_of(part))


class HeldOutQuestions:
    """The questions of benchmarks, each the fields that a row of theirs has."""

    def __init__(self, questions: Iterable[Mapping[str, Any]] = ()) -> None:
        self._whole: set[Question] = set()
        self._long: dict[Words, list[Question]] = {}
        for question in questions:
            fields = tuple(words for words in map(words_of, question.values()) if words)
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

    def asked_by(self, row: Mapping[str, Any]) -> bool:
        """Whether a row's fields ask one of them: the same words, or all of its fields within longer text."""
        # "Question: What is the capital of France?" holds the six words of a question; a row of three fields holds a
        # question of two where the words of both occur, in whatever order the fields come.
        fields = [words for words in map(words_of, row.values()) if words]
        if tuple(sorted(fields)) in self._whole:
            return True
        texts = [_spaced(words) for words in fields]
        return any(
            all(any(_spaced(part) in text for text in texts) for part in question)
            for question in dict.fromkeys(self._candidates(fields))
        )

    def _candidates(self, fields: Iterable[Words]) -> Iterator[Question]:
        for words in fields:
            for length in self._key_lengths:
                for start in range(len(words) - length + 1):
                    yield from self._long.get(words[start : start + length], ())


def _spaced(words: Words) -> str:
    """The words as one text in which none is a part of another."""
    return f" {' '.join(words)} "
