"""The conversational format that TRL and most chat trainers read: `messages`, a user turn and an answer."""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa

from flancollect.exports.format import TEXTS, Format
from flancollect.exports.jsonl import write_jsonl

# No system turn: the prompts of a mixture carry their instructions themselves.
SCHEMA = pa.schema([("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])))])


def format_for(_: pa.Schema) -> Format:
    """The same for every build."""
    return Format(columns=TEXTS, schema=SCHEMA, writers={"jsonl": partial(write_jsonl, convert=conversation)})


def conversation(row: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """One row as two turns."""
    return {
        "messages": [
            {"role": "user", "content": row["inputs"]},
            {"role": "assistant", "content": row["targets"]},
        ]
    }
