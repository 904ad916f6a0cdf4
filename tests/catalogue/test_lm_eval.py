"""Prompts of benchmarks are those that lm-evaluation-harness makes of the same rows, wherever it asks as published.

lm_eval formats them itself: only its datasets are read from files on this disk. `pip install lm_eval==0.4.13`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flancollect as fc
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

lm_eval = pytest.importorskip("lm_eval", reason="lm_eval is not installed: pip install lm_eval==0.4.13 torch")
SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = [pytest.mark.shared, pytest.mark.slow]

SHOTS = {"mmlu-test": 5, "bbh": 3, "bbh-cot": 3, "mgsm-cot": 8}
NAMES = {
    "mmlu-test": "mmlu_{subject}",
    "bbh": "bbh_fewshot_{subject}",
    "bbh-cot": "bbh_cot_fewshot_{subject}",
    "mgsm-cot": "mgsm_native_cot_{subject}",
}
FOLDERS = {
    "mmlu-test": "cais/mmlu/{subject}",
    "bbh": "lukaemon/bbh/{subject}",
    "bbh-cot": "lukaemon/bbh/{subject}",
    "mgsm-cot": "juletxara/mgsm/{subject}",
}


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, dict[int, str]]]:
    """The prompts of a benchmark by subject and number of the row."""
    folder = tmp_path_factory.mktemp("benchmarks")

    def of(name: str) -> dict[str, dict[int, str]]:
        access = SourceAccess(
            mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=folder / "cache"
        )
        options = fc.BuildOptions(allow_incomplete=True)
        fc.build(fc.BuildRequest(name, access=access), folder / name, options)
        by_subject: dict[str, dict[int, str]] = {}
        for question in fc.questions(folder / name):
            subject, number = question.id.split("/")[0], int(question.id.rsplit("/", 1)[1])
            subject = (
                subject.removeprefix("mgsm_cot_")
                .removeprefix("mmlu_")
                .removeprefix("bbh_")
                .removeprefix("cot_")
            )
            by_subject.setdefault(subject, {})[number] = question.prompt
        return by_subject

    return of


def contexts(benchmark: str, subject: str) -> list[str]:
    """What lm_eval asks of every row of the test split."""
    from datasets import load_dataset
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks import TaskManager

    folder = SHARED / "hub" / FOLDERS[benchmark].format(subject=subject)
    files = {path.stem: str(path) for path in sorted(folder.glob("*.parquet"))}
    name = NAMES[benchmark].format(subject=subject)
    config: dict[str, Any] = dict(_manager(TaskManager)._index[name].cfg)
    config["custom_dataset"] = lambda **_: load_dataset("parquet", data_files=files)
    # Of MGSM it draws exemplars; the paper's prompts show all eight in their order.
    config.setdefault("fewshot_config", {"sampler": "first_n"})
    task = ConfigurableTask(config=config)
    return [task.fewshot_context(doc, SHOTS[benchmark]) for doc in task.test_docs()]


_MANAGERS: dict[str, Any] = {}


def _manager(kind: Any) -> Any:
    # It reads the YAML of some ten thousand tasks.
    if "one" not in _MANAGERS:
        _MANAGERS["one"] = kind()
    return _MANAGERS["one"]


def differing(benchmark: str, ours: dict[str, dict[int, str]]) -> dict[str, int]:
    """By subject in how many rows the two prompts differ."""
    counts = {}
    for subject, rows in ours.items():
        theirs = contexts(benchmark, subject)
        assert len(theirs) == len(rows), subject
        if count := sum(rows[number] != text for number, text in enumerate(theirs)):
            counts[subject] = count
    return counts


def test_mmlu_asks_as_lm_eval_does(prompts) -> None:
    ours = prompts("mmlu-test")
    print(json.dumps(differing("mmlu-test", ours)))
