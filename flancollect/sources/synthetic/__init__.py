"""Synthetic sources: rows made by a pure function of the generator, its parameters and a number.

Candidate i of a source is drawn from its own key; a hash of its content alone decides which split it may
join, and content seen before is dropped. So no content is in two splits, cells that share items split
them alike, and asking for more rows only appends rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from flancollect.artifacts import SourceLock, SplitLock, canonical_json
from flancollect.cards.source_card import SyntheticSource
from flancollect.draw import Draws, below, key
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.parts import table_of
from flancollect.sources.synthetic import (
    arithmetic_chain,
    booleans,
    calendar_steps,
    categories,
    comparison,
    comparison_claims,
    counting,
    date_pairs,
    dates,
    editing,
    length_comparison,
    length_sorting,
    letter_counting,
    nli,
    number_forms,
    patterns,
    reading,
    select_reorder,
    sentiment,
    sorting,
    sums,
    units,
)
from flancollect.sources.table import SourceTable

GENERATOR_VERSION = "1"  # part of every key: raise it when any generator changes any row
SPLITS = ("train", "validation", "test")
# So many candidates in a row without a new row, and the input space counts as exhausted. `calendar_steps` has
# 7 * 98 = 686 inputs: once all are out, every further candidate is a repeat, and the loop must end.
STALE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """One generator. `content` names the columns that make up the input, which must not leak."""

    parameters: Mapping[str, tuple[str, ...]]
    schema: pa.Schema
    content: tuple[str, ...]
    row: Callable[..., dict[str, object]]


def _of(module: Any) -> Generator:
    return Generator(
        parameters=module.PARAMETERS, schema=module.SCHEMA, content=module.CONTENT, row=module.row
    )


# The one list of generators: cards name a key of it, and its order is the order of error messages.
GENERATORS: Mapping[str, Generator] = {
    "arithmetic_chain": _of(arithmetic_chain),
    "booleans": _of(booleans),
    "calendar_steps": _of(calendar_steps),
    "categories": _of(categories),
    "comparison": _of(comparison),
    "comparison_claims": _of(comparison_claims),
    "counting": _of(counting),
    "date_pairs": _of(date_pairs),
    "dates": _of(dates),
    "editing": _of(editing),
    "length_comparison": _of(length_comparison),
    "length_sorting": _of(length_sorting),
    "letter_counting": _of(letter_counting),
    "nli": _of(nli),
    "number_forms": _of(number_forms),
    "patterns": _of(patterns),
    "reading": _of(reading),
    "select_reorder": _of(select_reorder),
    "sentiment": _of(sentiment),
    "sorting": _of(sorting),
    "sums": _of(sums),
    "units": _of(units),
}


def problems(source: SyntheticSource) -> list[str]:
    """What is wrong with a synthetic source: generator, parameters or values, each with what exists."""
    generator = GENERATORS.get(source.synthetic)
    if generator is None:
        return [
            f'no generator "{source.synthetic}".' + did_you_mean(source.synthetic, GENERATORS, "Generators")
        ]
    settings, choices = source.parameters(), generator.parameters
    unknown = [
        f'{source.synthetic} has no parameter "{name}".' + did_you_mean(name, choices, "Parameters")
        for name in settings
        if name not in choices
    ]
    missing = [
        f'{source.synthetic} needs the parameter "{name}".' + did_you_mean("", values, "Values")
        for name, values in choices.items()
        if name not in settings
    ]
    refused = [
        f'{source.synthetic} has no {name} "{settings[name]}".'
        + did_you_mean(settings[name], values, "Values")
        for name, values in choices.items()
        if name in settings and settings[name] not in values
    ]
    return unknown + missing + refused


def split_of(content: str) -> tuple[bytes, str]:
    """The hash of a content, and the split that it alone decides: 80, 10 and 10 in 100."""
    digest = blake2b(content.encode(), digest_size=16).digest()
    tenth = below(int.from_bytes(digest[:8], "little"), 10)
    # Tenths 0 to 7 are train, 8 is validation, 9 is test: SPLITS[0], [1] and [2].
    return digest, SPLITS[max(0, tenth - 7)]


def candidates(name: str, parameters: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """The endless stream of rows of a generator, repeats included."""
    row = GENERATORS[name].row
    # Sorted, so that the order of a card's keys changes no row. The names of the parameters are in the key too:
    # to rename one is to change every row of the generator.
    names = [text for pair in sorted(parameters.items()) for text in pair]
    stream = key("synthetic", GENERATOR_VERSION, name, *names)
    i = 0
    while True:
        yield row(Draws(stream, i), **parameters)
        i += 1


@lru_cache(maxsize=32)
def _tables(
    name: str, parameters: tuple[tuple[str, str], ...], counts: tuple[int, ...]
) -> dict[str, pa.Table]:
    """All splits at once: they come from one stream, and a build opens them one after the other.

    A split has the rows of its count, or as many as the input space holds.
    """
    schema, content = GENERATORS[name].schema, GENERATORS[name].content
    limits = dict(zip(SPLITS, counts, strict=True))
    rows: dict[str, list[dict[str, object]]] = {split: [] for split in SPLITS}
    digests: set[bytes] = set()
    stale, missing = 0, sum(counts)
    stream = candidates(name, dict(parameters))
    while missing and stale < STALE:
        row = next(stream)
        digest, split = split_of(canonical_json([row[column] for column in content]))
        # A row for a full split is not remembered: whether it comes again decides nothing, and with
        # `test_rows: 0` the digests of a tenth of the stream would pile up.
        if digest in digests or len(rows[split]) >= limits[split]:
            stale += 1
            continue
        digests.add(digest)
        rows[split].append(row)
        stale, missing = 0, missing - 1
    return {
        split: pa.table({column: [row[column] for row in of_split] for column in schema.names}, schema=schema)
        for split, of_split in rows.items()
    }


def _open(source: SyntheticSource) -> dict[str, pa.Table]:
    wrong = problems(source)
    if wrong:
        raise SourceError("\n".join(wrong))
    counts = (source.rows, source.validation_rows, source.test_rows)
    return _tables(source.synthetic, tuple(source.parameters().items()), counts)


def describe(source: SyntheticSource) -> SourceLock:
    """The exact row counts and columns of a synthetic source. Raises SourceError for a wrong source."""
    return SourceLock(
        revision=f"synthetic:{GENERATOR_VERSION}",
        splits={
            split: SplitLock(rows=table.num_rows, columns={f.name: str(f.type) for f in table.schema})
            for split, table in _open(source).items()
        },
    )


def open_split(source: SyntheticSource, split: str) -> SourceTable:
    """One split of a synthetic source. Raises SourceError for a wrong source or an unknown split."""
    tables = _open(source)
    if split not in tables:
        raise SourceError(
            f'{source.synthetic} has no split "{split}".' + did_you_mean(split, SPLITS, "Splits")
        )
    return table_of(tables[split])
