"""Inverted prompts that show a label alone have a bounded number of targets each."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from datasets import load_from_disk

from flancollect.building import doubles
from flancollect.planning.request import BuildRequest
from tests.small import built

FAMILY = """\
family: headline
needs: {text: text}
options: closed
example: {text: A team won., options: [sports, science], answer: sports}
forward:
  which: {input: "{{ text }}\nWhich desk?{{ options | line }}", target: "{{ answer }}"}
inverted:
  write: {input: "Write about {{ answer }}.", target: "{{ text }}"}
  ask: {input: "A headline for {{ answer }}:", target: "{{ text }}"}
"""
TASK = """\
task: desk
submix: a
source: {files: rows.jsonl, format: jsonl}
splits: {train: train}
family: headline
fields: {text: text}
answer: {index: desk, choices: [sports, science]}
license: cc0-1.0
languages: en
cluster: topic
"""
MIXTURE = """\
mixture: m
size: 400
max_repeat: 3
limits: LIMITS
parts: {a: {variants: VARIANTS}}
"""


def build(folder: Path, limits: str, variants: str, rows: int = 400, workers: int = 1):
    cards = folder / "cards"
    cards.mkdir(parents=True, exist_ok=True)
    (cards / "headline.yaml").write_text(FAMILY)
    (cards / "desk.yaml").write_text(TASK)
    (cards / "m.yaml").write_text(MIXTURE.replace("LIMITS", limits).replace("VARIANTS", variants))
    lines = (json.dumps({"text": f"Story number {i}", "desk": i % 2}) for i in range(rows))
    (cards / "rows.jsonl").write_text("\n".join(lines) + "\n")
    result = built(folder / "out", BuildRequest("m", catalogs=(cards,)), overwrite=True, workers=workers)
    return result.manifest, load_from_disk(str(folder / "out"))


def test_an_inverted_input_has_so_many_targets_and_the_others_are_counted(tmp_path: Path) -> None:
    manifest, rows = build(tmp_path, "{targets_per_inverted_input: 7}", "{zs_opt_inv: 1}")
    assert Counter(rows["inputs"]) == {
        "Write about sports.": 7,
        "Write about science.": 7,
        "A headline for sports:": 7,
        "A headline for science:": 7,
    }
    (task,) = manifest.tasks
    assert (task.planned, task.rows) == (400, 28)
    assert task.dropped["the same inverted input as 7 rows before"] >= 372


def test_without_being_asked_for_there_are_twenty_and_null_is_no_bound(tmp_path: Path) -> None:
    _, rows = build(tmp_path, "{}", "{zs_noopt_inv: 1}")
    assert set(Counter(rows["inputs"]).values()) == {20}
    _, rows = build(tmp_path, "{targets_per_inverted_input: null}", "{zs_noopt_inv: 1}")
    assert len(rows) == 400


def test_forward_rows_make_up_for_them(tmp_path: Path) -> None:
    manifest, rows = build(tmp_path, "{targets_per_inverted_input: 5}", "{zs_opt: 1, zs_opt_inv: 1}", 1000)
    assert manifest.rows == 400
    assert Counter(rows["template_type"]) == {"zs_opt": 380, "zs_opt_inv": 20}


def test_forward_inputs_are_not_bounded(tmp_path: Path) -> None:
    _, rows = build(tmp_path, "{targets_per_inverted_input: 1}", "{zs_opt: 1}")
    assert len(rows) == 400


def test_nobody_looks_through_a_million_rows_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubles, "MOST_IN_VAIN", 100)
    manifest, rows = build(tmp_path, "{targets_per_inverted_input: 2}", "{zs_opt_inv: 1}", 5000)
    assert len(rows) == 8
    assert manifest.tasks[0].dropped["the same inverted input as 2 rows before"] < 1000


def test_a_larger_bound_keeps_the_rows_of_a_smaller_one(tmp_path: Path) -> None:
    _, few = build(tmp_path, "{targets_per_inverted_input: 3}", "{zs_opt_inv: 1}")
    few_texts = set(zip(few["inputs"], few["targets"], strict=True))
    _, many = build(tmp_path, "{targets_per_inverted_input: 9}", "{zs_opt_inv: 1}")
    fresh, _ = build(tmp_path / "fresh", "{targets_per_inverted_input: 9}", "{zs_opt_inv: 1}")
    assert few_texts < set(zip(many["inputs"], many["targets"], strict=True))
    assert (
        fresh.content_hash
        == build(tmp_path, "{targets_per_inverted_input: 9}", "{zs_opt_inv: 1}")[0].content_hash
    )
