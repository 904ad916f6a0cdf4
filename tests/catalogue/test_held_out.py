"""Nothing of MMLU, BBH, TyDiQA or MGSM is in a training mixture: by name, and by text against real rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.columns import columns_read
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.select import Select, select
from flancollect.cards.splits import parse_split
from flancollect.errors import SourceError
from flancollect.planning.recipe import make_recipe
from flancollect.planning.request import BuildRequest
from flancollect.planning.selection import select_tasks
from flancollect.render.normalise import Row, normalise
from flancollect.sources.mirror import load_mirror
from flancollect.sources.published import without_published
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess
from tests.catalogs import write

SHARED = Path(__file__).resolve().parents[3] / "shared"
HELD_OUT = ["mmlu", "bbh", "tydiqa", "mgsm"]
COLLECTION = ["flan2021", "dialog", "program", "t0", "cot", "niv2"]
SHORTEST = 8
"""Questions of fewer words are found everywhere and prove nothing."""

Words = tuple[str, ...]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def training(catalog: Catalog) -> Iterator[tuple[str, set[str]]]:
    """Mixtures that train on any of the collection, with their tasks."""
    for name, written in catalog.mixtures.items():
        parts = written.card.parts.items()
        chosen = {
            task
            for part_name, part in parts
            for task in select(catalog.tasks.values(), part.select or Select(submix=[part_name]))
        }
        if any(catalog.tasks[task].card.submix in COLLECTION for task in chosen):
            yield name, chosen


def test_every_mixture_of_the_collection_holds_the_four_benchmarks_out(catalog: Catalog) -> None:
    seen = 0
    for name, chosen in training(catalog):
        seen += 1
        assert set(HELD_OUT) <= set(catalog.mixtures[name].card.hold_out), name
        assert not {catalog.tasks[task].card.submix for task in chosen} & set(HELD_OUT), name
    assert seen >= 11


def test_the_57_tasks_of_mmlu_inside_natural_instructions_are_no_tasks_here(catalog: Catalog) -> None:
    numbers = [*range(664, 668), *range(685, 738)]
    assert len(numbers) == 57
    mmlu = [name for name in catalog.tasks if re.match(r"task0*(\d+)_", name) and "_mmmlu_" in name]
    assert not mmlu
    for number in numbers:
        assert not [name for name in catalog.tasks if fnmatch(name, f"task{number}_mmmlu_*")]


def test_tasks_made_from_a_benchmark_are_hold_out_wherever_they_come_from(tmp_path: Path) -> None:
    card = """
        task: task690_mmmlu_answer_generation_college_medicine
        submix: niv2
        source: {files: rows.csv, format: csv}
        splits: {train: train}
        family: closed_book_qa
        fields: {question: question}
        answer: {text: answer}
        license: mit
        languages: en
        cluster: question answering
    """
    folder = write(tmp_path, {"card.yaml": card, "rows.csv": "question,answer\nWhy?,So\n"})
    catalog = load_catalog([folder])
    selection = select_tasks(catalog, make_recipe(catalog, BuildRequest("flan2022")))
    found = {skip.task: skip.reason for skip in selection.skipped if skip.kind == "hold_out"}
    assert found == {"task690_mmmlu_answer_generation_college_medicine": "held out for the benchmark mmlu"}


# --- by text -----------------------------------------------------------------------------------------------


def words(text: str) -> Words:
    return tuple(re.findall(r"\w+", text.lower()))


class Questions:
    """Held-out questions, found by their first words wherever a text holds one whole."""

    def __init__(self, questions: Iterable[str]) -> None:
        self.by_head: dict[Words, list[Words]] = {}
        for question in set(map(words, questions)):
            if len(question) >= SHORTEST:
                self.by_head.setdefault(question[:SHORTEST], []).append(question)

    def __len__(self) -> int:
        return sum(map(len, self.by_head.values()))

    def found_in(self, text: str) -> str | None:
        said = words(text)
        for at, head in enumerate(zip(*(said[i:] for i in range(SHORTEST)), strict=False)):
            for question in self.by_head.get(head, ()):
                if said[at : at + len(question)] == question:
                    return " ".join(question)
        return None


def rows(task: Task, split: str, access: SourceAccess) -> list[Row]:
    task, slice_ = without_published(task), parse_split(split)
    table = open_shaped(task.source, slice_.name, access, None)
    ids = np.arange(*slice_.bounds(table.rows))
    taken = table.take(ids, columns_read(task.card, table.schema.names)).rows()
    return normalise(task, ids.tolist(), taken, table.doc, Counter())


def texts(fields: Mapping[str, Any], answer: str) -> Iterator[str]:
    for value in [*fields.values(), answer]:
        yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str))


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> SourceAccess:
    cache = tmp_path_factory.mktemp("cache")
    return SourceAccess(mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=cache)


@pytest.fixture(scope="module")
def questions(catalog: Catalog, access: SourceAccess) -> Questions:
    asked: list[str] = []
    for task in catalog.tasks.values():
        if task.card.submix in HELD_OUT and "_cot_" not in task.card.task:
            for name in ("test", "validation"):
                if name in task.card.splits:
                    asked += [
                        str(row.fields["question"]) for row in rows(task, task.card.splits[name], access)
                    ]
    return Questions(asked)


@pytest.mark.shared
def test_no_training_row_holds_a_question_of_a_benchmark(
    catalog: Catalog, access: SourceAccess, questions: Questions
) -> None:
    assert len(questions) > 10_000
    seen: list[str] = []
    leaks: list[str] = []
    for task in catalog.tasks.values():
        if task.card.submix not in COLLECTION or task.card.reason is not None:
            continue
        try:
            training_rows = rows(task, task.card.splits["train"], access)
        except SourceError:
            continue
        seen.append(task.card.task)
        for row in training_rows:
            found = next(filter(None, map(questions.found_in, texts(row.fields, row.answer))), None)
            leaks += [f"{task.card.task} row {row.id}: {found[:100]}"] if found else []
    assert len(seen) > 450
    assert not leaks, "\n".join(leaks)


@pytest.mark.shared
def test_the_search_finds_mmlu_where_it_is(questions: Questions) -> None:
    files = sorted((SHARED / "data" / "natural_instructions_v2" / "tasks").glob("*_mmmlu_*.json"))
    assert files
    found = [_finds(questions, json.loads(file.read_text(encoding="utf-8"))["Instances"]) for file in files]
    assert sum(found) > 50


def _finds(questions: Questions, instances: Sequence[Mapping[str, Any]]) -> int:
    return sum(questions.found_in(instance["input"]) is not None for instance in instances)
