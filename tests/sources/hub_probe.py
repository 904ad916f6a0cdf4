"""Run in a process of its own, for the Hub's clients read HF_ENDPOINT when they are imported.

stdin: JSON list of {do, hub, config?, revision?, split?, ids?, columns?, lock?}; stdout: JSON answers.
"""

import json
import sys
from pathlib import Path

import numpy as np

from flancollect.artifacts import SourceLock
from flancollect.cards.source_card import HubSource
from flancollect.errors import SourceError
from flancollect.sources import describe, open_table
from flancollect.sources.table import SourceAccess


def answer(access: SourceAccess, ask: dict) -> object:
    source = HubSource(**{key: ask[key] for key in ("hub", "config", "revision") if key in ask})
    try:
        if ask["do"] == "describe":
            return describe(source, Path(), access).model_dump()
        lock = SourceLock.model_validate(ask["lock"]) if "lock" in ask else None
        table = open_table(source, ask["split"], Path(), access, lock)
        rows = table.take(np.array(ask["ids"], dtype=np.int64), ask["columns"]).rows()
        return {"rows": table.rows, "columns": table.schema.names, "taken": rows}
    except SourceError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    access = SourceAccess(cache=Path(sys.argv[1]), retries=1, timeout_s=5)
    print(json.dumps([answer(access, ask) for ask in json.load(sys.stdin)]))
