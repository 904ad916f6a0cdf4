import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from flancollect.artifacts import SourceLock
from flancollect.cards.source_card import HubSource
from flancollect.errors import SourceError
from flancollect.sources import describe, open_table
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess
from tests.hub import Fault, Hub, repo_of, serving

REPO = Path(__file__).resolve().parents[2]
OLD, NEW, SCRIPT, LINES = "a" * 40, "b" * 40, "c" * 40, "d" * 40
GROUPS, GROUP_ROWS = 8, 1000
README = b"""---
configs:
- config_name: rte
  data_files:
  - {split: train, path: rte/train-*.parquet}
  - {split: validation, path: rte/validation.parquet}
- config_name: mnli
  data_files: [{split: train, path: mnli/train.parquet}]
---
"""


def _parquet(first: int, rows: int, word: str = "row") -> bytes:
    ids = range(first, first + rows)
    noise = np.random.default_rng(first).integers(0, 2**62, rows)  # keeps the pages from compressing
    table = pa.table({"text": [f"{word} {i}" for i in ids], "label": [i % 2 for i in ids], "noise": noise})
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=GROUP_ROWS)
    return out.getvalue()


def _files(word: str) -> dict[str, bytes]:
    rows = GROUPS * GROUP_ROWS
    return {
        "README.md": README,
        "rte/train-00000-of-00002.parquet": _parquet(0, rows, word),
        "rte/train-00001-of-00002.parquet": _parquet(rows, 500, word),
        "rte/validation.parquet": _parquet(0, 10, word),
        "mnli/train.parquet": _parquet(0, 5, word),
    }


@pytest.fixture(scope="module")
def hub():
    repos = {
        "org/pairs": {OLD: _files("old"), NEW: _files("new")},
        "org/gated": {OLD: _files("old")},
        "org/scripted": {SCRIPT: {"README.md": b"", "scripted.py": b"raise SystemExit", "a.csv": b"x\n1\n"}},
        "org/lines": {LINES: {"train.jsonl": b'{"a": "x"}\n{"a": "y"}\n', "README.md": b"# plain\n"}},
        "org/cut": {LINES: {"data/train-00001-of-00002.parquet": _parquet(0, 5), "README.md": b"# cut\n"}},
        "org/nothing": {LINES: {"README.md": b"# nothing here\n"}},
    }
    known = {name: repo_of(name, commits, gated=name == "org/gated") for name, commits in repos.items()}
    with serving(Hub(repos=known)) as running:
        yield running


def _ask(endpoint: str, cache: Path, *asks: dict, folder: Path = REPO) -> list:
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPO),
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": "hf_secretsecret",
        "HF_HOME": str(cache / "home"),
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.sources.hub_probe", str(cache)],
        input=json.dumps(asks), capture_output=True, text=True, timeout=120, env=environment, check=False,
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "hf_secretsecret" not in done.stdout + done.stderr
    return json.loads(done.stdout)


PAIRS = {"hub": "org/pairs", "config": "rte"}


@pytest.fixture(scope="module")
def answers(hub, tmp_path_factory):
    """What a process says of a working Hub, and how many bytes each ask took, by name."""
    open_ = {"do": "open", "split": "train", "ids": [0], "columns": ["text"]}
    locked = {"revision": OLD, "splits": {}}
    asks = {
        "described": {"do": "describe", **PAIRS},
        "one row": {**open_, **PAIRS, "ids": [2500]},
        "two files": {**open_, **PAIRS, "ids": [1, 8499], "columns": ["label", "text"]},
        "pinned": {**open_, **PAIRS, "lock": locked},
        "by commit": {**open_, **PAIRS, "revision": OLD},
        "no split": {**open_, **PAIRS, "split": "trian"},
        "no config": {**open_, "hub": "org/pairs", "config": "rtee"},
        "no column": {**open_, **PAIRS, "columns": ["texts"]},
        "no revision": {**open_, **PAIRS, "revision": "v9"},
        "no dataset": {**open_, "hub": "org/none"},
        "gated": {**open_, "hub": "org/gated", "config": "rte"},
        "script": {**open_, "hub": "org/scripted"},
        "jsonl": {**open_, "hub": "org/lines", "ids": [1], "columns": ["a"]},
        "jsonl described": {"do": "describe", "hub": "org/lines"},
        "cut": {**open_, "hub": "org/cut"},
        "no data": {**open_, "hub": "org/nothing"},
    }
    cache = tmp_path_factory.mktemp("cache")
    return dict(zip(asks, _ask(hub.endpoint, cache, *asks.values()), strict=True))


def test_describe_pins_the_commit_and_counts_rows_from_footers(answers):
    described = answers["described"]
    assert described["revision"] == NEW
    assert {split: lock["rows"] for split, lock in described["splits"].items()} == {
        "train": GROUPS * GROUP_ROWS + 500,
        "validation": 10,
    }
    assert described["splits"]["train"]["columns"] == {"text": "string", "label": "int64", "noise": "int64"}


def test_rows_come_in_order_from_several_files(answers):
    assert answers["two files"] == {
        "rows": GROUPS * GROUP_ROWS + 500,
        "columns": ["text", "label", "noise"],
        "taken": [{"label": 1, "text": "new 1"}, {"label": 1, "text": "new 8499"}],
    }


