"""The ledger of sources: one line per card file, from the cards alone, as Markdown.

Generated data is left out: it has no source. A file that expands to many tasks is one line; its rows are summed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from flancollect.cards.entries import Catalog, Task
from flancollect.cards.source_card import FileSource, HubSource, Source, SyntheticSource
from flancollect.cards.splits import parse_split
from flancollect.cards.task_card import TaskCard

MOST_NAMED = 3

HEAD = """\
# Sources

Where the rows of every task come from: printed by `flancollect cards sources` from the cards, never edited.
`rows` is the published size of the training split (for benchmarks, of the split that is asked), or of the slice
of it that is used, before any filter. `original` is how many cases the published collection counts, where that
is known: rounded to tens, after its own filters and splits. `difference` is rows less original. A task whose
source cannot be had keeps its card, says `unavailable` and why, and is skipped with that reason.
"""

COLUMNS = (
    "tasks",
    "source",
    "status",
    "license",
    "rows",
    "original",
    "difference",
    "substitute, reason, note",
)


def ledger(catalog: Catalog) -> str:
    """The whole ledger, submixes and card files in name order."""
    tasks = [task for task in catalog.tasks.values() if not isinstance(task.card.source, SyntheticSource)]
    ordered = sorted(tasks, key=lambda task: (task.card.submix, task.file, task.card.task))
    parts = [HEAD]
    for submix, group in groupby(ordered, key=lambda task: task.card.submix):
        found = list(group)
        unavailable = sum(task.card.status == "unavailable" for task in found)
        parts.append(f"\n## {submix}\n\n{len(found)} tasks, {unavailable} of them unavailable.\n\n")
        parts.append(_table(_lines(found)))
    return "".join(parts)


def _lines(tasks: Sequence[Task]) -> Iterator[tuple[str, ...]]:
    for _, group in groupby(tasks, key=lambda task: task.file):
        found = list(group)
        cards = [task.card for task in found]
        rows = _total(map(_rows, cards))
        original = _total([card.original_rows for card in cards])
        difference = f"{rows - original:+,}" if rows is not None and original is not None else ""
        said = [text for card in cards for text in (card.substitute, card.reason, card.note) if text]
        yield (
            _named([card.task for card in cards], "tasks"),
            _named([shown_source(card.source) for card in cards], "sources"),
            _named([card.status for card in cards], "kinds"),
            _named([card.license for card in cards], "licenses"),
            "" if rows is None else f"{rows:,}",
            "" if original is None else f"{original:,}",
            difference,
            "; ".join(dict.fromkeys(said)),
        )


def shown_source(source: Source) -> str:
    """A source as people name it: Hub id and configuration, or the first file."""
    if isinstance(source, HubSource):
        return f"{source.hub} ({source.config})"
    if isinstance(source, FileSource):
        return next(iter(source.files_of().values()))[0]
    return source.synthetic


def _rows(card: TaskCard) -> int | None:
    """The declared rows of the slice that is used."""
    if card.rows is None:
        return None
    low, high = parse_split(card.splits.get("train") or next(iter(card.splits.values()))).bounds(card.rows)
    return high - low


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _named(names: Sequence[str], kind: str) -> str:
    """The names themselves if they are few, else how many there are and the first."""
    different = list(dict.fromkeys(names))
    if len(different) <= MOST_NAMED:
        return ", ".join(different)
    return f"{len(different):,} {kind}, such as {different[0]}"


def _table(lines: Iterable[tuple[str, ...]]) -> str:
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *lines]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
