"""`choice` and `random`: one item of a list, drawn by what the row holds instead of by chance.

The same row gets the same items in every build and on every machine. Filters at different places of a
template, and the steps of a loop, draw apart; a row that differs in anything the template sees draws anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from flancollect.cards import bounds
from flancollect.draw import below, draw, key

KEYED = frozenset({"choice", "random"})
"""The names of the filter. `rewrite.py` gives each its place in the template as argument."""


@pass_context
def choice(context: Context, values: Any, place: int = 0) -> Any:
    """One of the values, all equally likely. Raises ValueError when there are none."""
    bounds.read(values)
    items = values if isinstance(values, Sequence) else list(bounds.reading(values))
    if not items:
        raise ValueError("`choice` was given an empty list")
    return items[below(draw(key("choice", _row(context), place, bounds.drawn())), len(items))]


def _row(context: Context) -> str:
    """What the template sees of the row, as canonical text."""
    built_in = context.environment.globals
    seen = {name: value for name, value in context.parent.items() if built_in.get(name) is not value}
    bounds.read(seen)
    return json.dumps(seen, sort_keys=True, ensure_ascii=False, default=str)
