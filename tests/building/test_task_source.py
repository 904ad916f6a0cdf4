"""How the rows of a task are read: in runs that memory holds, and never so that a cut can be seen in what is built."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flancollect.building import task_source
from flancollect.building.task_source import cached
from flancollect.draw import Ints
from flancollect.sources import parquet
from flancollect.sources.parts import table_of
from flancollect.sources.table import SourceAccess
from tests.catalogs import TASK, colours, write
from tests.small import built, request

TALL = """
    mixture: tall
    size: 60
    max_repeat: 2
    parts:
      mine: {variants: {zs_opt: 1, zs_noopt: 1, fs_opt: 1}}
"""


def catalogue_of(folder: Path) -> Path:
    """Rows of which every fourth is unlabelled and every fifth stands twice."""
    rows = [f"thing {i - (i % 5 == 0)},{-1 if i % 4 == 3 else i % 2}" for i in range(1, 41)]
    catalogue = colours(folder, data="thing,label\n" + "\n".join(rows) + "\n", more=TALL)
    return write(catalogue, {"_styles.yaml": STYLES})


STYLES = """
    options: {dashes: {item: "- {{ text }}"}}
    shots: {plain: {exemplar: "{{ input }} {{ target }}", query: "{{ input }}"}}
"""


def test_where_morsels_are_cut_changes_no_byte_and_no_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = catalogue_of(tmp_path / "catalogue")
    plain = built(tmp_path / "plain", request("tall", catalogue)).manifest
    assert any(task.dropped for task in plain.tasks)
    for size in (1, 60, 200):
        monkeypatch.setattr(task_source, "MORSEL_BYTES", size)
        monkeypatch.setattr(task_source, "FIRST_ROWS", 1)
        assert built(tmp_path / str(size), request("tall", catalogue)).manifest == plain


@pytest.mark.parametrize("limit", [0, 100, 1 << 20])
def test_what_is_cached_is_what_the_source_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(task_source, "CACHED_BYTES", limit)
    table = table_of(pa.table({"t": [f"text {i}" for i in range(20)], "n": range(20)}))
    near, size = cached(table, np.array([3, 8, 9]), ["t"], SourceAccess(cache=tmp_path))
    assert size > 18
    for ids in ([3, 9], [8], [], [5, 8], [9, 12]):
        for names in (["t"], ["n"], ["n", "t"]):
            rows: Ints = np.array(ids, dtype=np.int64)
            assert near.take(rows, names) == table.take(rows, names)


def task_of(name: str, source: str, **fields: str) -> str:
    """A card of free text over one source."""
    text = TASK.replace("task: colours", f"task: {name}").replace("{files: colours.csv, format: csv}", source)
    text = text.replace("family: colour", "family: plain").replace("thing: thing", "q: q")
    return text.replace("{choices: [green, red], index: label | int}", "{text: a}")


PLAIN = """
    family: plain
    needs: {q: any}
    options: none
    example: {q: hello, answer: world}
    forward:
      ask: {input: "Q: {{ q }}", target: "{{ answer }}"}
