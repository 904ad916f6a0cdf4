"""The questions of a benchmark build: what evaluation asks, and what it scores answers with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from flancollect.artifacts import PathLike
from flancollect.cards.score_card import Score
from flancollect.dataset.reader import Build, open_build
from flancollect.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question as it is asked; the fields are those of `schemas.QUESTION`, with the prompt and the target.

    `answer` is the 0-based position of the right choice, -1 where there are no choices or the published answer is
    none of them; `labels` are as many as `choices`. `accepted` holds every right answer and is never empty. `id` is
    the same in every variant of the benchmark, `prompt_sha256` is of this very prompt. `metric` is the task's own word;
    `score`, equal for all questions of a build, is what the benchmark's card says, None where it says nothing.
    """

    id: str
    task: str
    prompt: str
    target: str
    choices: tuple[str, ...]
    labels: tuple[str, ...]
    answer: int
    accepted: tuple[str, ...]
    metric: str
    cluster: str
    languages: tuple[str, ...]
    subject: str
    prompt_sha256: str
    score: Score | None = field(hash=False)  # it holds lists

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is counted of an answer, the one to report first."""
        return tuple(self.score.metrics if self.score is not None else ()) or (self.metric,)


def questions(build: Build | PathLike) -> Iterator[Question]:
    """The questions in mixture order, a few at a time in memory.

    Raises UsageError, before the first one, where there is no finished build or one without questions; CheckError
    while reading, as `Build` does.
    """
    opened = open_build(build)
    if opened.manifest.kind != "benchmark":
        raise UsageError(
            f"{opened.path}: holds {opened.manifest.mixture}, a {opened.manifest.kind} build, which has no questions "
            "to score. Build a benchmark: `flancollect build NAME --out DIR` with a name of task_cards/benchmarks."
        )
    return _read(opened)


def _read(build: Build) -> Iterator[Question]:
    score = TypeAdapter[Score | None](Score | None).validate_python(build.manifest.recipe.get("score"))
    for batch in build.batches(["inputs", "targets", "task_name", "question"]):
        for row in batch.to_pylist():
            # Arrow gives lists; a question that is frozen holds tuples.
            facts: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in row["question"].items()
            }
            yield Question(
                task=row["task_name"], prompt=row["inputs"], target=row["targets"], score=score, **facts
            )
