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
            document = _document(read_text(path, folder, MAX_BYTES))
            name = unique_name(f"ni_{path.stem}", entries, MAX_LENGTH)
            entries[name] = _entry(name, path.name, document)
        except (Unreadable, _NotATask) as error:
            failed.append(NotConverted(path=str(path.relative_to(src)), name=path.stem, reason=str(error)))
    files = _files(folder, list(entries.values())) if entries else {}
    return Conversion(unit="files", converted=len(entries), files=files, not_converted=tuple(failed))


def _document(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _NotATask(f"not JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise _NotATask("not a JSON object")
    return document


def _entry(name: str, file: str, document: Mapping[str, Any]) -> _Entry:
    instances = document.get("Instances")
    if not isinstance(instances, list) or not instances:
        raise _NotATask("no list of Instances")
    if not any(map(_usable, instances)):
        raise _NotATask("no instance with input and output")
    if not any(isinstance(text, str) and text.strip() for text in _listed(document.get("Definition"))):
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


def _usable(instance: object) -> bool:
    if not isinstance(instance, dict) or not isinstance(instance.get("input"), str):
        return False
    return any(isinstance(text, str) and text.strip() for text in _listed(instance.get("output")))


# --- what files of different age say in different ways -----------------------------------------------------


def _listed(value: object) -> list[Any]:
    """The list itself, or a list of the one value."""
    return value if isinstance(value, list) else [value]


def _texts(document: Mapping[str, Any], key: str) -> list[str]:
    return [text.strip() for text in _listed(document.get(key)) if isinstance(text, str) and text.strip()]


def _exemplars(document: Mapping[str, Any]) -> str:
    """The expression for the worked examples; empty, and so left out, where the file has none."""
    examples = document.get("Examples")
    nested = examples.get("Positive Examples") if isinstance(examples, dict) else None
    for key, found in (("Positive Examples", document.get("Positive Examples")), ("Examples", nested)):
        if isinstance(found, list) and any(isinstance(example, dict) for example in found):
            return _EXEMPLARS[key]
    return ""


def _languages(document: Mapping[str, Any]) -> str:
    """Codes of the languages of instructions and instances; English where the file is older than the question."""
    named = [
        name
        for key in ("Instruction_language", "Input_language", "Output_language")
        for text in _texts(document, key)
        for name in re.split(r"[,;]\s*", text)
    ]
    codes = dict.fromkeys(LANGUAGE_CODES.get(name, name.lower()) for name in named or ["English"])
    return ";".join(codes)


def _license(document: Mapping[str, Any]) -> str:
    """License ids as far as they are known here: `other` is a license of its own, `unknown` none."""
    ids = dict.fromkeys(_license_id(text) for text in _texts(document, "Instance License"))
    return ";".join(ids) or UNKNOWN


def _license_id(text: str) -> str:
    if text.lower().startswith("cc0"):
        return "cc0-1.0"
    id_ = re.sub(r"[^a-z0-9.]+", "-", text.lower())
    return id_ if id_ in {*LICENSES, UNKNOWN} else OTHER


# --- writing -----------------------------------------------------------------------------------------------


def _files(folder: Path, entries: list[_Entry]) -> dict[str, str]:
    columns = [field.name for field in fields(_Entry)]
    mirror = {"urls": {PREFIX: str(folder.resolve())}}
    return {
        "task_cards/natural_instructions.yaml": card_text(_card(), "Build it with --mirror mirror.yaml."),
        "task_cards/index.csv": index_text(columns, map(astuple, entries)),
        "mirror.yaml": card_text(
            mirror, "Where the task files lie; where cards of the Hub lie may be added."
        ),
    }


def _card() -> dict[str, Any]:
    return {
        "expand": {"over": "index.csv"},
        "task": "{{ name }}",
        "submix": SUBMIX,
        "source": {"files": f"{PREFIX}{{{{ file }}}}", "format": "json", "rows": "Instances"},
        "rows": "{{ rows }}",
        "splits": {"train": "train"},
        "family": FAMILY,
        "fields": {"definition": "doc.Definition | one | trim", "input": "input | trim"},
        "answer": {"text": "output | one | trim", "also": "output | many"},
        "exemplars": "{{ exemplars }}",
        "metric": "rouge",
        "license": "{{ license }}",
        "languages": "{{ languages }}",
        "cluster": "{{ cluster }}",
    }
