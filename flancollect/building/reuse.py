"""Rows of a previous run of a job that are what they would be now: they are copied, not rendered again.

A row's text depends on its own template, and on nothing else that may differ between runs of a job. So after
a template was edited, or when a mixture gives a task more rows or fewer, most rows can be copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from flancollect.building.cache_keys import template_hash
from flancollect.cards.family import Template
from flancollect.dataset.job_file import read_record, runs_of
from flancollect.dataset.row_codec import REPEAT, SOURCE_ROW, Block, Decoder, gather
from flancollect.draw import Ints

MISSING = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousRows:
    """The rows of a previous run whose templates are still the same.

    `keys` (see `_keys`) is sorted; `templates` and `numbers` say of each which of the job's present templates
    it was rendered with, and its number over all sorted runs of the file.
    """

    runs: Sequence[Block]
    keys: Ints
    templates: Ints
    numbers: Ints

    def find(self, repeat: int, source_rows: Ints, templates: Ints) -> Ints:
        """For each source row the number of its row if that was rendered with this template, else `MISSING`."""
        # The file holds source rows 4, 9, 7 rendered with templates 0, 1, 1: keys [4, 7, 9], templates [0, 1, 1],
        # numbers [0, 2, 1]. Of source rows [9, 4, 5] with templates [1, 1, 0] only the first can be copied: row 4
        # had template 0, and row 5 is not there, so the answer is [1, -1, -1].
        if not len(self.keys):
            return np.full(len(source_rows), MISSING)
        keys = _keys(np.int64(repeat), source_rows)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(
            (self.keys[at] == keys) & (self.templates[at] == templates), self.numbers[at], MISSING
        )

    def rows(self, numbers: Ints) -> Block:
        """The rows of these numbers, in this order."""
        return gather(self.runs, numbers)


NO_ROWS = PreviousRows(runs=(), keys=np.zeros(0, int), templates=np.zeros(0, int), numbers=np.zeros(0, int))


def previous_rows(paths: Sequence[Path], templates: Sequence[Template], schema: pa.Schema) -> PreviousRows:
    """What files of previous runs of a job hold for these templates: of the one that holds the most."""
    return max(
        (_read(path, templates, schema) for path in paths), key=lambda rows: len(rows.keys), default=NO_ROWS
    )


def _read(path: Path, templates: Sequence[Template], schema: pa.Schema) -> PreviousRows:
    record = read_record(path, schema)
    if record is None or not record.runs:
        return NO_ROWS
    unchanged = {
        template.id: number
        for number, template in enumerate(templates)
        if record.templates.get(template.id) == template_hash(template)
    }
    runs = runs_of(path, record, schema)
    keys = np.concatenate([_keys(run.entries[REPEAT], run.entries[SOURCE_ROW]) for run in runs])
    row_templates = np.concatenate([_templates(run, unchanged) for run in runs])
    usable = np.flatnonzero(row_templates != MISSING)
    numbers = usable[np.argsort(keys[usable])]
    return PreviousRows(runs=runs, keys=keys[numbers], templates=row_templates[numbers], numbers=numbers)


def _keys(repeat: Ints | np.int64, source_rows: Ints) -> Ints:
    """Repeat and source row as one number; a source has far less than 2**40 rows."""
    return (np.int64(1 << 40) * repeat) + source_rows


def _templates(run: Block, numbers: Mapping[str, int]) -> Ints:
    """For each row the number of its template, or `MISSING` where the template has none."""
    # Few different names over many rows: they are looked up once each, by way of the dictionary.
    names = Decoder(run).column("template_id", np.arange(run.rows)).dictionary_encode()
    by_name = np.array([numbers.get(name, MISSING) for name in names.dictionary.to_pylist()], dtype=np.int64)
    templates: Ints = by_name[names.indices.to_numpy()]
    return templates
