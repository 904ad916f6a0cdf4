"""Rendering on one core: three basic templates and thirty of P3.

The basic ones go from Arrow columns to an Arrow column, against Jinja compiled once in its sandbox,
`datasets.map(batched=True)` around the same, and, where it is given, seqio, which starts from tensors. Those of P3
go from columns of Python values to a column of texts, against Jinja compiled once and promptsource (imported
from the checkout where it can be; else what it does for every row, `Environment.from_string`); "from Arrow to
Arrow" adds reading and writing to both sides.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from jinja2 import BaseLoader, Environment
from jinja2.sandbox import SandboxedEnvironment

from flancollect.draw import Draws
from flancollect.jinja.evaluate import render_columns, render_rows, why_not_compiled
from flancollect.jinja.expression import ExpressionError, compile_template
from tests.jinja.p3 import P3Template, checkout, p3_templates
from tests.jinja.sample_rows import rows_for
from tests.performance.measure import WORDS, Contestant, Timing, compare, summary
from tests.performance.seqio_process import seqio_contestants

BENCH = "render"
ROWS = 16_384
P3_ROWS = 4_096
SLOW_ROWS = 128
MORSEL = 1_024  # rows read, rendered and written at a time: small enough for the processor's cache
PANEL = 30
ONCE = "Jinja compiled once"
_ARROW = "from Arrow to Arrow"
_BASES = {f"{ONCE}, {_ARROW}": _ARROW}
_DRAWS = re.compile(r"\|\s*(choice|random)\b")
_PIPE_PROTECTOR = "3ed2dface8203c4c9dfb1a5dc58e41e0"  # promptsource writes it for ||| inside a value

BASIC = {
    "plain variables": (
        '{{ premise }}\n\nBased on this, can we say that "{{ hypothesis }}"? {{ answer }}',
        {"premise": 60, "hypothesis": 12, "answer": 1},
    ),
    "if and index": (
        "{{ premise }}\n{% if label == 1 %}Is it so?{% elif label == 2 %}Perhaps?{% else %}Never?{% endif %}"
        " {{ choices[label] }}",
        {"premise": 60, "label": 0, "choices": -3},
    ),
    "for loop": (
        "{{ question }}\n{% for choice in choices %}\n{{ loop.index }}. {{ choice }}{% endfor %}\n",
        {"question": 20, "choices": -4},
    ),
}


def render_panel() -> Iterator[Timing]:
    """All cases; P3's only where a checkout is given."""
    datasets.disable_progress_bars()
    for case, (text, lengths) in BASIC.items():
        table = pa.table({name: _column(name, words) for name, words in lengths.items()})
        with seqio_contestants(case, table) as others:
            yield from compare(BENCH, case, _contestants(text, table) | others, _same)
    root = checkout()
    if root is not None:
        yield from _p3(root)


def _column(name: str, words: int) -> list[Any]:
    """Keyed text of so many words; numbers below 3 for 0, lists of so many short texts below it."""
    draws = Draws("render panel", name)
    if words == 0:
        return [draws.below(3) for _ in range(ROWS)]
    if words < 0:
        return [[_text(draws, 4) for _ in range(-words)] for _ in range(ROWS)]
    return [_text(draws, words) for _ in range(ROWS)]


def _text(draws: Draws, words: int) -> str:
    return " ".join(draws.pick(WORDS) for _ in range(words))


# --- contestants -------------------------------------------------------------------------------------------


def _contestants(text: str, table: pa.Table) -> dict[str, Contestant]:
    """From Arrow to Arrow."""
    render, rows = _compiled_once(text), table.num_rows
    dataset = datasets.Dataset(table)
    return {
        "flancollect": Contestant(run=lambda: _columns(text, table), rows=rows),
        ONCE: Contestant(run=lambda: _by_row(render, table), rows=rows),
        "datasets.map(batched=True)": Contestant(run=lambda: _mapped(render, dataset), rows=rows),
    }


def _compiled_once(text: str) -> Callable[[dict[str, Any]], str]:
    environment = SandboxedEnvironment(keep_trailing_newline=True)
    environment.globals["zip"] = zip
    return environment.from_string(text).render


def _columns(text: str, table: pa.Table) -> pa.ChunkedArray:
    return _morsels(table, lambda columns, rows: render_columns(text, columns, rows))


def _by_row(render: Callable[[dict[str, Any]], str], table: pa.Table) -> pa.ChunkedArray:
    return _morsels(table, lambda columns, _: [render(row) for row in _rows(columns)])


def _morsels(table: pa.Table, texts: Callable[[dict[str, list[Any]], int], list[str]]) -> pa.ChunkedArray:
    chunks = []
    for batch in table.to_batches(max_chunksize=MORSEL):
        columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        chunks.append(pa.array(texts(columns, batch.num_rows), pa.string()))
    return pa.chunked_array(chunks)


def _rows(columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    names = tuple(columns)
    return (dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True))


def _mapped(render: Callable[[dict[str, Any]], str], dataset: datasets.Dataset) -> pa.ChunkedArray:
    made = dataset.map(
        lambda batch: {"rendered": [render(row) for row in _rows(dict(batch))]},
        batched=True,
        remove_columns=dataset.column_names,
        load_from_cache_file=False,
        keep_in_memory=True,
    )
    return made.data.column("rendered")


