"""Rows that are longer than a mixture allows: left out, or their long field is cut until the prompt fits."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flancollect.cards.mixture_card import Limits
from flancollect.render.normalise import Row
from flancollect.render.picks import Pick
from flancollect.render.zero_shot import Example, join_zero_shot

ANSWER_CUT_OFF = "too long, and the answer is in what would be cut off"

MOST_CUTS = 3
"""A filter may make a longer text of a shorter field: a row that is too long after so many cuts is left out."""

LONGEST_WORD = 64
"""Without a blank within so many characters (Chinese, a long URL) the cut is within a word."""

ExampleOrReason: TypeAlias = Example | str
"""A row's texts, or why there are none."""

_JOINER = "\u200d"
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))

Render: TypeAlias = Callable[[Sequence[tuple[Row, Pick]]], list[ExampleOrReason]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the limits leave of a row: its texts or why it is left out, and how many bytes its long field lost."""

    question: ExampleOrReason
    cut_bytes: int = 0


def fit(
    picked: Sequence[tuple[Row, Pick]],
    questions: Sequence[ExampleOrReason],
    limits: Limits,
    long_field: str | None,
    render: Render,
) -> list[Fitted]:
    """Picked rows and their texts as the limits allow them, in order.

    With `too_long: shorten` the long field of zero-shot prompts is cut at the end of a word, and the row rendered
    again: the question, options and cue stay. (A few-shot prompt of a question that long has no room for an exemplar.)
    A row is left out all the same where its target would change or is in what would be cut off.
    """
    fitted = [Fitted(_reason(question, limits) or question) for question in questions]
    if limits.too_long == "shorten" and long_field is not None:
        too_long = {
            i: question
            for i, question in enumerate(questions)
            if isinstance(question, Example) and question is not fitted[i].question
            if picked[i][1].shot_style is None
        }
        for i, outcome in _shortened(picked, too_long, limits, long_field, render).items():
            fitted[i] = outcome
    return fitted


def _reason(question: ExampleOrReason, limits: Limits) -> str:
    """Why the limits leave texts out; empty where they do not."""
    if isinstance(question, str):
        return question
    texts = (
        (join_zero_shot(question), limits.input_bytes, "prompt"),
        (question.target, limits.target_bytes, "target"),
    )
    for text, most, what in texts:
        # A character has four bytes at most, so most texts need no encoding.
        if most is not None and len(text) * 4 > most and len(text.encode()) > most:
            return f"a {what} longer than {most:,} bytes"
    return ""


def _shortened(
    picked: Sequence[tuple[Row, Pick]],
    too_long: Mapping[int, Example],
    limits: Limits,
    long_field: str,
    render: Render,
) -> dict[int, Fitted]:
    """By position what cutting makes of rows that are too long, for those which it makes fit or rules out."""
    fitted: dict[int, Fitted] = {}
    texts = {i: str(picked[i][0].fields[long_field]) for i in too_long}
    latest = dict(too_long)
    for _ in range(MOST_CUTS):
        for i, question in latest.items():
            texts[i] = _cut_to_fit(texts[i], join_zero_shot(question), limits.input_bytes)
        positions = [i for i in latest if texts[i]]
        rows = [_with_field(picked[i], long_field, texts[i]) for i in positions]
        latest = {}
        for i, outcome in zip(positions, render(rows), strict=True):
            row, original = picked[i][0], too_long[i]
            whole, text, answer = str(row.fields[long_field]), texts[i], row.answer or original.target
            if isinstance(outcome, str) or outcome.target != original.target:
                continue
            if _reason(outcome, limits):
                latest[i] = outcome
            elif answer in whole and answer not in text:
                fitted[i] = Fitted(ANSWER_CUT_OFF)
            else:
                fitted[i] = Fitted(outcome, len(whole.encode()) - len(text.encode()))
    return fitted


def _with_field(picked: tuple[Row, Pick], name: str, text: str) -> tuple[Row, Pick]:
    row, pick = picked
    return row._replace(fields={**row.fields, name: text}), pick


def _cut_to_fit(text: str, prompt: str, most: int | None) -> str:
    """The beginning of a field, so much shorter as its prompt is too long; empty where nothing would be left of it."""
    # A prompt of 9,000 bytes where 8,000 may be, with the field in it twice, loses 500 of each.
    excess = len(prompt.encode()) - (most or 0)
    size = len(text.encode())
    return cut_at_word(text, size + excess // -max(prompt.count(text), 1)) if 0 < excess < size else ""


def cut_at_word(text: str, most: int) -> str:
    """The beginning of a text of at most so many bytes of UTF-8, without the word that does not fit whole."""
    head = text.encode()[: max(most, 0)].decode(errors="ignore")
    if len(head) < len(text) and not text[len(head)].isspace():
        words = head.rsplit(maxsplit=1)
        if len(words) == 2 and len(words[1]) <= LONGEST_WORD:
            head = words[0]
    while head and len(head) < len(text) and _within_character(text, len(head)):
        head = head[:-1]
    return head.rstrip()


def _within_character(text: str, end: int) -> bool:
    """Whether what people see as one character stands on both sides of this place: é of e and an accent, a flag."""
    before, after = text[end - 1], text[end]
    if _JOINER in (before, after) or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff":  # colours of skin
        return True
    # Two letters are a flag: of 🇫🇷🇩🇪 the first and second belong together, not the second and third.
    letters = text[:end][len(text[:end].rstrip(_FLAG_LETTERS)) :]
    return after in _FLAG_LETTERS and len(letters) % 2 == 1
