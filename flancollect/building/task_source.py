"""The rows of one task: opened once per split, read by number, normalised, in keyed order.

What building and tracing share: both must find the same rows, exemplars and held-out content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from flancollect.building.settings import RenderSettings
from flancollect.cards.columns import columns_read
from flancollect.cards.variants import Variant
from flancollect.draw import Ints, key, permutation
from flancollect.planning.task_plan import TaskPlan
from flancollect.render.held_out import HeldOutQuestions
from flancollect.render.normalise import NOTHING_HELD_OUT, Row, document_exemplars, normalise_columns
from flancollect.render.picks import DrawScope
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceTable

MORSEL_ROWS = 16_384  # a morsel: the rows that go through reading and rendering together, some 20 MB of text
CACHED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarPool:
    """Rows that may serve as exemplars. `source` says what their numbers count: "card" or "pool"."""

    rows: list[Row]
    source: str


class TaskSource:
    """The source of one task of a build; splits are opened once and stay open."""

    def __init__(self, plan: TaskPlan, settings: RenderSettings) -> None:
        self.plan = plan
        self.settings = settings
        self._tables: dict[str, SourceTable] = {}
        self._exemplar_source: TaskSource | None = None
        self._pool: ExemplarPool | None = None

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
                self.plan, task=other.task, source_key=other.source_key, lock=other.lock, exemplar_source=None
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
        # Sources read ascending rows, jobs ask in keyed order. For ids [7, 2, 5]: ascending is [1, 2, 0], so rows
        # 2, 5, 7 are read, and its inverse [2, 0, 1] puts them back as 7, 2, 5.
        ascending = np.argsort(ids, kind="stable")
        rows = table.take(ids[ascending], columns_read(self.plan.task.card, table.schema.names))
        inverse = np.argsort(ascending, kind="stable").tolist()
        columns = {}
        for name in rows.schema.names:
            values = rows.column(name).to_pylist()
            columns[name] = [values[i] for i in inverse]
        return normalise_columns(
            self.plan.task, ids.tolist(), columns, table.doc, dropped, held_out, scoring=scoring
        )

    @property
    def held_out(self) -> HeldOutQuestions:
        """The questions that benchmarks keep to themselves."""
        return self.settings.hold_out.questions

    def cache_rows(self, source_rows: Sequence[Ints], *, exemplars: bool) -> None:
        """Read these rows, and if asked those of the pool, in one pass, and hold them in memory while they are few.

        Jobs ask in random order, for which a file may have to be read whole each time.
        """
        split = self.plan.split
        table = self.table(split.name)
        own_pool = exemplars and self.plan.exemplar_source is None and self.plan.pool == split
        ids = np.unique(np.concatenate([*source_rows, self.pool_ids()] if own_pool else source_rows))
        self._tables[split.name] = cached(table, ids, columns_read(self.plan.task.card, table.schema.names))

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
            rows, held_out = (
                document_exemplars(source.plan.task, source.table(split).doc, Counter()),
                self.held_out,
            )
            if rows:
                usable = [row for row in rows if not held_out.asked_by(row.fields)]
                self._pool = ExemplarPool(rows=usable, source="card")
            else:
                rows = source.read(split, source.pool_ids(), Counter(), held_out)
                self._pool = ExemplarPool(rows=rows, source="pool")
        return self._pool

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
        return permutation(key(self.settings.seed, self.plan.name, "pool"), high - low)[:count] + low


def cached(table: SourceTable, ids: Ints, columns: Sequence[str]) -> SourceTable:
    """The same table with these columns of some rows (ids ascending) in memory, as far as `CACHED_BYTES` go."""
    pieces: list[pa.Table] = [table.schema.empty_table().select(list(columns))]
    for start in range(0, len(ids), MORSEL_ROWS):
        pieces.append(table.take(ids[start : start + MORSEL_ROWS], columns))
        if sum(piece.nbytes for piece in pieces) > CACHED_BYTES:
            break
    rows = pa.concat_tables(pieces)
    cached_ids = ids[: rows.num_rows]

    def take(row_ids: Ints, names: Sequence[str]) -> pa.Table:
        # Cached ids [3, 8, 9]: rows 8 and 9 are at places [1, 2] of the cache, while row 5 would be put at place 1,
        # where row 8 is, and row 12 at place 3, past the end: then the source answers for all of them.
        places = np.searchsorted(cached_ids, row_ids)
        within = places < len(cached_ids)
        if not (set(names) <= set(columns) and within.all() and (cached_ids[places] == row_ids).all()):
            return table.take(row_ids, names)
        return rows.select(list(names)).take(pa.array(places))

    return replace(table, take=take)