def test_a_locked_commit_is_read_although_main_moved_on(answers):
    assert answers["pinned"]["taken"] == [{"text": "old 0"}]
    assert answers["by commit"]["taken"] == [{"text": "old 0"}]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ("no split", 'org/pairs (rte): no split "trian". Splits: train, validation. Did you mean "train"?'),
        ("no config", 'org/pairs: no config "rtee". Configs: rte, mnli. Did you mean "rte"?'),
        ("no column", 'no column "texts". Columns: text, label, noise. Did you mean "text"?'),
        ("no revision", 'org/pairs (rte): no revision "v9" on the Hub'),
        ("no dataset", "org/none (default): no such dataset on the Hub, or it is private"),
        ("gated", "org/gated (rte): access is gated"),
        ("script", "`revision: refs/convert/parquet`"),
        ("cut", 'org/cut (default), split "train": 1 of 2 files are missing: train-00000-of-00002'),
        ("no data", "org/nothing (default): no data files at commit dddddddddddd"),
    ],
)
def test_errors_say_what_exists_and_what_to_do(answers, ask, message):
    assert message in answers[ask]["error"]


def test_other_formats_are_prepared_by_datasets(answers):
    assert answers["jsonl"] == {"rows": 2, "columns": ["a"], "taken": [{"a": "y"}]}
    assert answers["jsonl described"]["splits"]["train"] == {"rows": 2, "columns": {"a": "string"}}


def test_the_token_goes_to_the_hub_and_nowhere_else(hub, answers):
    assert "Bearer hf_secretsecret" in hub.tokens


def test_only_the_row_groups_and_columns_asked_for_are_fetched(hub, tmp_path):
    shard = "rte/train-00000-of-00002.parquet"
    open_ = {"do": "open", **PAIRS, "split": "train", "columns": ["text"]}
    hub.log.clear()
    _ask(hub.endpoint, tmp_path / "a", {**open_, "ids": []})
    footers = hub.sent(shard)
    hub.log.clear()
    _ask(hub.endpoint, tmp_path / "b", {**open_, "ids": [2500, 2501]})
    one_group = hub.sent(shard) - footers
    hub.log.clear()
    _ask(hub.endpoint, tmp_path / "c", {**open_, "ids": list(range(0, GROUPS * GROUP_ROWS, GROUP_ROWS))})
    all_groups = hub.sent(shard) - footers
    whole = len(hub.repos["org/pairs"].files(NEW)[shard])
    metadata = pq.read_metadata(io.BytesIO(hub.repos["org/pairs"].files(NEW)[shard]))
    column = metadata.row_group(2).column(0).total_compressed_size
    assert one_group == column
    assert all_groups < whole / 2
    assert one_group * GROUPS == pytest.approx(all_groups, rel=0.1)


def test_a_passing_failure_of_the_hub_is_retried(tmp_path):
    faults = [Fault(status=503, path="revision/main", times=1), Fault(status=500, path="/cdn/", times=1)]
    with serving(Hub(repos={"org/pairs": repo_of("org/pairs", {NEW: _files("new")})}, faults=faults)) as hub:
        ask = {"do": "open", **PAIRS, "split": "train", "ids": [0], "columns": ["text"]}
        assert _ask(hub.endpoint, tmp_path, ask)[0]["taken"] == [{"text": "new 0"}]
        assert sorted(asked.status for asked in hub.log if asked.status >= 500) == [500, 503]


def test_a_folder_here_of_the_same_name_is_not_taken_for_the_dataset(hub, tmp_path):
    (tmp_path / "org" / "lines").mkdir(parents=True)
    (tmp_path / "org" / "lines" / "train.csv").write_text("a\nlocal\n")
    ask = {"do": "open", "hub": "org/lines", "split": "train", "ids": [0], "columns": ["a"]}
    answers = _ask(hub.endpoint, tmp_path / "cache", ask, folder=tmp_path)
    assert answers == [{"rows": 2, "columns": ["a"], "taken": [{"a": "x"}]}]


def test_a_dead_hub_fails_fast_for_all_datasets_after_two_attempts(tmp_path):
    asks = [{"do": "describe", "hub": f"org/set{i}"} for i in range(200)]
    began = time.monotonic()
    answers = _ask("http://127.0.0.1:9", tmp_path, *asks)
    assert time.monotonic() - began < 30
    assert {answer["error"].partition(": ")[2] for answer in answers} == {
        "source unavailable: 127.0.0.1:9 cannot be reached ([Errno 111] Connection refused)"
    }


@pytest.mark.parametrize("switch", ["access", "environment"])
def test_without_a_network_the_hub_is_not_tried(tmp_path, monkeypatch, switch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", switch == "environment")  # read at its import
    access = SourceAccess(cache=tmp_path, offline=switch == "access")
    with pytest.raises(SourceError, match="the network is switched off"):
        describe(HubSource(hub="org/pairs"), tmp_path, access)


def test_a_known_commit_needs_no_network(tmp_path):
    known = SourceLock(revision=OLD, splits={})
    assert describe(HubSource(hub="org/pairs"), tmp_path, SourceAccess(offline=True), known) is known


def test_a_lock_of_another_kind_of_revision_does_not_hold_for_the_mirror(tmp_path, mirrored):
    lock = SourceLock(revision=OLD, splits={})
    with pytest.raises(SourceError, match=r"changed since it was locked .*run `flancollect lock`"):
        open_table(HubSource(hub="org/pairs"), "train", tmp_path, mirrored, lock)


@pytest.fixture
def mirrored(tmp_path):
    folder = tmp_path / "hub" / "org" / "pairs"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"a": ["x"]}), folder / "train.parquet")
    (tmp_path / "mirror.yaml").write_text("hub: [hub]\n")
    return SourceAccess(mirror=load_mirror(tmp_path / "mirror.yaml"), cache=tmp_path / "cache")
