"""`choice` and `random`: one item of a list, drawn by what the row holds instead of by chance.

The same row gets the same items in every build and on every machine. Filters at different places of a
template, and the steps of a loop, draw apart; a row that differs in anything the template sees draws anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from flancollect.draw import below, draw, key
from flancollect.jinja import bounds

KEYED = frozenset({"choice", "random"})
"""The names of the filter. `rewrite.py` gives each its place in the template as argument."""


@pass_context
def choice(context: Context, values: Any, place: int = 0) -> Any:
    """One of the values, all equally likely. Raises ValueError when there are none."""
    built_in = context.environment.globals
    seen = {
        name: value
        for name, value in context.parent.items()
        if name not in built_in or built_in[name] is not value
    }
    return chosen(seen, values, place)


def chosen(seen: Mapping[str, Any], values: Any, place: int) -> Any:
    """One of the values, by what the template sees of the row. Raises ValueError when there are none."""
    bounds.read(values)
    items = values if isinstance(values, Sequence) else list(bounds.reading(values))
    if not items:
        raise ValueError("`choice` was given an empty list")
    bounds.read(seen)
    return items[below(draw(key("choice", _canonical(seen), place, bounds.drawn())), len(items))]


_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str).encode
