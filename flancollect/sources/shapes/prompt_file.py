"""A published few-shot prompt, given by its lines, as its exemplars: one row each.

The text holds exemplars that begin with `Q: ` and `A: ` at the head of a line. `head` is what stands before the
first, behind a line of hyphens if there is one: what is above that is a warning not to train on the file. `opening` is
the words that open the reasoning with the blanks after them, `chain` the rest, up to and with the answer; `answer` is
what follows the last "the answer is", without the closing full stop. A `question` keeps the blanks around it, so that a
prompt put together again is the published one.
"""

from __future__ import annotations

import re

import pyarrow as pa

from flancollect.sources.shapes.shape import TableShape, texts

_OPENING = re.compile(r"Let's think step by step\.\s*")
_RULE = re.compile(r"^-+$", re.MULTILINE)
_EXEMPLAR = re.compile(r"^Q: ", re.MULTILINE)
_REPLY = re.compile(r"^A: ?", re.MULTILINE)
# The greedy start makes it the last "the answer is". The full stop is left out, but "4.5" keeps its point.
_ANSWER = re.compile(r".*\bthe answer is (?P<answer>.+?)\.?\s*$", re.IGNORECASE | re.DOTALL)


def exemplars(prompt: str) -> list[dict[str, str]]:
    """The exemplars of one prompt. Raises ValueError where one is not a question and an answer."""
    rows = []
    head, *texts_of_exemplars = _EXEMPLAR.split(prompt)
    head = _RULE.split(head)[-1].strip()
    for text in texts_of_exemplars:
        parts = _REPLY.split(text, maxsplit=1)
        answer = _ANSWER.match(parts[-1])
        if len(parts) < 2 or not answer:
            raise ValueError(f"not a question and an answer: {text[:60]!r}")
        opening = _OPENING.match(parts[1])
        row = {
            "head": head,
            "question": parts[0].removesuffix("\n"),
            "opening": opening[0] if opening else "",
        }
        chain = parts[1][len(row["opening"]) :].rstrip()
        rows.append({**row, "chain": chain, "answer": answer["answer"].strip()})
    return rows


def table(lines: pa.Table) -> pa.Table:
    """All lines of one file to its exemplars."""
    prompt = "\n".join(line or "" for line in lines.column(0).to_pylist())
    return pa.Table.from_pylist(exemplars(prompt), schema=SHAPE.adds)


SHAPE = TableShape(adds=texts("head", "question", "opening", "chain", "answer"), table=table)
