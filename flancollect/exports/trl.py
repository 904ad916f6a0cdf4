"""TRL's prompt-completion format: `prompt` and `completion`, which trainers join without anything between.

So the completion starts with the space that keeps question and answer apart, unless there is one already;
prompts stay byte for byte what they are.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa

from flancollect.exports.format import TEXTS, Format
from flancollect.exports.jsonl import write_jsonl

SCHEMA = pa.schema([("prompt", pa.string()), ("completion", pa.string())])


def format_for(_: pa.Schema) -> Format:
    """The same for every build."""
    return Format(
        columns=TEXTS, schema=SCHEMA, writers={"jsonl": partial(write_jsonl, convert=prompt_completion)}
    )


def prompt_completion(row: dict[str, Any]) -> dict[str, str]:
    """One row as TRL's trainers take it."""
    prompt, completion = row["inputs"], row["targets"]
    # Slices, as either text may be empty; both empty give the one space.
    separated = prompt[-1:].isspace() or completion[:1].isspace()
    return {"prompt": prompt, "completion": completion if separated else f" {completion}"}
