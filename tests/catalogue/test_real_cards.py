"""The cards of real collections: named as Flan 2022 names them, and true to real rows of their sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.splits import parse_split
from flancollect.errors import SourceError
from flancollect.render.normalise import document_exemplars, normalise
from flancollect.sources.mirror import load_mirror
from flancollect.sources.reshape import open_shaped
from flancollect.sources.table import SourceAccess

SHARED = Path(__file__).resolve().parents[3] / "shared"
SUBMIXES = ("flan2021", "dialog", "program", "cot", "niv2")
ROWS_LOOKED_AT = 20
FAIR_REASONS = {"unlabelled", "where"}
"""Rows that a card leaves out on purpose; everything else dropped is a mistake of the card."""

DEFECTS = {"task924_event2mind_word_generation": {"empty answer"}}
"""Rows that are broken at the source."""

NOT_SAMPLED = {("qrecc", "test"), ("wiki_dialog", "validation")}
"""Splits that the folder of real rows has nothing of."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def access(tmp_path: Path) -> SourceAccess:
    return SourceAccess(mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=tmp_path)


def _tasks(catalog: Catalog, submix: str) -> list[Task]:
    return [task for task in catalog.tasks.values() if task.card.submix == submix]


@pytest.mark.parametrize("submix", SUBMIXES)
def test_families_have_ten_templates_for_every_forward_variant(catalog: Catalog, submix: str) -> None:
    for task in _tasks(catalog, submix):
        family = task.family
        forward = [w for w in family.templates if w.direction == "forward"]
        assert len(forward) >= 10, family.name
        texts = [(w.intro, w.input, w.target) for w in family.templates]
        assert len(set(texts)) == len(texts), family.name
        if family.options != "none":
            assert sum(w.options != "never" for w in forward) >= 5, family.name
            assert sum(w.options != "required" for w in forward) >= 5, family.name


@pytest.mark.parametrize("submix", SUBMIXES)
def test_cards_are_complete_enough_to_plan_with(catalog: Catalog, submix: str) -> None:
    for task in _tasks(catalog, submix):
        assert task.card.rows or task.card.reason, task.card.task
        assert task.card.languages, task.card.task
        assert task.card.cluster, task.card.task
        assert task.card.citation, task.card.task


@pytest.mark.shared
@pytest.mark.parametrize("submix", SUBMIXES)
def test_every_expression_holds_on_real_rows(catalog: Catalog, access: SourceAccess, submix: str) -> None:
    seen, wrong = 0, []
    for task in (task for task in _tasks(catalog, submix) if task.card.reason is None):
        for split, usable, dropped in _looked_at(task, access):
            seen += 1
            unfair = set(dropped) - FAIR_REASONS - DEFECTS.get(task.card.task, set())
            if unfair or not usable:
                wrong.append(f"{task.card.task} {split}: {usable} usable, {dict(dropped)}")
    assert not wrong, "\n".join(wrong)
    assert seen >= {"flan2021": 100, "dialog": 5, "program": 0, "cot": 8, "niv2": 150}[submix]


def _looked_at(task: Task, access: SourceAccess) -> Iterator[tuple[str, int, Counter[str]]]:
    """For each split in the mirror: its name, usable rows among the first, and reasons of the others."""
    for split, text in task.card.splits.items():
        dropped: Counter[str] = Counter()
        try:
            table = open_shaped(task.source, parse_split(text).name, access, None)
        except SourceError as error:
            if "source unavailable" not in str(error) and (task.card.task, split) not in NOT_SAMPLED:
                raise
            continue
        ids = np.arange(min(ROWS_LOOKED_AT, table.rows))
        rows = table.take(ids, table.schema.names).rows()
        usable = normalise(task.in_split(split), ids.tolist(), rows, table.doc, dropped)
        if task.card.exemplars is not None:
            usable = usable if document_exemplars(task, table.doc, dropped) else []
        yield split, len(usable), dropped


def test_sensemaking_sentences_are_cut_out_of_the_question(catalog: Catalog) -> None:
    task = catalog.tasks["cot_sensemaking"]
    options = '- Sentence A: "He ate "soup"."\\n- Sentence B: "He ate a roof."\\n'
    row = {
        "question": f"Which one is odd?\\nOptions:\\n{options}",
        "answer": "Sentence B",
        "explanation": "Roofs are\\nno food.",
    }
    (usable,) = normalise(task, [0], [row], {}, Counter())
    assert usable.fields["sentence_a"] == 'He ate "soup".'
    assert usable.fields["sentence_b"] == "He ate a roof."
    assert usable.fields["chain"] == "Roofs are\nno food."
    assert usable.answer == "Sentence B"


def test_aqua_options_lose_their_letters(catalog: Catalog) -> None:
    task = catalog.tasks["stream_aqua"]
    question = "What is P(B) times 2?\\nOptions:\\n(A) 1\\n(B) 2 or\\n(C) 3\\n(D) 4\\n(E) 5"
    row = {"question": question, "answer": "(B)", "explanation": "Twice one."}
    (usable,) = normalise(task, [0], [row], {}, Counter())
    assert usable.fields["question"] == "What is P(B) times 2?"
    assert usable.options == ("1", "2 or", "3", "4", "5")
    assert usable.answer == "2 or"


def test_creak_claims_are_what_the_question_quotes(catalog: Catalog) -> None:
    task = catalog.tasks["cot_creak"]
    question = 'Is it true?\\n"Owls say "hoo"."\\nOptions:\\n- yes\\n- no'
    row = {"question": question, "answer": "yes", "explanation": "They do."}
    (usable,) = normalise(task, [0], [row], {}, Counter())
    assert (usable.fields["claim"], usable.answer) == ('Owls say "hoo".', "yes")


def test_science_options_lose_their_letters(catalog: Catalog) -> None:
    task = catalog.tasks["unified_qa_science_inst"]
    row = {"input": "Which melts first? \\n (A) ice (B) iron ore (C) a rock (D) salt", "output": "iron ore"}
    (usable,) = normalise(task, [0], [row], {}, Counter())
    assert usable.fields["question"] == "Which melts first?"
    assert usable.options == ("ice", "iron ore", "a rock", "salt")
    assert usable.answer == "iron ore"


def test_the_first_python_3_solution_is_the_answer(catalog: Catalog) -> None:
    task = catalog.tasks["dmcc_python"]
    solutions = {"language": [2, 3, 3], "solution": ["int main", "print(1)\n", "print(2)"]}
    dropped: Counter[str] = Counter()
    rows = [
        {"description": " Print 1. ", "solutions": solutions},
        {"description": "Print 2.", "solutions": {"language": [2], "solution": ["int main"]}},
    ]
    (usable,) = normalise(task, [0, 1], rows, {}, dropped)
    assert (usable.fields["problem"], usable.answer) == ("Print 1.", "print(1)")
    assert dropped == {"where": 1}
