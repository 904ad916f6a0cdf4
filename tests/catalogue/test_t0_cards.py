"""The T0-SF cards: named as P3 names them, true to real rows of their sources, in template of our own."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.family import Template
from flancollect.cards.splits import parse_split
from flancollect.errors import SourceError
from flancollect.render.examples import PLAIN_OPTIONS
from flancollect.render.normalise import Row, normalise
from flancollect.render.zero_shot import render_examples
from flancollect.sources import open_table
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared"
PROMPTSOURCE = os.environ.get("FLANCOLLECT_PROMPTSOURCE", "")
ROWS_LOOKED_AT = 20
SHINGLE_WORDS = 8

FAIR_REASONS = {"where"}
"""Rows that a card leaves out on purpose; everything else dropped is a mistake of the card."""

NONE_LEFT = {"microsoft/wiki_qa"}
"""Sources of whose first validation and test rows no pair may be a right one."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def tasks(catalog: Catalog) -> dict[str, Task]:
    return {name: task for name, task in catalog.tasks.items() if task.card.submix == "t0"}


@pytest.fixture
def access(tmp_path: Path) -> SourceAccess:
    return SourceAccess(mirror=load_mirror(SHARED / "mirror.yaml"), offline=True, cache=tmp_path)


def _table() -> dict[str, dict[str, str]]:
    with (SHARED / "flan2022" / "t0sf.csv").open(encoding="utf-8", newline="") as lines:
        return {row["p3_task"]: row for row in csv.DictReader(lines)}


def _template(task: Task) -> Template:
    """The one template that makes the task."""
    (name,) = task.card.templates or ()
    return next(w for w in task.family.templates if (w.direction, w.name) == ("forward", name))


def test_tasks_are_the_193_of_t0_sf(tasks: dict[str, Task]) -> None:
    assert sorted(tasks) == (HERE / "t0_names.txt").read_text(encoding="utf-8").split()


def test_every_forward_template_makes_a_task(tasks: dict[str, Task], catalog: Catalog) -> None:
    families = {task.family.name for task in tasks.values()}
    forward = {w.id for n in families for w in catalog.families[n].templates if w.direction == "forward"}
    assert {_template(task).id for task in tasks.values()} == forward


def test_templates_differ_from_each_other(tasks: dict[str, Task]) -> None:
    templates = {w.id: w for task in tasks.values() for w in task.family.templates}
    texts = Counter((w.input, w.target) for w in templates.values())
    assert max(texts.values()) == 1


def test_cards_are_complete_enough_to_plan_with(tasks: dict[str, Task]) -> None:
    for name, task in tasks.items():
        card = task.card
        assert all((card.rows, card.cluster, card.citation)), name
        assert card.languages == ["en"], name


@pytest.mark.shared
def test_names_rows_clusters_and_options_are_those_of_the_table(tasks: dict[str, Task]) -> None:
    table = _table()
    assert set(tasks) == set(table)
    for name, row in table.items():
        card, template = tasks[name].card, _template(tasks[name])
        assert str(card.rows) == row["train"], name
        assert card.cluster == row["category"], name
        assert template.shows_options == (row["options_separated"] == "1"), name
        assert template.options == "either", name


@pytest.mark.shared
def test_metrics_are_among_those_of_the_table(tasks: dict[str, Task]) -> None:
    ours = {"Accuracy": {"accuracy"}, "Squad": {"squad"}, "BLEU": {"bleu", "rouge"}, "ROUGE": {"rouge"}}
    for name, row in _table().items():
        allowed = set().union(*(ours.get(metric, set()) for metric in row["metrics"].split(";")))
        ours_only = (
            name in ("app_reviews_generate_review", "wiki_bio_guess_person") or row["metrics"] == "Other"
        )
        assert ours_only or tasks[name].card.metric in allowed, name


@pytest.mark.shared
def test_every_expression_and_template_holds_on_real_rows(
    tasks: dict[str, Task], access: SourceAccess
) -> None:
    seen, wrong = 0, []
    for name, task in tasks.items():
        for split, rows, dropped in _looked_at(task, access):
            seen += 1
            may_be_empty = getattr(task.card.source, "hub", "") in NONE_LEFT and split != "train"
            if set(dropped) - FAIR_REASONS or not (rows or may_be_empty):
                wrong.append(f"{name} {split}: {len(rows)} usable, {dict(dropped)}")
            wrong += [f"{name} {split}: {what}" for what in _ill_rendered(task, rows)]
    assert not wrong, "\n".join(wrong)
    assert seen >= 400


def _looked_at(task: Task, access: SourceAccess) -> Iterator[tuple[str, list[Row], Counter[str]]]:
    """For each split in the mirror: its name, usable rows among the first, and reasons of the others."""
    for split, text in task.card.splits.items():
        dropped: Counter[str] = Counter()
        try:
            table = open_table(task.card.source, parse_split(text).name, task.root, access, None)
        except SourceError as error:
            if "not in mirror" not in str(error):
                raise
            continue
        ids = np.arange(min(ROWS_LOOKED_AT, table.rows))
        rows = table.take(ids, table.schema.names).rows()
        yield split, normalise(task, ids.tolist(), rows, table.doc, dropped), dropped