"""


def test_a_source_that_cannot_be_read_leaves_the_others_standing(tmp_path: Path) -> None:
    good = '{"q": "x", "a": "y"}\n'
    catalogue = write(
        tmp_path / "catalogue",
        {
            "plain.yaml": PLAIN,
            "good.yaml": task_of("good", "{files: good.jsonl, format: jsonl}"),
            "good.jsonl": good,
            "twice.yaml": task_of("twice", "{files: twice.jsonl, format: jsonl}"),
            "twice.jsonl": '{"q": "x", "a": "y", "q": "z"}\n',
            "unlike.yaml": task_of("unlike", "{files: [one.parquet, two.parquet], format: parquet}"),
            "fine.yaml": task_of("fine", "{files: fine.parquet, format: parquet}"),
        },
    )
    pq.write_table(pa.table({"q": ["x"], "a": ["y"]}), catalogue / "one.parquet")
    pq.write_table(pa.table({"q": [1], "a": ["y"]}), catalogue / "two.parquet")
    pq.write_table(pa.table({"q": pa.array([1], pa.time64("ns")), "a": ["y"]}), catalogue / "fine.parquet")
    manifest = built(tmp_path / "out", request("mine", catalogue)).manifest
    assert {task.task for task in manifest.tasks} == {"good"}
    reasons = {skip.task: skip.reason for skip in manifest.skipped}
    assert reasons.keys() == {"twice", "unlike", "fine"}
    assert 'twice.jsonl:1: the key "q" stands twice' in reasons["twice"]
    assert 'two.parquet: column "q" is int64, but string in one.parquet' in reasons["unlike"]
    assert "1 rows: q: a value that cannot be read: a time finer than a microsecond" in reasons["fine"]


def test_bytes_that_are_no_text_are_a_counted_drop_and_others_are_text(tmp_path: Path) -> None:
    catalogue = write(
        tmp_path / "catalogue",
        {"plain.yaml": PLAIN, "t.yaml": task_of("t", "{files: t.parquet, format: parquet}")},
    )
    rows = {"q": [[b"x"], [b"\xff"], ["wörld".encode()]], "a": [b"1", b"2", b"3"], "image": [b"\xff"] * 3}
    pq.write_table(pa.table(rows), catalogue / "t.parquet")
    build = built(tmp_path / "out", request("t", catalogue))
    zero_shot = next(task for task in build.manifest.tasks if task.variant == "zs_opt")
    assert (zero_shot.rows, zero_shot.dropped) == (2, {"q: bytes that are not UTF-8 text": 1})


def test_the_row_as_a_whole_has_its_own_keys(tmp_path: Path) -> None:
    rows = [{"q": "x", "a": "1"}, {"q": "y", "a": "2", "note": "n"}, {"a": "3"}]
    card = task_of("t", "{files: t.jsonl, format: jsonl}").replace("q: q", "q: row")
    catalogue = write(
        tmp_path / "catalogue",
        {"plain.yaml": PLAIN, "t.yaml": card, "t.jsonl": "\n".join(map(json.dumps, rows))},
    )
    built(tmp_path / "out", request("t", catalogue))
    table = pa.concat_tables(
        pa.ipc.open_stream(path).read_all() for path in (tmp_path / "out").glob("*.arrow")
    )
    shown = table.filter(pa.compute.equal(table["template_type"], "zs_opt"))["inputs"].to_pylist()
    assert sorted(shown) == sorted(f"Q: {dict(sorted(row.items()))}" for row in rows)


def test_large_rows_of_which_none_is_of_use_cost_few_passes_through_the_file(
    tmp_path: Path, monkeypatch
) -> None:
    # 400 rows of 200 KB: some 26 fit into a morsel, and no question leaves room for an exemplar.
    catalogue = write(
        tmp_path / "catalogue",
        {
            "plain.yaml": PLAIN,
            "t.yaml": task_of("t", "{files: t.parquet, format: parquet}"),
            "_styles.yaml": 'shots:\n  plain: {exemplar: "{{ input }}\\n{{ target }}", query: "{{ input }}"}\n',
            "mix.yaml": "mixture: mix\nsize: 20\nparts: {p: {select: {tasks: [t]}, variants: {fs_opt: 1, zs_opt: 1}}}",
        },
    )
    rows = {"q": [f"{i} " * 50_000 for i in range(400)], "a": [str(i) for i in range(400)]}
    pq.write_table(pa.table(rows), catalogue / "t.parquet", row_group_size=400)
    passes = []
    read_group = parquet._read_group
    monkeypatch.setattr(parquet, "_read_group", lambda *args: passes.append(1) or read_group(*args))
    build = built(tmp_path / "out", request("mix", catalogue))
    dropped = {task.variant: task.dropped for task in build.manifest.tasks}
    assert dropped == {"fs_opt": {"no exemplar fits max_input_bytes": 400}, "zs_opt": {}}
    assert len(passes) < 12
