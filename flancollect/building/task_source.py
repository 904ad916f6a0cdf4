"""The rows of one task: opened once per split, read by number, normalised, in keyed order.

What building and tracing share: both must find the same rows, exemplars and held-out content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.cards.columns import columns_read
from flancollect.cards.mixture_card import Shots
from flancollect.cards.variants import Variant
from flancollect.draw import key, permutation
from flancollect.jinja.evaluate import evaluate_columns
from flancollect.planning.plan import TaskPlan
from flancollect.render.normalise import Content, Row, document_exemplars, normalise_columns
from flancollect.render.picks import DrawScope
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess, SourceTable

MORSEL_ROWS = 16_384
HELD_BYTES = 64 * 1024 * 1024


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
    access: SourceAccess
    opened: dict[str, SourceTable] = field(default_factory=dict)
    lenders: list[TaskSource] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)

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
            self.lenders.append(replace(self, plan=plan, opened={}, lenders=[], pools=[]))
        return self.lenders[0]

    def read(
        self, split: str, ids: npt.NDArray[np.int64], dropped: Counter[str], banned: Collection[Content] = ()
    ) -> list[Row]:
        """The usable rows among `ids` (any order, no repeats), in the order of `ids`."""
        table = self.table(split)
        ascending = np.argsort(ids, kind="stable")
        columns = columns_read(self.plan.task.card, table.schema.names)
        taken = table.take(ids[ascending], columns)
        order = np.argsort(ascending, kind="stable").tolist()
        found = {name: _ordered(taken.column(name).to_pylist(), order) for name in taken.schema.names}
        return normalise_columns(
            self.plan.task, ids.tolist(), found, table.doc, dropped, banned, evaluate=evaluate_columns
        )

    def hold(self, source_rows: Sequence[npt.NDArray[np.int64]], *, exemplars: bool) -> None:
        """Read these rows, and if asked those of the pool, in one pass, and keep them while they are few.

        Jobs ask in random order, for which a file may have to be read whole each time.
        """
        split = self.plan.split
        table = self.table(split.name)
        own_pool = exemplars and self.plan.lender is None and self.plan.pool == split
        wanted = [*source_rows, self.pool_ids()] if own_pool else source_rows
        columns = columns_read(self.plan.task.card, table.schema.names)
        self.opened[split.name] = held(table, np.unique(np.concatenate(wanted)), columns)

    def banned(self) -> frozenset[Content]:
        """The contents of the rows that benchmarks keep to themselves."""
        contents: set[Content] = set()
        for slice_ in self.plan.hold_out:
            low, high = slice_.bounds(self.table(slice_.name).rows)
            for start in range(low, high, MORSEL_ROWS):
                ids = np.arange(start, min(start + MORSEL_ROWS, high), dtype=np.int64)
                contents.update(row.content for row in self.read(slice_.name, ids, Counter()))
        return frozenset(contents)

    def pool(self, variant: Variant, banned: Collection[Content]) -> Pool:
        """The exemplar pool of a variant, without held-out content; empty for zero-shot ones.

        The card's own exemplars, if it names any and they are usable; else the first rows of the pool's
        slice: in the source's order if the prompts show just those, else in an order keyed by the task, so
        that every variant of it shares one pool.
        """
        if not variant.few_shot:
            return Pool(rows=[], source="pool")
        if not self.pools:
            self.pools.append(self._pool(banned))
        return self.pools[0]

    def _pool(self, banned: Collection[Content]) -> Pool:
        lender, split = self.lender(), self.plan.pool.name
        own = document_exemplars(lender.plan.task, lender.table(split).doc, Counter())
        if own:
            return Pool(rows=[row for row in own if row.content not in banned], source="card")
        return Pool(rows=lender.read(split, lender.pool_ids(), Counter(), banned), source="pool")

    def drawn(self, names: DrawScope) -> npt.NDArray[np.int64]:
        """Row numbers of the task's slice in the keyed order of one variant and repeat."""
        low, high = self.plan.split.bounds(self.table(self.plan.split.name).rows)
        return permutation(names.key("rows"), high - low) + low

    def order(self, names: DrawScope, pool: Pool) -> npt.NDArray[np.int64]:
        """What is `drawn`; with a disjoint pool, few-shot questions leave the pool's rows out."""
        order = self.drawn(names)
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


def held(table: SourceTable, ids: npt.NDArray[np.int64], columns: Sequence[str]) -> SourceTable:
    """The same table with these columns of some rows (ids ascending) in memory, as far as `HELD_BYTES` go."""
    pieces: list[pa.Table] = [table.schema.empty_table().select(list(columns))]
    for start in range(0, len(ids), MORSEL_ROWS):
        pieces.append(table.take(ids[start : start + MORSEL_ROWS], columns))
        if sum(piece.nbytes for piece in pieces) > HELD_BYTES:
            break
    rows = pa.concat_tables(pieces)
    kept = ids[: rows.num_rows]

    def take(asked: npt.NDArray[np.int64], names: Sequence[str]) -> pa.Table:
        places = np.searchsorted(kept, asked)
        there = places < len(kept)
        if not (set(names) <= set(columns) and there.all() and (kept[places] == asked).all()):
            return table.take(asked, names)
        return rows.select(list(names)).take(pa.array(places))

    return replace(table, take=take)


def _ordered(values: list[Any], order: list[int]) -> list[Any]:
    return [values[place] for place in order]
