"""The rows of one task: opened once per split, read by number, normalised, in keyed order.

What building and tracing share: both must find the same rows, exemplars and held-out content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from flancollect.cards.models import Shots
from flancollect.cards.variants import Variant
from flancollect.columns import columns_read
from flancollect.draw import key, permutation
from flancollect.normalise import Row, document_exemplars, normalise
from flancollect.plan import TaskPlan
from flancollect.render.picks import Names
from flancollect.reshaped import open_shaped
from flancollect.sources.table import Access, SourceTable

MORSEL_ROWS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Rows that may serve as exemplars. `source` says what their numbers count: "card" or "pool"."""

    rows: list[Row]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSource:
    """The source of one task under one seed; splits are opened once and kept."""

    plan: TaskPlan
    seed: int
    shots: Shots
    access: Access
    opened: dict[str, SourceTable] = field(default_factory=dict)
    lenders: list[TaskSource] = field(default_factory=list)

    def table(self, split: str) -> SourceTable:
        """One source split. Raises SourceError."""
        if split not in self.opened:
            task = self.plan.task
            self.opened[split] = open_shaped(
                task.card.source, split, task.root, self.access, self.plan.lock, task.card.reshape
            )
        return self.opened[split]

    def lender(self) -> TaskSource:
        """The source that exemplars come from: another one, or this."""
        other = self.plan.lender
        if other is None:
            return self
        if not self.lenders:
            plan = replace(
                self.plan, task=other.task, source_key=other.source_key, lock=other.lock, lender=None
            )
            self.lenders.append(replace(self, plan=plan, opened={}, lenders=[]))
        return self.lenders[0]

    def read(
        self, split: str, ids: npt.NDArray[np.int64], dropped: Counter[str], banned: Collection[int] = ()
    ) -> list[Row]:
        """The usable rows among `ids` (any order, no repeats), in the order of `ids`."""
        table = self.table(split)
        ascending = np.argsort(ids, kind="stable")
        columns = columns_read(self.plan.task.card, table.schema.names)
        taken = table.take(ids[ascending], columns).to_pylist()
        rows = [taken[place] for place in np.argsort(ascending, kind="stable")]
        return normalise(self.plan.task, ids.tolist(), rows, table.doc, dropped, banned)

    def banned(self) -> frozenset[int]:
        """Content keys of the rows that benchmarks keep to themselves."""
        keys: set[int] = set()
        for slice_ in self.plan.held_out:
            low, high = slice_.bounds(self.table(slice_.name).rows)
            for start in range(low, high, MORSEL_ROWS):
                ids = np.arange(start, min(start + MORSEL_ROWS, high), dtype=np.int64)
                keys.update(row.content for row in self.read(slice_.name, ids, Counter()))
        return frozenset(keys)

    def pool(self, variant: Variant, banned: Collection[int]) -> Pool:
        """The exemplar pool of a variant, without held-out content; empty for zero-shot ones.

        The card's own exemplars, if it names any and they are usable; else the first rows of the pool's
        slice: in the source's order if the prompts show just those, else in an order keyed by the task, so
        that every variant of it shares one pool.
        """
        if not variant.few_shot:
            return Pool(rows=[], source="pool")
        lender, split = self.lender(), self.plan.pool.name
        own = document_exemplars(lender.plan.task, lender.table(split).doc, Counter())
        if own:
            return Pool(rows=[row for row in own if row.content not in banned], source="card")
        return Pool(rows=lender.read(split, lender.pool_ids(), Counter(), banned), source="pool")

    def order(self, names: Names, pool: Pool) -> npt.NDArray[np.int64]:
        """Row numbers of the task's slice in the keyed order of one variant and repeat.

        With a disjoint pool, few-shot questions leave the pool's rows out.
        """
        low, high = self.plan.split.bounds(self.table(self.plan.split.name).rows)
        order = permutation(names.key("rows"), high - low) + low
        same_slice = pool.source == "pool" and self.plan.pool == self.plan.split and self.plan.lender is None
        if self.shots.disjoint and names.variant.few_shot and same_slice:
            return order[~np.isin(order, self.pool_ids())]
        return order

    def pool_ids(self) -> npt.NDArray[np.int64]:
        """Row numbers of the rows of the pool's slice that may serve as exemplars."""
        low, high = self.plan.pool.bounds(self.table(self.plan.pool.name).rows)
        most = max((high - low) // 2, 1) if self.shots.disjoint else high - low
        count = min(self.shots.pool, most)
        if self.shots.order == "first":
            return np.arange(low, low + count, dtype=np.int64)
        return permutation(key(self.seed, self.plan.name, "pool"), high - low)[:count] + low
