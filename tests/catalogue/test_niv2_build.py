"""The mixture niv2 from real files of Natural Instructions, and without any file."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from flancollect.cards.catalog import load_catalog
from flancollect.cli import main
from tests.conftest import REPO, SHARED

TASK_FILES = SHARED / "data" / "natural_instructions_v2" / "tasks"
MIRROR = SHARED / "mirror.yaml"
Row = dict[str, Any]


def run(*words: object) -> tuple[int, str, str]:
    """A command in this process: exit code, stdout, stderr."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["flancollect", *map(str, words)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Row]]:
    """What `build --json` printed, and the rows: a few of every task, of which most are short enough to read."""
    out = tmp_path_factory.mktemp("niv2") / "out"
    code, said, err = run(
        "build", "niv2", "--mirror", MIRROR, "--rows", 6000, "--out", out, "--workers", 1, "--json"
    )
    assert code == 0, err
    return json.loads(said), load_from_disk(str(out)).to_list()


@cache
def document(file: str) -> dict[str, Any]:
    return json.loads((TASK_FILES / file).read_bytes())


def one(value: Any) -> str:
    return (value[0] if isinstance(value, list) else value).strip()


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The file of every task."""
    return {
        name: task.card.source.files.rpartition("/")[2]
        for name, task in load_catalog().tasks.items()
        if task.card.submix == "niv2"
    }


@pytest.mark.shared
@pytest.mark.slow
def test_all_tasks_that_are_there_are_built_and_the_others_skipped_with_reasons(built, files) -> None:
    said, rows = built
    there = {name for name, file in files.items() if (TASK_FILES / file).is_file()}
    assert {row["task_name"] for row in rows} == there
    assert said["tasks"] == len(there) >= 180
    assert said["tasks"] + len(said["skipped"]) == said["planned_tasks"] == 1556
    assert all("source unavailable: not in mirror" in skip["reason"] for skip in said["skipped"])
    assert said["rows"] == 6000


@pytest.mark.shared
@pytest.mark.slow
def test_every_text_is_that_of_the_file(built, files) -> None:
    """Definition, input, exemplars and output stand in the prompt letter by letter."""
    for row in built[1]:
        made_of, source = row["provenance"], document(files[row["task_name"]])
        instance = source["Instances"][made_of["source_row"]]
        assert row["targets"] == one(instance["output"])
        for text in (instance["input"].strip(), one(source["Definition"])):
            assert text in row["inputs"], row["task_name"]
        pool = source["Positive Examples" if made_of["exemplar_source"] == "card" else "Instances"]
        for number in made_of["exemplars"]:
            assert one(pool[number]["input"]) in row["inputs"]
            assert one(pool[number]["output"]) in row["inputs"]
            assert one(pool[number]["input"]) != instance["input"].strip()
            assert made_of["exemplar_source"] == "card" or number != made_of["source_row"]
        if row["template_type"].startswith("fs_"):
            assert 1 <= len(set(made_of["exemplars"])) == len(made_of["exemplars"]) <= 5
            assert len(row["inputs"].encode()) <= 7600


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("right-to-left text", "[\u0590-\u06ff]{4}"),
        ("braces", r"[{}]"),
        ("quotes", r'"[^"]+"'),
        ("line breaks within an input", r"\n[^\n]+\n[^\n]+\n"),
        ("backslashes", r"\\"),
        ("an ampersand or angle bracket", "[&<>]"),
    ],
)
def test_odd_characters_are_among_them(built, files, what, pattern) -> None:
    """The test above compares texts; this one says that there is something to compare."""
    found = (
        row
        for row in built[1]
        for source in [document(files[row["task_name"]])["Instances"][row["provenance"]["source_row"]]]
        if re.search(pattern, source["input"] + one(source["output"]))
    )
    assert next(found, None) is not None, what


@pytest.mark.shared
@pytest.mark.slow
def test_strict_refuses_what_a_mirror_lacks(tmp_path: Path) -> None:
    code, said, err = run("build", "niv2", "--mirror", MIRROR, "--out", tmp_path / "out", "--strict")
    assert (code, said) == (4, "")
    assert "task001_quoref_question_generation: " in err
    assert "source unavailable" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rows", [1, 1557, 100_000, 10_000_000])
def test_planned_quotas_add_up_and_respect_the_cap(rows: int) -> None:
    code, said, err = run("plan", "niv2", "--rows", rows, "--json")
    assert code == 0, err
    plan = json.loads(said)
    total = sum(task["quota"] for task in plan["tasks"])
    assert total == plan["rows"] == min(rows, sum(task["capacity"] for task in plan["tasks"]))
    assert all(task["quota"] <= min(task["capacity"], 5000) for task in plan["tasks"])
    assert len(plan["tasks"]) + len(plan["skipped"]) == 1556


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A proxy on this machine that refuses every connection: the network as it is when there is none."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.mark.slow
def test_without_network_and_mirror_every_task_is_skipped_soon(tmp_path: Path, nowhere: str) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(REPO)}
    proxies = {"http_proxy": nowhere, "https_proxy": nowhere, "all_proxy": nowhere}
    words = [sys.executable, "-m", "flancollect", "build", "niv2", "--out", str(tmp_path / "out")]
    started = time.monotonic()
    ran = subprocess.run(
        words, env=env | proxies, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
    )
    assert time.monotonic() - started < 120
    assert ran.returncode == 4, ran.stderr
    told = [line for line in ran.stderr.splitlines() if "source unavailable: raw.githubusercontent" in line]
    assert len(told) == 20
    assert ran.stderr.splitlines()[-1] == "... and 1536 more tasks"
    assert not (tmp_path / "out").exists()
