"""Natural Instructions: a checkout, or a folder of its task files, to one card that expands over all of them.

Nothing of the data is copied: the card names files by a prefix of its own, which the `mirror.yaml` written
beside it maps to the folder. Task files of all ages are taken; where they differ, the index says how.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flancollect.cards.licenses import LICENSES, OTHER, UNKNOWN
from flancollect.errors import UsageError
from flancollect.importers.card_text import card_text, index_text
from flancollect.importers.conversion import Conversion, NotConverted
from flancollect.importers.language_codes import LANGUAGE_CODES
from flancollect.importers.names import MAX_LENGTH, unique_name
from flancollect.importers.source_files import Unreadable, files_matching, read_text

SUBMIX = "natural_instructions"
FAMILY = "natural_instructions"
PREFIX = "natural-instructions://"
MAX_BYTES = 256_000_000

_EXEMPLARS = {
    "Positive Examples": 'doc["Positive Examples"]',
    "Examples": 'doc.Examples["Positive Examples"]',
}

_CARD: dict[str, Any] = {
    "expand": {"over": "index.csv"},
    "task": "{{ name }}",
    "submix": SUBMIX,
    "source": {"files": f"{PREFIX}{{{{ file }}}}", "format": "json", "rows": "Instances"},
    "rows": "{{ rows }}",
    "splits": {"train": "train"},
    "family": FAMILY,
    # `one` and `many` take a text and a list alike: files of version 1 have the one, those of version 2 the other.
    "fields": {"definition": "doc.Definition | one | trim", "input": "input | trim"},
    "answer": {"text": "output | one | trim", "also": "output | many"},
    "exemplars": "{{ exemplars }}",
    "metric": "rouge",
    "license": "{{ license }}",
    "languages": "{{ languages }}",
    "cluster": "{{ cluster }}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One row of the index."""

    name: str
    file: str
    rows: str
    exemplars: str
    languages: str
    cluster: str
    license: str


class _NotATask(Exception):  # noqa: N818
    """A file that is no task; the text is the reason."""


def convert(src: Path) -> Conversion:
    """Convert a checkout with a folder `tasks`, or a bare folder of task files. Raises UsageError if neither."""
    folder = src / "tasks" if (src / "tasks").is_dir() else src
    paths = files_matching(folder, ["*.json"])
    if not paths:
        raise UsageError(f"{folder}: no task files (*.json); name a checkout of allenai/natural-instructions")
    entries: dict[str, _Entry] = {}
    failed = []
    for path in paths:
        try:
            text = read_text(path, folder, MAX_BYTES)
            name = unique_name(f"ni_{path.stem}", entries, MAX_LENGTH)
            entries[name] = _entry(name, path.name, text)
        except (Unreadable, _NotATask) as error:
            failed.append(NotConverted(path=str(path.relative_to(src)), name=path.stem, reason=str(error)))
    files: dict[str, str] = {}
    if entries:
        mirror = {"urls": {PREFIX: str(folder.resolve())}}
        mirror_note = "Where the task files lie; where cards of the Hub lie may be added."
        columns = [field.name for field in fields(_Entry)]
        files = {
            "task_cards/natural_instructions.yaml": card_text(_CARD, "Build it with --mirror mirror.yaml."),
            "task_cards/index.csv": index_text(columns, map(astuple, entries.values())),
            "mirror.yaml": card_text(mirror, mirror_note),
        }
    return Conversion(unit="files", converted=len(entries), files=files, not_converted=tuple(failed))


def _entry(name: str, file: str, text: str) -> _Entry:
    """The index row of one task file. Raises _NotATask."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _NotATask(f"not JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise _NotATask("not a JSON object")
    instances = document.get("Instances")
    if not isinstance(instances, list) or not instances:
        raise _NotATask("no list of Instances")
    # One that can be used is enough: rows are counted with their reasons when the task is built.
    if not any(
        isinstance(instance, dict) and isinstance(instance.get("input"), str) and _texts(instance, "output")
        for instance in instances
    ):
        raise _NotATask("no instance with input and output")
    if not _texts(document, "Definition"):
        raise _NotATask("no Definition")
    return _Entry(
        name=name,
        file=quote(file),
        rows=str(len(instances)),
        exemplars=_exemplars(document),
        languages=_languages(document),
        cluster=next(iter(_texts(document, "Categories")), "unknown"),
        license=_license(document),
    )


def _texts(document: Mapping[str, Any], key: str) -> list[str]:
    """The texts under a key, which holds one in older files and a list of them in newer ones."""
    value = document.get(key)
    values = value if isinstance(value, list) else [value]
    return [text.strip() for text in values if isinstance(text, str) and text.strip()]


def _exemplars(document: Mapping[str, Any]) -> str:
    """The expression for the worked examples; empty, and so left out, where the file has none."""
    examples = document.get("Examples")
    nested = examples.get("Positive Examples") if isinstance(examples, dict) else None
    for key, rows in (("Positive Examples", document.get("Positive Examples")), ("Examples", nested)):
        # A list without any mapping would fail in every few-shot prompt.
        if isinstance(rows, list) and any(isinstance(row, dict) for row in rows):
            return _EXEMPLARS[key]
    return ""


def _languages(document: Mapping[str, Any]) -> str:
    """Codes of the languages of instructions and instances; English where the file is older than the question."""
    named = [
        name
        for key in ("Instruction_language", "Input_language", "Output_language")
        for text in _texts(document, key)
        for name in re.split(r"[,;]\s*", text)  # one text may name several: "English, Hindi"
    ]
    codes = dict.fromkeys(LANGUAGE_CODES.get(name, name.lower()) for name in named or ["English"])
    return ";".join(codes)


def _license(document: Mapping[str, Any]) -> str:
    """License ids as far as they are known here: `other` is a license of its own, `unknown` none."""
    ids = []
    for text in _texts(document, "Instance License"):
        # "CC BY-SA 4.0" becomes cc-by-sa-4.0; "CC0: Public Domain" has more after its id.
        name = "cc0-1.0" if text.lower().startswith("cc0") else re.sub(r"[^a-z0-9.]+", "-", text.lower())
        ids.append(name if name in {*LICENSES, UNKNOWN} else OTHER)
    return ";".join(dict.fromkeys(ids)) or UNKNOWN
