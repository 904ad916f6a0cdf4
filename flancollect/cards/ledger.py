"""The ledger of sources: one line per card file, from the cards alone, as Markdown.

Generated data is left out: it has no source. A file that expands to many tasks is one line; its rows are summed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from flancollect.cards.entries import Catalog
from flancollect.cards.source_card import FileSource, HubSource, Source, SyntheticSource
from flancollect.cards.splits import parse_split
from flancollect.cards.task_card import TaskCard

MOST_NAMED = 3

HEAD = """\
# Sources

Where the rows of every task come from: printed by `flancollect cards sources` from the cards, never edited.
`rows` is the published size of the training split (for benchmarks, of the split that is asked), or of the slice
of it that is used, before any filter. `original` is how many cases the published collection counts, where that
is known: rounded to tens, after its own filters and splits; `more` is rows less original. Flan keeps the last 200
training rows of most tasks for validation (50 or 100 of small ones), which makes a `more` of some 200: they train here.
A task whose source cannot be had keeps its card, says `unavailable` and why, and is skipped with that reason.

`differences` names what is not as in the original task of Flan or P3: another source, rows that it leaves out or
we do, fields, answers, label words. What holds for all is not repeated: templates are ours, and so are the words
around fields and labels; white space and markup are tidied. An empty cell is a task like the original.
"""

COLUMNS = (
    "tasks",
    "source",
    "status",
    "license",
    "rows",
    "original",
    "more",
    "unavailable because",
    "differences",
)


def ledger(catalog: Catalog) -> str:
    """The whole ledger, submixes and card files in name order."""
    tasks = [task for task in catalog.tasks.values() if not isinstance(task.card.source, SyntheticSource)]
    ordered = sorted(tasks, key=lambda task: (task.card.submix, task.file, task.card.task))
    parts = [HEAD]
    for submix, group in groupby(ordered, key=lambda task: task.card.submix):
        members = list(group)
        unavailable = sum(task.card.status == "unavailable" for task in members)
        parts.append(f"\n## {submix}\n\n{len(members)} tasks, {unavailable} of them unavailable.\n\n")
        lines = [COLUMNS, tuple("---" for _ in COLUMNS)]
        # One line per file: 1,556 tasks of Natural Instructions are one card and one source.
        for _, of_file in groupby(members, key=lambda task: task.file):
            lines.append(_line([task.card for task in of_file]))
        # A bar inside a cell would end it, so it is escaped.
        cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
        parts += [f"| {' | '.join(line)} |\n" for line in cells]
    return "".join(parts)


def _line(cards: Sequence[TaskCard]) -> tuple[str, ...]:
    """The cells of one card file, in the order of `COLUMNS`."""
    rows = _total(map(_declared_rows, cards))
    original = _total(card.original_rows for card in cards)
    return (
        _named([card.task for card in cards], "tasks"),
        _named([source_label(card.source) for card in cards], "sources"),
        _named([card.status for card in cards], "kinds"),
        _named([card.license for card in cards], "licenses"),
        "" if rows is None else f"{rows:,}",
        "" if original is None else f"{original:,}",
        f"{rows - original:+,}" if rows is not None and original is not None else "",
        "; ".join(dict.fromkeys(card.reason for card in cards if card.reason)),
        "; ".join(dict.fromkeys(text for card in cards if (text := differences(card)))),
    )


def differences(card: TaskCard) -> str:
    """All that a card says of how its task is not the original one; empty where it is."""
    source = None if card.substitute is None else f"in place of the original: {card.substitute}"
    return "; ".join(text for text in (source, card.differs) if text)


def source_label(source: Source) -> str:
    """A source as people name it: Hub id and configuration, or the first file."""
    if isinstance(source, HubSource):
        return f"{source.hub} ({source.config})"
    if isinstance(source, FileSource):
        return next(iter(source.files_of().values()))[0]
    return source.synthetic


def _declared_rows(card: TaskCard) -> int | None:
    """The declared rows of the slice that is used: of 1,000 rows and `train[:-200]`, 800."""
    if card.rows is None:
        return None
    low, high = parse_split(card.splits.get("train") or next(iter(card.splits.values()))).bounds(card.rows)
    return high - low


def _total(counts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None where nothing is, which is not the same as no rows."""
    numbers = [count for count in counts if count is not None]
    return sum(numbers) if numbers else None


def _named(names: Sequence[str], kind: str) -> str:
    """The names themselves if they are few, else how many there are and the first."""
    different = list(dict.fromkeys(names))
    if len(different) <= MOST_NAMED:
        return ", ".join(different)
    return f"{len(different):,} {kind}, such as {different[0]}"
