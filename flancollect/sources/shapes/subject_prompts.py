"""One JSON text of published few-shot prompts by subject, given by its lines, as their exemplars.

Each exemplar is what `prompt_file` makes of a prompt, and names its `subject`.
"""

from __future__ import annotations

import json

import pyarrow as pa

from flancollect.sources.shapes import prompt_file
from flancollect.sources.shapes.shape import TableShape, texts


def table(lines: pa.Table) -> pa.Table:
    """All lines of the file to the exemplars of all subjects, in the file's order."""
    prompts = json.loads("\n".join(line or "" for line in lines.column(0).to_pylist()))
    if not isinstance(prompts, dict):
        raise ValueError("not a JSON object of prompts by subject")
    rows = [
        {"subject": subject, **exemplar}
        for subject, prompt in prompts.items()
        for exemplar in prompt_file.exemplars(prompt)
    ]
    return pa.Table.from_pylist(rows, schema=SHAPE.adds)


SHAPE = TableShape(adds=texts("subject", "head", "question", "opening", "chain", "answer"), table=table)
