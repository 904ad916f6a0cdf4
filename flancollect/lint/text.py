"""Texts compared and looked over: pure functions of templates as written and of prompts as rendered."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_OPTIONS = re.compile(r"\{\{-?\s*options\b.*?\}\}", re.DOTALL)
# A filled place is one token: a template that shows {{ premise }} differs from one that shows {{ hypothesis }}.
_TOKEN = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\w+", re.DOTALL)
_WORD = re.compile(r"\w+")

_UNTIDY = {
    "two spaces between words": re.compile(r"(?<=\S) {2,}(?=\S)"),
    "a space at the end of a line": re.compile(r" +$", re.MULTILINE),
    # An ellipsis is no doubled full stop, "?!" and "!!" are marks of their own, and a full stop after an ellipsis in
    # quotes is how a form of answer is told: "The answer is ...".
    "doubled punctuation": re.compile(
        r"(?<![.!?])\.[.,;:!?](?!\.)|[,;:][.,;:!?]|[!?][.,;:]|(?<!\.\.)[.!?][\"”»]\."
    ),
}


def literal(template: str) -> str:
    """What a template says by itself, without all that it is filled with."""
    return _JINJA.sub("", template)


def same_text(template: str) -> str:
    """Equal for templates that differ in case, in white space, or in the list of options alone."""
    return " ".join(_OPTIONS.sub("", template).casefold().split())


def tokens(template: str) -> frozenset[str]:
    """The words and the filled places of a template but the options, without order and number."""
    matches = _TOKEN.findall(_OPTIONS.sub("", template).casefold())
    return frozenset(" ".join(token.split()) for token in matches)


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared tokens over all tokens: 0 for nothing in common, 1 for the same tokens."""
    # One word of 13 replaced leaves 12 shared of 14 in all: 0.857. Two empty sets have nothing in common.
    return len(one & other) / max(len(one | other), 1)


def words(text: str) -> str:
    """The words of a text in lower case, one space apart and around."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def untidy(text: str, filled_in: Collection[str]) -> Iterator[tuple[str, str]]:
    """Kinds of untidiness that a template makes, each with its first place.

    What stands so in one of the texts `filled_in` is the data's own and does not count.
    """
    for kind, pattern in _UNTIDY.items():
        for match in pattern.finditer(text):
            if not any(match.group() in part for part in filled_in):
                yield kind, excerpt(text, match.start(), match.end())
                break  # one place of a kind is enough to find the others by


def excerpt(text: str, start: int, end: int) -> str:
    """A place in a text with a little of what stands around it, on one line."""
    return text[max(start - 16, 0) : end + 8].replace("\n", "⏎")
