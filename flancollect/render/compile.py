"""The one way from a template's text and columns to strings.

Everything above asks `render_columns`; how a template is evaluated is known here alone. Today it is
reference Jinja, compiled once per text and process and run row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from flancollect.cards.expression import TextTemplate, compile_template

RENDER_VERSION = 1
"""Raised by every change that alters a rendered byte; part of the name of all cached work."""


def render_columns(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> list[str]:
    """Render one template for `rows` rows given by columns, in order. Raises ExpressionError."""
    template = compiled(text)
    names = [name for name in columns if name in template.variables]
    return [template.render({name: columns[name][i] for name in names}) for i in range(rows)]


@lru_cache(maxsize=8192)
def compiled(text: str) -> TextTemplate:
    """A template, compiled once per process."""
    return compile_template(text)
