"""How a benchmark is scored, as written in its card: how it asks, how an answer is read, and what is counted.

Nothing here scores: a build carries it to whatever does.
"""

from __future__ import annotations

from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from flancollect.cards.card import Card, Metric, Positive, model_by_key

Normalisation = Literal["case", "punctuation", "articles", "spaces", "number"]
"""What two answers may differ in: case, punctuation, English articles, white space, the way a number is written."""

MAX_PATTERN_LENGTH = 500


def _checked_patterns(patterns: list[str]) -> list[str]:
    """Patterns of RE2, which needs no more than linear time, each with one group, named `answer`."""
    for pattern in patterns:
        if not 1 <= len(pattern) <= MAX_PATTERN_LENGTH:
            raise ValueError(f"a pattern has 1 to {MAX_PATTERN_LENGTH} characters, not {len(pattern)}")
        try:
            (match,) = pc.extract_regex(pa.array([""]), pattern=pattern)
        except pa.ArrowInvalid as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"not a pattern of RE2 with named groups: {pattern}: {reason}") from error
        if [match.type.field(i).name for i in range(match.type.num_fields)] != ["answer"]:
            raise ValueError(
                f"{pattern}: give it one group, (?P<answer>...): what of a generation is the answer"
            )
    return patterns


Patterns = Annotated[
    list[str],
    # Not `Texts`, which splits a text at semicolons: patterns may hold some.
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=str | list[str]
    ),
    Field(min_length=1),
    AfterValidator(_checked_patterns),
]


class Extraction(Card):
    """How the answer is found in a generation: by the pattern of the question's language, or else by `pattern`.

    Of several patterns the first that matches anywhere counts, of its matches the one that `take` says. A generation
    without a match has no answer, and is counted as such.
    """

    pattern: Patterns | None = None
    languages: dict[str, Patterns] = Field(default_factory=dict)
    take: Literal["first", "last"] = "first"

    @model_validator(mode="after")
    def _check_pattern(self) -> Extraction:
        if self.pattern is None and not self.languages:
            raise ValueError("give `pattern`, `languages` or both")
        return self


class ChoicesScore(Card):
    """The most likely choice is the answer. `choices` says what likelihoods are of: labels ("A") or texts.

    With `per: token` or `per: byte` a log-likelihood is divided by the length of the text that it is of.
    """

    choices: Literal["labels", "texts"]
    per: Literal["text", "token", "byte"] = "text"
    metrics: Annotated[list[Metric], Field(min_length=1)] = Field(default=["accuracy"])
    average: Literal["tasks", "questions"] = "tasks"
    chance: Literal["choices"] | Annotated[float, Field(ge=0, le=1)] = "choices"


class GenerationScore(Card):
    """What is generated is read and compared with the accepted answers.

    `generate` is how many tokens at most; `stop` ends a generation, and is no part of it. `strict` reads an answer
    that is given as exemplars give it, `flexible` one given in any way; without them the whole generation is the
    answer. Answers are equal if they are after `normalise`. The first of `metrics` is the one to report; without any
    each question has that of its task.

    `average: tasks` is the mean over tasks, each counting alike (MMLU's 57, BBH's 27); `questions` that over all
    questions. `chance` is what guessing gets: by the number of choices where a question has any, or a share.
    """

    generate: Positive
    stop: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    strict: Extraction | None = None
    flexible: Extraction | None = None
    normalise: list[Normalisation] = Field(default_factory=list)
    metrics: list[Metric] = Field(default_factory=list)
    average: Literal["tasks", "questions"] = "tasks"
    chance: Literal["choices"] | Annotated[float, Field(ge=0, le=1)] = 0.0


SCORES: dict[str, type[Card]] = {"choices": ChoicesScore, "generate": GenerationScore}
Score = Annotated[ChoicesScore | GenerationScore, model_by_key("a score", SCORES)]