def _same(first: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    return bool(first.to_pylist() == other.to_pylist())


def _same_texts(first: list[str], other: Any) -> bool:
    """Texts, a column of texts, or (of fewer rows) texts split into sides."""
    if isinstance(other, pa.ChunkedArray):
        return bool(first == other.to_pylist())
    return bool(first == other or [_sides(text) for text in first[: len(other)]] == other)


# --- P3 ----------------------------------------------------------------------------------------------------


def _p3(root: Path) -> Iterator[Timing]:
    chosen = _panel(root)
    ratios: dict[str, list[float]] = {}
    for template, columns in chosen:
        contestants = _p3_contestants(template, columns)
        timings = compare(
            BENCH, f"P3 {template.dataset}: {template.name}", contestants, _same_texts, rounds=3
        )
        medians = {timing.contestant: timing.median_us for timing in timings}
        for name, timing in medians.items():
            ratios.setdefault(name, []).append(timing / medians[_BASES.get(name, "flancollect")])
        yield from timings
    for name, found in ratios.items():
        yield summary(BENCH, f"P3, geometric mean of {len(chosen)}", name, found)
    shares = [each / once for each, once in zip(ratios[_PROMPTSOURCE], ratios[ONCE], strict=True)]
    yield summary(BENCH, "P3, what compiling once accounts for", _PROMPTSOURCE, shares)


def _p3_contestants(template: P3Template, columns: dict[str, list[Any]]) -> dict[str, Contestant]:
    text, render = template.jinja, _compiled_once(template.jinja)
    table = pa.table(columns)
    parts = [
        {name: column[start : start + MORSEL] for name, column in columns.items()}
        for start in range(0, P3_ROWS, MORSEL)
    ]

    def generated() -> list[str]:
        return [out for part in parts for out in render_columns(text, part, MORSEL)]

    def by_row() -> list[str]:
        return [render(row) for part in parts for row in _rows(part)]

    return {
        "flancollect": Contestant(run=generated, rows=P3_ROWS),
        ONCE: Contestant(run=by_row, rows=P3_ROWS),
        _ARROW: Contestant(run=lambda: _columns(text, table), rows=P3_ROWS),
        f"{ONCE}, {_ARROW}": Contestant(run=lambda: _by_row(render, table), rows=P3_ROWS),
        _PROMPTSOURCE: Contestant(run=lambda: _promptsource(template, columns), rows=SLOW_ROWS),
    }


def _panel(root: Path) -> list[tuple[P3Template, dict[str, list[Any]]]]:
    """One template per dataset, spread over all of them: compiled, without chance, and fit for made rows."""
    found = []
    seen: set[str] = set()
    for template in p3_templates(root):
        dataset = template.dataset.split("/")[0]
        columns = _fitting_rows(template) if dataset not in seen else None
        if columns is not None:
            seen.add(dataset)
            found.append((template, columns))
    step = len(found) / PANEL
    return [found[int(i * step)] for i in range(PANEL)]


def _fitting_rows(template: P3Template) -> dict[str, list[Any]] | None:
    """Rows on which every text comes out, in a shape that Arrow can hold."""
    text = template.jinja
    if _DRAWS.search(text) or _PIPE_PROTECTOR in text:
        return None
    try:
        if why_not_compiled(text) is not None or not compile_template(text).variables:
            return None
        columns = rows_for(text, 64, 0, template.dataset, template.name)
        if "answer_choices" in columns:
            if not template.choices or "{" in template.choices:
                return None
            columns["answer_choices"] = [_sides(template.choices) for _ in range(64)]
        outcome = render_rows(text, columns, 64)
        good = [
            i
            for i, row in enumerate(outcome.rows)
            if isinstance(row, str) and row.count("|||") == 1 == text.count("|||")
        ]
        pa.table(columns)
    except (ExpressionError, pa.ArrowException):
        return None
    if len(good) < 16 or outcome.fallback:
        return None
    return {name: [column[good[i % len(good)]] for i in range(P3_ROWS)] for name, column in columns.items()}


def _sides(text: str) -> list[str]:
    return [side.strip() for side in text.split("|||")]


def _promptsource(template: P3Template, columns: dict[str, list[Any]]) -> list[list[str]]:
    own = [name for name in columns if name != "answer_choices"]
    rows = [{name: columns[name][i] for name in own} for i in range(SLOW_ROWS)]
    return [_apply(template, row) for row in rows]


def _imported() -> Callable[[P3Template, dict[str, Any]], list[str]] | None:
    """promptsource's own `Template.apply`, when the checkout can be imported."""
    root = checkout()
    if root is None:
        return None
    sys.path.insert(0, str(root))
    try:
        from promptsource.templates import Template  # noqa: PLC0415
    except ImportError:
        return None
    finally:
        sys.path.remove(str(root))

    def apply(template: P3Template, row: dict[str, Any]) -> list[str]:
        written = Template(template.name, template.jinja, "", answer_choices=template.choices)
        return list(written.apply(row, truncate=False))

    return apply


def _reproduced(template: P3Template, row: dict[str, Any]) -> list[str]:
    """What `Template.apply` does to every row: parse and compile the text, render it, split it."""
    environment = Environment(loader=BaseLoader())
    environment.globals["zip"] = zip
    if template.choices:
        row = row | {"answer_choices": _sides(environment.from_string(template.choices).render(**row))}
    return _sides(environment.from_string(template.jinja).render(**row))


_OWN_APPLY = _imported()
_apply = _OWN_APPLY or _reproduced
_PROMPTSOURCE = "promptsource" if _OWN_APPLY else "promptsource (its from_string per row, reproduced)"
