"""The rows of one task: opened once per split, read by number, normalised, in keyed order.

What building and tracing share: both must find the same rows, exemplars and held-out content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from flancollect.building.settings import RenderSettings
from flancollect.cards.columns import columns_read
from flancollect.cards.entries import Task
from flancollect.cards.variants import Variant
from flancollect.draw import Ints, key, permutation
from flancollect.planning.task_plan import TaskPlan
from flancollect.render.held_out import HeldOutQuestions
from flancollect.render.normalise import NOTHING_HELD_OUT, Row, document_exemplars, normalise_columns
from flancollect.render.picks import DrawScope, ExemplarPool
from flancollect.sources.parts import Spool, merged, table_of
from flancollect.sources.published import with_published
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess, SourceTable
from flancollect.sources.values import LARGE_CELL_BYTES, size_of

MORSEL_ROWS = 16_384
"""A morsel is the rows that go through reading and rendering together: so many at most, and by size of the rows
fewer."""
MORSEL_BYTES = 32 * 1024 * 1024
FIRST_ROWS = 1_024
"""Rows of the first morsel where none has been read, so that nobody knows their size."""
MANY_ROWS = 64
CACHED_BYTES = 64 * 1024 * 1024


class TaskSource:
    """The source of one task of a build; splits are opened once and stay open."""

    def __init__(self, plan: TaskPlan, settings: RenderSettings) -> None:
        self.plan = plan
        self.settings = settings
        self._tables: dict[str, SourceTable] = {}
        self._cached: SourceTable | None = None
        self._cached_ids: Ints = np.empty(0, dtype=np.int64)
        self._exemplar_source: TaskSource | None = None
        self._pool: ExemplarPool | None = None
        self._row_bytes: int | None = None

    @cached_property
    def task(self) -> Task:
        """The task with the published texts that its card reads. Raises SourceError where they cannot be read."""
        task, published = self.plan.task, self.plan.published_source
        return task if published is None else with_published(task, self.settings.access, published.lock)

    def table(self, split: str) -> SourceTable:
        """One source split. Raises SourceError."""
        if split not in self._tables:
            self._tables[split] = open_shaped(
                self.plan.task.source, split, self.settings.access, self.plan.lock
            )
        return self._tables[split]

    def exemplar_source(self) -> TaskSource:
        """The source that exemplars come from: another one, or this."""
        other = self.plan.exemplar_source
        if other is None:
            return self
        if self._exemplar_source is None:
            plan = replace(
                self.plan,
                task=replace(other.task, published=self.task.published),
                source_key=other.source_key,
                lock=other.lock,
                exemplar_source=None,
                published_source=None,
            )
            self._exemplar_source = TaskSource(plan, self.settings)
        return self._exemplar_source

    def read(
        self,
        split: str,
        ids: Ints,
        dropped: Counter[str],
        held_out: HeldOutQuestions = NOTHING_HELD_OUT,
        *,
        scoring: bool = False,
    ) -> list[Row]:
        """The usable rows among `ids` (any order, no repeats), in the order of `ids`; `scoring` for questions."""
        table = self.table(split)
        if self._cached is not None and split == self.plan.split.name:
            table = self._cached
        numbers, values = table.take_usable(
            ids, columns_read(self.plan.task.card, table.schema.names), dropped
        )
        self._learn_size(values.bytes, len(ids))
        return normalise_columns(
            self.task,
            numbers,
            values.columns,
            table.doc,
            dropped,
            held_out,
            scoring=scoring,
            whole_rows=values.rows,
        )

    def morsels(self, ids: Ints, shown: int = 1) -> Iterator[Ints]:
        """Rows in consecutive runs that are read and rendered at a time, each of about `MORSEL_BYTES`.

        `shown` is how many rows one prompt may show. Where the cuts are depends on what was read before, so nothing
        that is written may depend on it.
        """
        start = 0
        while start < len(ids):
            stop = start + self._morsel_rows(shown)
            yield ids[start:stop]
            start = stop

    def _morsel_rows(self, shown: int) -> int:
        rows = MORSEL_BYTES // (self._row_bytes * shown) if self._row_bytes else FIRST_ROWS
        return min(max(rows, 1), MORSEL_ROWS)

    def _learn_size(self, size: int, rows: int) -> None:
        """Take note of how many bytes rows have: of the last that were many, or of a few that were larger."""
        mean = size // max(rows, 1)
        if rows >= MANY_ROWS or mean > (self._row_bytes or 0):
            self._row_bytes = mean

    @property
    def held_out(self) -> HeldOutQuestions:
        """The questions that benchmarks keep to themselves."""
        return self.settings.hold_out.questions

    def cache_large(self, ids: Ints, shown: int) -> None:
        """Have these rows at hand if they are so large that they will be read in several morsels.

        Each morsel would go through the whole file again, since rows are asked for in random order.
        """
        if len(ids) > self._morsel_rows(shown) and not np.isin(ids, self._cached_ids).all():
            self.cache_rows([ids], exemplars=False)

    def cache_rows(self, source_rows: Sequence[Ints], *, exemplars: bool) -> None:
        """Read these rows, and if asked those of the pool, in one pass, and keep them where they are soon at hand.

        Jobs ask in random order, for which a file may have to be read whole each time.
        """
        split = self.plan.split
        table = self.table(split.name)
        own_pool = exemplars and self.plan.exemplar_source is None and self.plan.pool == split
        ids = np.unique(np.concatenate([*source_rows, self.pool_ids()] if own_pool else source_rows))
        columns = columns_read(self.plan.task.card, table.schema.names)
        self._cached, size = cached(table, ids, columns, self.settings.access)
        self._cached_ids = ids
        # Until large texts have been read: in Python they may be four times as large as in a file.
        self._learn_size(4 * size if size > LARGE_CELL_BYTES * len(ids) else size, len(ids))

    def pool(self, variant: Variant) -> ExemplarPool:
        """The exemplar pool of a variant, without held-out content; empty for zero-shot ones.

        The card's own exemplars, if it names any and they are usable; else the first rows of the pool's
        slice: in the source's order if the prompts show just those, else in an order keyed by the task, so
        that every variant of it shares one pool.
        """
        if not variant.few_shot:
            return ExemplarPool(rows=[], source="pool")
        if self._pool is None:
            source, split = self.exemplar_source(), self.plan.pool.name
            # Natural Instructions bring worked examples in the same file; they go before rows of the split.
            worked = [
                row
                for row in source.worked_examples()
                if not self.held_out.asked_by(row.fields, (*row.options, row.answer))
            ]
            if worked and not self.settings.shots.explained:
                self._pool = ExemplarPool(rows=worked, source="card")
            else:
                rows = source.read(split, source.pool_ids(), Counter(), self.held_out)
                self._pool = ExemplarPool(rows=rows, source="pool", worked=worked)
        return self._pool

    def worked_examples(self) -> list[Row]:
        """The examples that the card takes from the document; explained where the mixture shows explanations."""
        rows = self._document_exemplars[0]
        return rows if self.settings.shots.explained else [row._replace(explanation="") for row in rows]

    def lost_worked_examples(self) -> Counter[str]:
        """Those that are of no use, by reason."""
        return self.exemplar_source()._document_exemplars[1]

    @cached_property
    def _document_exemplars(self) -> tuple[list[Row], Counter[str]]:
        dropped = Counter[str]()
        if self.task.card.exemplars is None:
            return [], dropped
        return document_exemplars(self.task, self.table(self.plan.pool.name).doc, dropped), dropped

    def keyed_order(self, scope: DrawScope) -> Ints:
        """Row numbers of the task's slice in the keyed order of one variant and repeat."""
        low, high = self.plan.split.bounds(self.table(self.plan.split.name).rows)
        return permutation(scope.key("rows"), high - low) + low

    def question_order(self, scope: DrawScope) -> Ints:
        """`keyed_order`; with a disjoint pool, few-shot questions leave the pool's rows out."""
        order = self.keyed_order(scope)
        same_slice = (
            self.pool(scope.variant).source == "pool"
            and self.plan.pool == self.plan.split
            and self.plan.exemplar_source is None
        )
        if self.settings.shots.disjoint and scope.variant.few_shot and same_slice:
            return order[~np.isin(order, self.pool_ids())]
        return order

    def pool_ids(self) -> Ints:
        """Row numbers of the rows of the pool's slice that may serve as exemplars."""
        low, high = self.plan.pool.bounds(self.table(self.plan.pool.name).rows)
        # A disjoint pool takes at most half of the rows, or a small task would have nothing to ask.
        most = max((high - low) // 2, 1) if self.settings.shots.disjoint else high - low
        count = min(self.settings.shots.pool, most)
        if self.settings.shots.order == "first":
            return np.arange(low, low + count, dtype=np.int64)
        return permutation(key(self.settings.seed, self.plan.draws_as, "pool"), high - low)[:count] + low


def cached(
    table: SourceTable, ids: Ints, columns: Sequence[str], access: SourceAccess
) -> tuple[SourceTable, int]:
    """The same table with these columns of some rows (ids ascending) at hand, and their size in bytes.

    They lie in memory as far as `CACHED_BYTES` go, then in the cache folder.
    """
    size = 0

    def pieces() -> Iterator[pa.Table]:
        nonlocal size
        for piece in table.scan(ids, columns) if columns and len(ids) else ():
            size += size_of(piece)
            yield piece

    rows = table_of(merged(pieces()), spool=Spool(access, CACHED_BYTES))
    if not rows.rows:
        return table, size

    def scan(row_ids: Ints, names: Sequence[str]) -> Iterator[pa.Table]:
        # Cached ids [3, 8, 9]: rows 8 and 9 are at places [1, 2] of the cache, while row 5 would be put at place 1,
        # where row 8 is, and row 12 at place 3, past the end: then the source answers for all of them.
        places = np.searchsorted(ids, row_ids)
        within = places < len(ids)
        if set(names) <= set(columns) and within.all() and (ids[places] == row_ids).all():
            return rows.scan(places, names)
        return table.scan(row_ids, names)

    return replace(table, scan=scan), size
