"""Rows that are longer than a mixture's limits are left out and counted, whatever their shots."""

from __future__ import annotations

from pathlib import Path

import pytest

import flancollect as fc
from tests.catalogs import write
from tests.small import nothing_embedded

FAMILY = """
    family: echo
    needs: {text: text}
    options: none
    example: {text: t, answer: a}
    forward:
      plain: {input: "Say: {{ text }}", target: "{{ answer }}"}
"""
TASK = """
    task: echoes
    submix: mine
    source: {files: rows.jsonl, format: jsonl}
    splits: {train: train}
    family: echo
    fields: {text: text}
    answer: {text: answer}
    license: mit
    languages: en
    cluster: echo
"""
STYLES = """
    shots:
      q_a: {exemplar: "Q: {{ input }}\\nA: {{ target }}", query: "Q: {{ input }}\\nA:"}
"""
MIXTURE = """
    mixture: all
    size: 100
    limits: LIMITS
    shots: {min: 1, max: 1}
    parts: {mine: {variants: {zs_opt: 1, fs_opt: 1}}}
"""


def built(folder: Path, limits: str, rows: list[tuple[str, str]]) -> tuple[set[str], dict[str, int]]:
    """The targets, and why rows fell away."""
    lines = "".join(f'{{"text": "{text}", "answer": "{answer}"}}\n' for text, answer in rows)
    files = {"echo.yaml": FAMILY, "echoes.yaml": TASK, "_styles.yaml": STYLES, "rows.jsonl": lines}
    write(folder / "cards", {**files, "all.yaml": MIXTURE.replace("LIMITS", limits)})
    with nothing_embedded():
        result = fc.build(fc.BuildRequest("all", catalogs=(folder / "cards",)), folder / "out")
    dropped: dict[str, int] = {}
    for task in result.manifest.tasks:
        for reason, count in task.dropped.items():
            dropped[reason] = max(count, dropped.get(reason, 0))
    return {row["targets"] for row in fc.open_build(folder / "out")}, dropped


def test_a_prompt_of_just_the_limit_stays(tmp_path: Path) -> None:
    targets, dropped = built(
        tmp_path, "{input_bytes: 10}", [("abcde", "fits"), ("abcdef", "long"), ("x", "short")]
    )
    assert targets == {"fits", "short"}
    assert dropped["a prompt longer than 10 bytes"] == 1


def test_lengths_are_bytes_and_not_characters(tmp_path: Path) -> None:
    targets, _ = built(
        tmp_path, "{input_bytes: 10}", [("ééé", "eleven bytes"), ("éé", "nine bytes"), ("x", "six")]
    )
    assert targets == {"nine bytes", "six"}


def test_a_long_target_falls_away_too(tmp_path: Path) -> None:
    targets, dropped = built(tmp_path, "{target_bytes: 4}", [("a", "1234"), ("b", "12345"), ("c", "1")])
    assert targets == {"1234", "1"}
    assert dropped["a target longer than 4 bytes"] == 1


def test_without_limits_nothing_is_too_long(tmp_path: Path) -> None:
    targets, _ = built(tmp_path, "{}", [("a" * 7000, "one"), ("b", "2" * 9000)])
    assert targets == {"one", "2" * 9000}


@pytest.mark.parametrize("mixture", ["flan2022", "chung2022-a", "chung2022-b", "t0"])
def test_mixtures_of_the_collection_have_limits(mixture: str) -> None:
    assert fc.load_catalog().mixtures[mixture].card.limits.input_bytes == 8000
