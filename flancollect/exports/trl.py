"""TRL's prompt-completion format: `prompt` and `completion`, which trainers join without anything between.

So the completion starts with the space that keeps question and answer apart, unless there is one already;
prompts stay byte for byte what they are.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

SCHEMA = pa.schema([("prompt", pa.string()), ("completion", pa.string())])


def prompt_completion(row: dict[str, Any]) -> dict[str, str]:
    """One row as TRL's trainers take it."""
    prompt, completion = row["inputs"], row["targets"]
    apart = prompt[-1:].isspace() or completion[:1].isspace()
    return {"prompt": prompt, "completion": completion if apart else f" {completion}"}
