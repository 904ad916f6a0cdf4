"""Prompts of benchmarks are those that lm-evaluation-harness makes of the same rows, wherever it asks as published.

lm_eval formats them itself: only its datasets are read from files on this disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

import flancollect as fc
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

lm_eval_task = pytest.importorskip(
    "lm_eval.api.task", reason="lm_eval is not installed: pip install torch==2.13.0 lm_eval==0.4.13"
)
lm_eval_tasks = pytest.importorskip("lm_eval.tasks")
SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = [pytest.mark.shared, pytest.mark.slow]

Prompts = dict[str, dict[int, str]]
"""By task the prompts of its rows."""

# Benchmark: shots, the names of its tasks here and there, and the folder of the rows.
BENCHMARKS = {
    "mmlu-test": (5, "mmlu_", "mmlu_{}", "cais/mmlu/{}"),
    "bbh": (3, "bbh_", "bbh_fewshot_{}", "lukaemon/bbh/{}"),
    "bbh-cot": (3, "bbh_cot_", "bbh_cot_fewshot_{}", "lukaemon/bbh/{}"),
    "mgsm-cot": (8, "mgsm_cot_", "mgsm_native_cot_{}", "juletxara/mgsm/{}"),
}
# Where the two differ, lm_eval is not as published.
DIFFERENT = {
    # The prompt file has a blank after "step by step.", lm_eval a line break, as in the other 26.
    "bbh-cot": {"sports_understanding"},
    # lm_eval types the words before a solution: another colon (ja, zh) or no blank (ru) than in the exemplars, of
    # which it then cuts off one letter too many or too few.
    "mgsm-cot": {"ja", "ru", "zh"},
}


@cache
def lm_eval_index() -> Any:
    """Its tasks by name; to read their YAML takes seconds."""
    return lm_eval_tasks.TaskManager()._index


def theirs(benchmark: str, subject: str) -> dict[int, str]:
    """What lm_eval asks of every row of the test split."""
    shots, _, name, folder = BENCHMARKS[benchmark]
    paths = sorted((SHARED / "hub" / folder.format(subject)).glob("*.parquet"))
    files = {path.stem: str(path) for path in paths}
    config = dict(lm_eval_index()[name.format(subject)].cfg)
    config["custom_dataset"] = lambda **_: load_dataset("parquet", data_files=files)
    # Of MGSM it draws exemplars; the paper's prompts show all eight in their order.
    config.setdefault("fewshot_config", {"sampler": "first_n"})
    task = lm_eval_task.ConfigurableTask(config=config)
    return {number: task.fewshot_context(doc, shots) for number, doc in enumerate(task.test_docs())}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Prompts]:
    """What we ask, of a benchmark that is built once."""
    folder = tmp_path_factory.mktemp("benchmarks")

    @cache
    def prompts_of(benchmark: str) -> Prompts:
        access = SourceAccess(
            mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=folder / "cache"
        )
        # Of 12 subtasks of BBH the prompt file is not there.
        options = fc.BuildOptions(allow_incomplete=True)
        fc.build(fc.BuildRequest(benchmark, access=access), folder / benchmark, options)
        prompts: Prompts = {}
        for question in fc.questions(folder / benchmark):
            task, _, number = question.id.split("/")
            prompts.setdefault(task.removeprefix(BENCHMARKS[benchmark][1]), {})[int(number)] = question.prompt
        return prompts

    return prompts_of


@pytest.mark.parametrize(
    ("benchmark", "subjects"), [("mmlu-test", 57), ("bbh", 15), ("bbh-cot", 15), ("mgsm-cot", 10)]
)
def test_every_prompt_is_the_one_that_lm_eval_makes(
    ours: Callable[[str], Prompts], benchmark: str, subjects: int
) -> None:
    prompts = ours(benchmark)
    assert len(prompts) == subjects
    different = {subject for subject, rows in prompts.items() if rows != theirs(benchmark, subject)}
    assert different == DIFFERENT.get(benchmark, set())


@pytest.mark.parametrize("subject", sorted(DIFFERENT["mgsm-cot"]))
def test_where_lm_eval_differs_its_exemplars_are_not_the_published_ones(
    ours: Callable[[str], Prompts], subject: str
) -> None:
    rows = load_dataset("parquet", data_files=str(SHARED / f"hub/juletxara/mgsm/{subject}/train.parquet"))[
        "train"
    ]
    published = "\n\n".join(f"{row['question']}\n{row['answer']}" for row in rows)
    assert all(prompt.startswith(f"{published}\n\n") for prompt in ours("mgsm-cot")[subject].values())
    assert not any(prompt.startswith(f"{published}\n\n") for prompt in theirs("mgsm-cot", subject).values())


def test_the_prompt_file_of_sports_understanding_has_a_blank_there(ours: Callable[[str], Prompts]) -> None:
    file = SHARED / "data" / "bbh" / "cot-prompts" / "sports_understanding.txt"
    published = file.read_text(encoding="utf-8").split("-----\n")[1].strip()
    assert all(prompt.startswith(published) for prompt in ours("bbh-cot")["sports_understanding"].values())
