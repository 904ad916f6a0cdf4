"""The conversational format that TRL and most chat trainers read: `messages`, a user turn and an answer."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

SCHEMA = pa.schema([("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])))])


def conversation(row: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """One row as two turns."""
    return {
        "messages": [
            {"role": "user", "content": row["inputs"]},
            {"role": "assistant", "content": row["targets"]},
        ]
    }
