"""A published few-shot prompt, given by its lines, as its exemplars: one row each.

The text holds exemplars that begin with `Q: ` and `A: ` at the head of a line; what stands before the first is
left aside. `chain` is the reasoning without the words that open it, up to and with the answer; `answer` is what
follows the last "the answer is", without the closing full stop.
"""

from __future__ import annotations

import re

import pyarrow as pa

from flancollect.sources.shapes.shape import TableShape, texts

TRIGGER = "Let's think step by step."
_EXEMPLAR = re.compile(r"^Q: ", re.MULTILINE)
_REPLY = re.compile(r"^A: ?", re.MULTILINE)
# The greedy start makes it the last "the answer is". The full stop is left out, but "4.5" keeps its point.
_ANSWER = re.compile(r".*\bthe answer is (?P<answer>.+?)\.?\s*$", re.IGNORECASE | re.DOTALL)


def exemplars(prompt: str) -> list[dict[str, str]]:
    """The exemplars of one prompt. Raises ValueError where one is not a question and an answer."""
    rows = []
    # What stands before the first "Q: " is the task's description, or a warning not to train on the file.
    for text in _EXEMPLAR.split(prompt)[1:]:
        parts = _REPLY.split(text, maxsplit=1)
        answer = _ANSWER.match(parts[-1])
        if len(parts) < 2 or not answer:
            raise ValueError(f"not a question and an answer: {text[:60]!r}")
        chain = parts[1].strip().removeprefix(TRIGGER).strip()
        rows.append({"question": parts[0].strip(), "chain": chain, "answer": answer["answer"].strip()})
    return rows


def table(lines: pa.Table) -> pa.Table:
    """All lines of one file to its exemplars."""
    prompt = "\n".join(line or "" for line in lines.column(0).to_pylist())
    return pa.Table.from_pylist(exemplars(prompt), schema=SHAPE.adds)


SHAPE = TableShape(adds=texts("question", "chain", "answer"), table=table)
