"""Answers of a model: read out of what it generated, and made comparable. Its output is hostile: nothing runs."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from flancollect.cards.score_card import Extraction, Normalisation

MAX_DIGITS = 400
_MARKS = re.compile("[\x01\x02]")
_MARKED = re.compile("\x01([^\x02]*)\x02")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")


def extract(generations: Sequence[str], languages: Sequence[str], extraction: Extraction) -> list[str | None]:
    """The answer in each generation, None where there is none; `languages` has the (first) language of each question.

    Takes time in proportion to the text (RE2). A language without patterns of its own has the common ones; an empty
    answer is none.
    """
    answers: list[str | None] = [None] * len(generations)
    for language in sorted(set(languages)):
        for pattern in extraction.languages.get(language, extraction.pattern) or ():
            positions = [i for i, answer in enumerate(answers) if answer is None and languages[i] == language]
            # Arrow has no search for all matches, but it replaces all: "is 3. is 4" becomes "<3>. <4>", with marks that
            # no text has for the brackets.
            texts = pa.array([_MARKS.sub(" ", generations[i]) for i in positions], pa.large_string())
            marked = pc.replace_substring_regex(texts, pattern=pattern, replacement="\x01\\1\x02").to_pylist()
            for i, text in zip(positions, marked, strict=True):
                matches = [match for match in _MARKED.findall(text) if match.strip()]
                if matches:
                    answers[i] = matches[0 if extraction.take == "first" else -1]
    return answers


def comparable(answer: str, normalise: Iterable[Normalisation]) -> str:
    """The answer without what does not count, in this order: case, number, punctuation, articles, white space.

    As SQuAD's evaluation has it for text. A number loses signs of currency, thousands separators, a closing full stop
    and zeros behind the point: "$1,234.50." is "1234.5". What is no number stays as it is.
    """
    steps = set(normalise)
    text = unicodedata.normalize("NFKC", answer).strip()
    if "case" in steps:
        text = text.casefold()
    if "number" in steps:
        text = _plain_number(text)
    elif "punctuation" in steps:
        text = "".join(character for character in text if character not in string.punctuation)
    if "articles" in steps:
        text = _ARTICLES.sub(" ", text)
    return " ".join(text.split()) if "spaces" in steps else text


def _plain_number(text: str) -> str:
    digits = text.translate(str.maketrans("", "", "$€£¥,% ")).rstrip(".")
    if len(digits) > MAX_DIGITS or not _NUMBER.fullmatch(digits):
        return text
    whole, _, fraction = digits.removeprefix("+").partition(".")
    sign, whole = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    number = f"{whole.lstrip('0') or '0'}.{fraction.rstrip('0')}".rstrip(".")
    return number if number == "0" else f"{sign}{number}"