def _ill_rendered(task: Task, rows: list[Row]) -> Iterator[str]:
    """Prompts and targets that come out empty, ragged, or with Jinja or Python in them."""
    inverted = [w for w in task.family.templates if w.direction == "inverted"]
    for template in (_template(task), *inverted):
        style = PLAIN_OPTIONS if template.shows_options else None
        for example in render_examples(rows, template, task.family, style, None):
            for part, text in (("input", example.input), ("target", example.target)):
                if not text.strip() or text != text.strip() or re.search(r"\{[{%]|\['|None\b.*None\b", text):
                    yield f"{template.id} {part}: {text[:200]!r}"


@pytest.mark.shared
@pytest.mark.parametrize("name", ["qasc_is_correct_1", "race_middle_Is_this_the_right_answer"])
def test_proposed_answers_are_right_where_the_label_says_so(
    tasks: dict[str, Task], access: SourceAccess, name: str
) -> None:
    task = tasks[name]
    table = open_table(task.card.source, "train", task.root, access, None)
    ids = list(range(table.rows))
    sources = table.take(np.arange(table.rows), table.schema.names).rows()
    for row in normalise(task, ids, sources, table.doc, Counter()):
        source = sources[row.id]
        if "choices" in source:
            right = source["choices"]["text"]["ABCDEFGH".index(source["answerKey"])]
        else:
            right = source["options"]["ABCD".index(source["answer"])]
        assert (row.answer == "yes") == (row.fields["candidate"] == right)


def test_sciq_answers_move_about_among_the_options(tasks: dict[str, Task]) -> None:
    wrong = {"distractor1": "a", "distractor2": "b", "distractor3": "c"}
    sources = [{"question": "?" * n, "support": "", "correct_answer": "right", **wrong} for n in range(1, 5)]
    rows = normalise(tasks["sciq_Multiple_Choice"], range(4), sources, {}, Counter())
    assert [row.answer for row in rows] == ["right"] * 4
    assert {row.answer_index for row in rows} == {0, 1, 2, 3}
    assert all(sorted(row.options) == ["a", "b", "c", "right"] for row in rows)


def test_quarel_options_are_cut_out_of_the_question(tasks: dict[str, Task]) -> None:
    source = {"question": "Which is (very) hot? (A) the sun (B) ice cream (vanilla)", "answer_index": 1}
    (row,) = normalise(tasks["quarel_logic_test"], [0], [source], {}, Counter())
    assert row.fields["question"] == "Which is (very) hot?"
    assert row.options == ("the sun", "ice cream (vanilla)")
    assert row.answer == "ice cream (vanilla)"


def test_duorc_questions_without_an_answer_are_kept_and_say_so(tasks: dict[str, Task]) -> None:
    source = {"title": "t", "plot": "p", "question": "q", "answers": [], "no_answer": True}
    (row,) = normalise(tasks["duorc_SelfRC_answer_question"], [0], [source], {}, Counter())
    assert row.answer == "not answerable"
    dropped: Counter[str] = Counter()
    assert not normalise(tasks["duorc_SelfRC_build_story_around_qa"], [0], [source], {}, dropped)
    assert dropped == {"where": 1}


def test_wiki_bio_facts_do_not_name_the_person(tasks: dict[str, Task]) -> None:
    table = {
        "column_header": ["article_title", "name", "birth_date"],
        "content": ["nora quill\n", "nora quill", "4 may 1921 -lrb- age 60 -rrb-"],
    }
    source = {"input_text": {"table": table, "context": "nora quill\n"}, "target_text": "she paints .\n"}
    (row,) = normalise(tasks["wiki_bio_guess_person"], [0], [source], {}, Counter())
    assert row.fields["facts"] == ["birth date: 4 may 1921 (age 60)"]
    assert row.fields["headings"] == ["birth date"]
    assert row.answer == "nora quill"


@pytest.mark.skipif(not PROMPTSOURCE, reason="FLANCOLLECT_PROMPTSOURCE names no promptsource checkout")
def test_no_template_shares_a_line_of_words_with_promptsource(tasks: dict[str, Task]) -> None:
    files = sorted(Path(PROMPTSOURCE).rglob("templates.yaml"))
    assert files
    theirs = {shingle for file in files for text in _jinja_texts(file) for shingle in _shingles(text)}
    templates = {w.id: w for task in tasks.values() for w in task.family.templates}
    shared = {id_: set(_shingles(w.input)) & theirs for id_, w in templates.items()}
    assert not {id_: found for id_, found in shared.items() if found}


def _jinja_texts(file: Path) -> Iterator[str]:
    """The template texts of a promptsource file, whose YAML tags are looked past."""
    with file.open(encoding="utf-8") as lines:
        nodes = [yaml.compose(lines, Loader=yaml.BaseLoader)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            nodes += [value for _, value in node.value]
            yield from (value.value for key, value in node.value if key.value == "jinja")


def _shingles(text: str) -> Iterator[tuple[str, ...]]:
    """Runs of words that stand between variables and tags, in lower case."""
    for literal in re.split(r"\{\{.*?\}\}|\{%.*?%\}", text, flags=re.DOTALL):
        words = re.findall(r"[a-z0-9']+", literal.lower())
        yield from zip(*(words[i:] for i in range(SHINGLE_WORDS)), strict=False)
