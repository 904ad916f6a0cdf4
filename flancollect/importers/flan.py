"""google-research/FLAN: the pattern tables of its template files to one family per list of patterns.

Families only: FLAN's own task definitions are code. A card of one's own says which family it uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flancollect.errors import UsageError
from flancollect.importers.card_text import card_text
from flancollect.importers.conversion import Conversion, NotConverted, NotConvertible
from flancollect.importers.flan_pattern import (
    OPTIONS,
    Pattern,
    answer_of,
    names_of,
    our_names,
    read_pattern,
    template_texts,
)
from flancollect.importers.names import unique_name
from flancollect.importers.pattern_tables import NotATable, Table, tables_in
from flancollect.importers.source_files import Unreadable, files_matching, read_text

FILES = "**/*templates*.py"
MAX_BYTES = 4_000_000
EXAMPLE_OPTIONS = ("first option", "second option")

# What most paths and tables of FLAN have in common, and so tells nothing.
_COMMON_WORDS = ("", "templates", "patterns", "flan")


def convert(src: Path) -> Conversion:
    """Convert a checkout of FLAN. Raises UsageError when no pattern table is in it."""
    families: dict[str, str] = {}
    failed: list[NotConverted] = []
    converted = 0
    for path in files_matching(src, [FILES]):
        name = str(path.relative_to(src))
        try:
            tables = tables_in(read_text(path, src, MAX_BYTES))
        except (Unreadable, NotATable) as error:
            failed.append(NotConverted(path=name, name="", reason=str(error)))
            continue
        for table in tables:
            converted += _convert_table(name, table, families, failed)
    if not families:
        raise UsageError(f"{src}: no pattern tables in {FILES}; name a checkout of google-research/FLAN")
    files = {f"templates/{name}.yaml": text for name, text in families.items()}
    return Conversion(unit="patterns", converted=converted, files=files, not_converted=tuple(sorted(failed)))


def _convert_table(path: str, table: Table, families: dict[str, str], failed: list[NotConverted]) -> int:
    """Add the families of one table; how many of its patterns they hold."""
    converted = 0
    names: dict[str, str] = {}
    note = f"Patterns of FLAN, {path}, {table.name}"
    for key, entries in table.patterns.items():
        patterns, errors = _read_patterns(entries)
        name = unique_name(_family_name(path, table.name, key), families)
        try:
            families[name] = card_text(_family(name, patterns), f"{note}[{key!r}].")
            names[key] = name
            converted += len(patterns)
        except NotConvertible as error:  # of the list as a whole, and so of each of its patterns
            errors |= dict.fromkeys(patterns, str(error))
        failed += [
            NotConverted(path=path, name=f"{table.name}[{key!r}][{number}]", reason=reason)
            for number, reason in errors.items()
        ]
    for key, original in table.aliases.items():
        if original in names:
            name = unique_name(_family_name(path, table.name, key), families)
            # `extends` with nothing of its own: the patterns stand in one file, as they do in FLAN.
            card = {"family": name, "extends": names[original], "forward": {}}
            families[name] = card_text(card, f"{note}[{key!r}]: the patterns of {original!r}.")
    return converted


def _read_patterns(entries: Sequence[Mapping[str, str] | None]) -> tuple[dict[int, Pattern], dict[int, str]]:
    """The patterns that can be read, and why the others cannot, by their place in the list."""
    patterns: dict[int, Pattern] = {}
    errors: dict[int, str] = {}
    for number, parts in enumerate(entries):
        try:
            if parts is None:
                raise NotConvertible("neither a pair of texts nor a call with texts")
            patterns[number] = read_pattern(parts)
        except NotConvertible as error:
            errors[number] = str(error)
    return patterns, errors


def _family_name(path: str, table: str, key: str) -> str:
    """File, table and key without what all of them share: `flan_v2_fewshot_rte`."""
    words = [*re.split(r"[/_.]", path.removesuffix(".py")), *table.lower().split("_")]
    return "_".join(["flan", *(word for word in words if word not in _COMMON_WORDS), key])


def _family(name: str, patterns: Mapping[int, Pattern]) -> dict[str, Any]:
    """A family card; its example says of every value which one it is."""
    answer = answer_of(list(patterns.values()))
    ours = our_names(set().union(*(pattern.names() for pattern in patterns.values())), answer)
    templates: dict[str, dict[str, dict[str, str]]] = {"forward": {}, "inverted": {}}
    for number, pattern in patterns.items():
        direction, texts = template_texts(pattern, ours, answer)
        templates[direction][f"pattern_{number}"] = texts
    # Asked of the pieces, not of the text: a value called `options` shows as `{{ options_ }}` there.
    shows_options = any(
        answer in names_of(pattern.target)
        and names_of((*pattern.intro, *pattern.input)).intersection(OPTIONS)
        for pattern in patterns.values()
    )
    needs = sorted(set(ours.values()) - {"answer"})
    # The example has to render in every template; "the premise" for `premise` shows in a preview what goes where.
    example: dict[str, Any] = {need: f"the {need.strip('_').replace('_', ' ')}" for need in needs}
    example |= {"options": list(EXAMPLE_OPTIONS)} if shows_options else {}
    example["answer"] = EXAMPLE_OPTIONS[0] if shows_options else "the answer"
    return {
        "family": name,
        "needs": dict.fromkeys(needs, "any"),  # FLAN fills texts, numbers and lists alike
        "options": "open" if shows_options else "none",
        "example": example,
        "forward": templates["forward"],
        **({"inverted": templates["inverted"]} if templates["inverted"] else {}),
    }
