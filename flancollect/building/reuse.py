"""Rows of an earlier run of a job that are what they would be now: they are copied, not rendered again.

A row's text depends on its own template, and on nothing else that may differ between runs of a job. So after
a template was edited, or when a mixture gives a task more rows or fewer, most rows are there already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flancollect.building.cache_keys import template_hash
from flancollect.cards.family import Template
from flancollect.dataset.job_file import read_record, runs_of
from flancollect.dataset.row_codec import REPEAT, SOURCE_ROW, Block, Decoder, gather
from flancollect.draw import Ints

GONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The rows of an earlier run whose templates are still the same.

    `names` (see `_names`) is sorted; `templates` and `numbers` say of each which of the job's present templates
    it was rendered with, and its number over all runs.
    """

    runs: Sequence[Block]
    names: Ints
    templates: Ints
    numbers: Ints

    def find(self, repeat: int, source_rows: Ints, templates: Ints) -> Ints:
        """For each source row the number of its row if that was rendered with this template, else `GONE`."""
        if not len(self.names):
            return np.full(len(source_rows), GONE)
        asked = _names(np.int64(repeat), source_rows)
        at = np.minimum(np.searchsorted(self.names, asked), len(self.names) - 1)
        return np.where((self.names[at] == asked) & (self.templates[at] == templates), self.numbers[at], GONE)

    def rows(self, numbers: Ints) -> Block:
        """The rows of these numbers, in this order."""
        return gather(self.runs, numbers)


NOTHING = Earlier(runs=(), names=np.zeros(0, int), templates=np.zeros(0, int), numbers=np.zeros(0, int))


def earlier_rows(paths: Sequence[Path], templates: Sequence[Template]) -> Earlier:
    """What files of earlier runs of a job hold for these templates: of the one that holds the most."""
    return max(
        (_read(path, templates) for path in paths), key=lambda found: len(found.names), default=NOTHING
    )


def _read(path: Path, templates: Sequence[Template]) -> Earlier:
    record = read_record(path)
    if record is None or not record.runs:
        return NOTHING
    unchanged = {
        template.id: number
        for number, template in enumerate(templates)
        if record.templates.get(template.id) == template_hash(template)
    }
    runs = runs_of(path, record)
    names = np.concatenate([_names(run.entries[REPEAT], run.entries[SOURCE_ROW]) for run in runs])
    held = np.concatenate([_templates(run, unchanged) for run in runs])
    right = np.flatnonzero(held != GONE)
    numbers = right[np.argsort(names[right])]
    return Earlier(runs=runs, names=names[numbers], templates=held[numbers], numbers=numbers)


def _names(repeat: Ints | np.int64, source_rows: Ints) -> Ints:
    """Repeat and source row as one number; a source has far less than 2**40 rows."""
    return (np.int64(1 << 40) * repeat) + source_rows


def _templates(run: Block, numbers: Mapping[str, int]) -> Ints:
    """For each row the number of its template, or `GONE` where the template has none."""
    found = Decoder(run).column("template_id", np.arange(run.rows)).dictionary_encode()
    known = np.array([numbers.get(name, GONE) for name in found.dictionary.to_pylist()], dtype=np.int64)
    templates: Ints = known[found.indices.to_numpy()]
    return templates
