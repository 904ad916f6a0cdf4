"""Cards and index files as text that our own strict readers take back unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _CardDumper(_DUMPER):  # type: ignore[misc]  # which of the two it is depends on the machine
    """Writes text so that what strict YAML refuses raw is escaped."""


def _represent(dumper: Any, text: str) -> yaml.ScalarNode:
    # Double quotes escape tabs and odd line breaks; a block shows a template as it reads; YAML itself quotes `no`.
    plain = text.replace("\n", "").isprintable()
    style = '"' if not plain else "|" if "\n" in text else None
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_CardDumper.add_representer(str, _represent)


def card_text(card: Mapping[str, Any], note: str = "") -> str:
    """A card as YAML, keys in the order given, under a comment."""
    body: str = yaml.dump(
        dict(card),
        Dumper=_CardDumper,
        sort_keys=False,
        allow_unicode=True,
        width=10**6,  # no text is folded: a line of a template stays one line
        default_flow_style=False,
    )
    comment = "".join(f"# {line}\n" for line in note.splitlines())
    return comment + body


def index_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An index CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
