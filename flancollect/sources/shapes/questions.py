"""A conversation of questions about a text, one row per question with the turns before it.

For QuAC: `question`, its `answer` as the teacher gave it first, all answers that count as right (`accepted`: in the
validation split those of further annotators, too), and `history`: questions and answers in turn.
Where the text has no answer, QuAC writes CANNOTANSWER; it stays, for the card to word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from flancollect.sources.shapes.shape import RowShape


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per question that has an answer, in order."""
    # Not strict: a conversation may end with a question that has no answer, and it makes no row.
    turns = list(zip(row["questions"], row["orig_answers"]["texts"], row["answers"]["texts"], strict=False))
    texts = [text for question, answer, _ in turns for text in (question, answer)]
    # Turn 2, the third, has the texts 0 to 3 before it: two questions and their answers.
    return [
        {"question": question, "answer": answer, "accepted": accepted, "history": texts[: 2 * number]}
        for number, (question, answer, accepted) in enumerate(turns)
    ]


SHAPE = RowShape(
    reads=("questions", "orig_answers", "answers"),
    adds=pa.schema(
        [
            ("question", pa.string()),
            ("answer", pa.string()),
            ("accepted", pa.list_(pa.string())),
            ("history", pa.list_(pa.string())),
        ]
    ),
    rows=rows,
    many=True,
)
