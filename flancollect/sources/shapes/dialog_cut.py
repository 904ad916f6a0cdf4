"""A dialog of a reader and a writer, cut before one of the writer's answers: one row per dialog.

For WikiDialog, whose first utterance is the writer's greeting: the cut is drawn by the passage's id, so that
all lengths occur, the row count stays that of the source, and eleven million dialogs need not be counted out.
`answer` is what follows the cut, `history` what stands between the greeting and it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.shapes.shape import RowShape


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row; both are null where nobody answers."""
    utterances = list(row["utterances"])[1:]
    answers = len(utterances) // 2
    if not answers:
        return [{"answer": None, "history": None}]
    # Without the greeting the reader speaks at 0, 2, 4 and the writer answers at 1, 3, 5. Of five utterances the
    # cut is at 1 or 3: the last one, at 4, is a question that nobody answers.
    at = 2 * Draws("dialog_cut", row["pid"]).below(answers) + 1
    return [{"answer": utterances[at], "history": utterances[:at]}]


SHAPE = RowShape(
    reads=("pid", "utterances"),
    adds=pa.schema([("answer", pa.string()), ("history", pa.list_(pa.string()))]),
    rows=rows,
)
