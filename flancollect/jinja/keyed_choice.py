"""`choice` and `random`: one item of a list, drawn by what the row holds instead of by chance.

The same row gets the same items in every build and on every machine. Filters at different places of a
template, and the steps of a loop, draw independently; a row that differs in anything the template sees draws
anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from flancollect.draw import below, draw, key
from flancollect.jinja import bounds

KEYED_FILTERS = frozenset({"choice", "random"})
"""The names of the filter. `rewrite.py` gives each its place in the template as argument."""

# Not json.dumps: with options it builds an encoder for every call. `default=str` is for dates and the like.
_canonical_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str).encode


@pass_context
def choice(context: Context, values: Any, place: int = 0) -> Any:
    """One of the values, all equally likely. Raises ValueError when there are none."""
    # The context's parent holds the environment's names and the row's; a column may be called `range`, and
    # then hides the function of that name.
    built_in = context.environment.globals
    row = {
        name: value
        for name, value in context.parent.items()
        if name not in built_in or built_in[name] is not value
    }
    return keyed_pick(row, values, place)


def keyed_pick(row: Mapping[str, Any], values: Any, place: int) -> Any:
    """One of the values, by what the template sees of the row. Raises ValueError when there are none."""
    bounds.count_value(values)
    items = values if isinstance(values, Sequence) else list(bounds.count_values(values))
    if not items:
        raise ValueError("`choice` was given an empty list")
    bounds.count_value(row)
    # The first filter of a template draws under ("choice", '{"n": 7}', 0, 0). In a loop its second step draws
    # under (..., 0, 1); a second filter that runs after both under (..., 1, 2).
    return items[below(draw(key("choice", _canonical_json(row), place, bounds.next_draw())), len(items))]
