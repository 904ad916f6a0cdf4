"""Where the rows are from, under which license, and what to cite: ATTRIBUTION.md and citations.bib. Pure.

All of it is what the cards say; nothing is looked up or made up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flancollect.artifacts import Manifest, TaskRows
from flancollect.cards.licenses import LICENSES, license_ids, terms
from flancollect.exports.dataset_card.text import code, link, percent, prose, table


@dataclass(frozen=True, kw_only=True)
class SourceUse:
    """What a build takes from one place at one revision under one license."""

    place: str
    url: str
    revision: str
    license: str
    tasks: tuple[TaskRows, ...]

    @cached_property
    def rows(self) -> int:
        """Rows of all its tasks and variants."""
        return sum(task.rows for task in self.tasks)

    @cached_property
    def names(self) -> list[str]:
        """Its tasks, sorted."""
        return sorted({task.task for task in self.tasks})

    @cached_property
    def citations(self) -> list[str]:
        """BibTeX keys that its tasks' cards give, sorted."""
        return sorted({citation_key(task.citation) for task in self.tasks if task.citation})


def source_uses(manifest: Manifest) -> list[SourceUse]:
    """Every source of a build, those with the most rows first."""
    # One place at two revisions, or under two licenses, is two uses: each is attributed for itself.
    groups: dict[tuple[str, str, str, str], list[TaskRows]] = {}
    for task in manifest.tasks:
        groups.setdefault((*_place(task.source_key), task.revision, task.license), []).append(task)
    uses = [
        SourceUse(place=place, url=url, revision=revision, license=license_, tasks=tuple(tasks))
        for (place, url, revision, license_), tasks in groups.items()
    ]
    return sorted(uses, key=lambda use: (-use.rows, use.place, use.revision, use.license))


def _place(key: str) -> tuple[str, str]:
    """What to call a source, and its web address if it has one."""
    kind, _, rest = key.partition(":")
    if kind == "hub":
        name = "/".join(rest.split("@")[0].split("/")[:2])
        return name, f"https://huggingface.co/datasets/{name}"
    if kind == "synthetic":
        return f"generator {rest.partition('?')[0]} of flancollect", ""
    if kind != "files":
        return key, ""
    # `format:location how`; where several locations stand there as JSON, the first one names the source.
    location = rest.partition(":")[2]
    if location[:1] in ("[", "{"):
        try:
            files, _ = json.JSONDecoder().raw_decode(location)
        except ValueError:
            return location, location
        while not isinstance(files, str):
            files = next(iter(files.values() if isinstance(files, dict) else files), location)
        return files, files
    location = re.split(r' \{"| reshaped by | in ', location)[0]
    return location, location


def source_table(uses: Sequence[SourceUse], rows: int) -> str:
    """One line per source: where, revision, tasks, rows, license, citation."""
    return table(
        ("source", "revision", "tasks", "rows", "share", "license", "cite"),
        [
            (
                link(use.place, use.url),
                code(use.revision[:19]),
                len(use.names),
                use.rows,
                percent(use.rows, rows),
                prose(use.license),
                " ".join(map(code, use.citations)),
            )
            for use in uses
        ],
    )


def license_table(manifest: Manifest) -> str:
    """One line per license: rows, tasks, and what it asks."""
    cells = []
    for row in manifest.licenses:
        # A card may name several licenses, and one that we do not know.
        ids = license_ids(row.license)
        links = ", ".join(link(name, LICENSES[name].url if name in LICENSES else "") for name in ids)
        cells.append((links, row.rows, percent(row.rows, manifest.rows), row.tasks, terms(row.license)))
    return table(("license", "rows", "share", "tasks", "terms"), cells)


def attribution(manifest: Manifest) -> str:
    """ATTRIBUTION.md: every source in full, with the tasks made of it."""
    uses = source_uses(manifest)
    parts = [
        f"# Sources of {prose(manifest.mixture)}",
        f"The rows of this mixture are made from {len(uses):,} sources, reworded by templates and mixed by "
        "flancollect. Each source's own license goes on holding for the rows made of it; the names below are "
        "those that the task cards give. Where a card says `unknown`, nobody has written down a license: ask "
        "the authors before you rely on it.",
        source_table(uses, manifest.rows),
        "## Tasks by source",
        "\n".join(f"- {link(use.place, use.url)}: {', '.join(map(code, use.names))}" for use in uses),
        "## Licenses",
        f"As a whole: {prose(manifest.license)}: {prose(manifest.license_reason)}.",
        license_table(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def citation_key(citation: str) -> str:
    """The BibTeX key that a card's citation gives: its own, or that of the entry it holds."""
    # "@article{bowman2015, ..." and "bowman2015" both give bowman2015.
    entry = re.match(r"\s*@\w+\s*\{\s*([^,\s]+)", citation)
    return re.sub(r"[^\w:.+/-]", "_", entry[1] if entry else citation.strip())


def bibliography(manifest: Manifest) -> str:
    """citations.bib: the entries that cards hold, and for bare keys what is known of the source."""
    entries: dict[str, str] = {}
    used: dict[str, list[SourceUse]] = {}
    for use in source_uses(manifest):
        for task in use.tasks:
            if task.citation:
                key = citation_key(task.citation)
                used.setdefault(key, []).append(use)
                if task.citation.lstrip().startswith("@"):
                    entries[key] = task.citation.strip()
    head = (
        "% What the task cards of this mixture cite. An entry that holds only a note stands for a card that\n"
        "% names a key and no more: put the reference in its place.\n"
    )
    return head + "".join(f"\n{entries.get(key) or _bare_entry(key, used[key])}\n" for key in sorted(used))


def _bare_entry(key: str, uses: Sequence[SourceUse]) -> str:
    """An entry that says which cards cite a key, and where their data are from."""
    names = sorted({name for use in uses for name in use.names})
    cards = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    # A backslash in a name would begin a command of TeX; the other signs are escaped with one.
    cards = re.sub(r"([&%$#_{}])", r"\\\1", cards.replace("\\", "/"))
    places = sorted({use.url or use.place for use in uses})
    where = re.sub(r"[{}\\]", "", " ".join(places[:3]))
    return f"@misc{{{key},\n  note = {{Cited by the cards of {cards}}},\n  howpublished = {{{where}}}\n}}"
