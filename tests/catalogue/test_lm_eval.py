"""Prompts of benchmarks are those that lm-evaluation-harness makes of the same rows, wherever it asks as published.

Where it does not, how the two differ is told here, and in task_cards/benchmarks/README.md. lm_eval formats its prompts
itself: only its datasets are read from files on this disk.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

import flancollect as fc
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

lm_eval_task = pytest.importorskip(
    "lm_eval.api.task", reason="lm_eval is not installed: pip install -c constraints.txt -e '.[dev,lmeval]'"
)
lm_eval_tasks = pytest.importorskip("lm_eval.tasks")
lm_eval_tydiqa = pytest.importorskip("lm_eval.tasks.tydiqa.utils")
SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = [pytest.mark.shared, pytest.mark.slow]

Prompts = dict[str, dict[int, str]]
"""By task the prompts of its rows."""

# Of benchmarks that both ask as published: shots, lm_eval's name of a task, and the folder of its rows.
BENCHMARKS = {
    "mmlu-test": (5, "mmlu_{}", "cais/mmlu/{}"),
    "bbh": (3, "bbh_fewshot_{}", "lukaemon/bbh/{}"),
    "bbh-cot": (3, "bbh_cot_fewshot_{}", "lukaemon/bbh/{}"),
    "mgsm-cot": (8, "mgsm_native_cot_{}", "juletxara/mgsm/{}"),
}
PREFIX = re.compile("(mmlu|bbh|mgsm|tydiqa)_(cot_)?")
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
    shots, name, folder = BENCHMARKS[benchmark]
    return contexts(name.format(subject), folder.format(subject), shots)


def contexts(
    name: str, folder: str, shots: int, *, rows: int | None = None, **settings: object
) -> dict[int, str]:
    """The prompts of a task of lm_eval, with at most so many exemplars, over the (first) rows of a folder."""
    files = {path.stem: str(path) for path in sorted((SHARED / "hub" / folder).glob("*.parquet"))}
    config = {**lm_eval_index()[name].cfg, **settings}
    config["custom_dataset"] = lambda **_: load_dataset("parquet", data_files=files)
    # Of MGSM it draws exemplars; the paper's prompts show all eight in their order.
    config.setdefault("fewshot_config", {"sampler": "first_n"})
    shots = min(shots, len(config["fewshot_config"].get("samples", shots * [""])))
    task = lm_eval_task.ConfigurableTask(config=config)
    docs = task.test_docs() if task.has_test_docs() else task.validation_docs()
    return {number: task.fewshot_context(doc, shots) for number, doc in enumerate(islice(docs, rows))}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Prompts]:
    """What we ask, by subject and row, of a benchmark that is built once."""
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
            prompts.setdefault(PREFIX.sub("", task), {})[int(number)] = question.prompt
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


# Of lm_eval's exemplars some have blank lines behind them or other white space, and some have the word "question" where
# the published ones, and those of its own MMLU, have "input".
OTHER_BLANKS = {
    *("anatomy", "business_ethics", "college_chemistry", "college_mathematics", "conceptual_physics"),
    *("formal_logic", "high_school_chemistry", "professional_law"),
}
OTHER_WORDS = {"computer_security", "electrical_engineering", "machine_learning"}


def test_mmlu_step_by_step_has_the_blank_line_below_its_head_that_lm_eval_lacks(
    ours: Callable[[str], Prompts],
) -> None:
    other_words, other_blanks = set(), set()
    for subject, rows in ours("mmlu-test-cot").items():
        asked = contexts(f"mmlu_flan_cot_fewshot_{subject}", f"cais/mmlu/{subject}", 5, rows=1)[0]
        asked = asked.replace(".Q: ", ".\n\nQ: ", 1)
        if asked.split() != rows[0].split():
            other_words.add(subject)
            assert asked.replace("question", "input").split() == rows[0].replace("question", "input").split()
        elif asked != rows[0]:
            other_blanks.add(subject)
    assert (other_words, other_blanks) == (OTHER_WORDS, OTHER_BLANKS)


# In the other seven languages lm_eval asks for the "Answer:" in English.
@pytest.mark.parametrize(("language", "cue"), [("de", "Antwort:"), ("es", "Respuesta:"), ("fr", "Réponse :")])
def test_mgsm_has_a_blank_before_a_number_that_lm_eval_lacks(
    ours: Callable[[str], Prompts], language: str, cue: str
) -> None:
    asked = contexts(f"mgsm_direct_{language}", f"juletxara/mgsm/{language}", 8)
    for number, prompt in ours("mgsm")[language].items():
        assert prompt.replace(f"{cue} ", cue) == asked[number]


def test_tydiqa_asks_the_same_of_the_same_passages_in_other_words(ours: Callable[[str], Prompts]) -> None:
    prompts = ours("tydiqa-en")["en"].values()
    of_language = {"process_docs": lm_eval_tydiqa.process_docs_en, "process_results": None}
    folder = "google-research-datasets/tydiqa/secondary_task"
    asked = contexts("tydiqa_goldp_en", folder, 0, **of_language).values()
    ends = Counter()
    for text in asked:
        passage, question = (
            text.removeprefix("Context: ").removesuffix("\n\nAnswer:").rsplit("\n\nQuestion: ", 1)
        )
        ends[f"\n\n{passage.strip()}\n\nQ: {question.strip()}\nA:"] += 1
    assert len(prompts) == ends.total() == 440
    for end, count in ends.items():
        assert sum(prompt.endswith(end) for prompt in prompts) == count
