"""Cards use all that a row says: answers of several spans, and fields that only some rows have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog, Task
from flancollect.render.examples import PLAIN_DIALOG, PLAIN_OPTIONS, render_examples
from flancollect.render.normalise import Row, normalise, normalise_columns
from flancollect.render.zero_shot import join_zero_shot


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def usable(task: Task, row: Mapping[str, Any]) -> Row:
    """The one row as its card reads it, with what scoring needs."""
    dropped: Counter[str] = Counter()
    columns = {name: [value] for name, value in row.items()}
    rows = normalise_columns(task, [0], columns, {}, dropped, scoring=True)
    assert not dropped
    return rows[0]


def accepted(row: Row) -> tuple[str, ...]:
    assert row.scoring is not None
    return row.scoring.also


def prompts(task: Task, row: Mapping[str, Any]) -> dict[str, str]:
    """The prompt of every template of a task's family, by the template's name."""
    rows = [usable(task, row)]
    texts = {}
    for template in task.family.templates:
        style = PLAIN_OPTIONS if template.shows_options and rows[0].options else None
        (example,) = render_examples(rows, template, task.family, style, PLAIN_DIALOG)
        texts[f"{template.direction}/{template.name}"] = join_zero_shot(example)
    return texts


def spans(*texts: str) -> dict[str, Any]:
    return {
        "passage": "Ann and Bob scored.",
        "question": "Who scored?",
        "answers_spans": {"spans": list(texts), "types": ["span"] * len(texts)},
    }


def test_all_spans_of_a_drop_answer_are_the_target(catalog: Catalog) -> None:
    drop = catalog.tasks["drop"]
    assert usable(drop, spans("Ann", "Bob")).answer == "Ann, Bob"
    assert usable(drop, spans("28-yard")).answer == "28-yard"
    assert accepted(usable(drop, spans("Ann", "Bob"))) == ()
    assert usable(drop.in_split("train"), spans("Ann", "Bob")).answer == "Ann, Bob"


def test_of_several_annotators_of_drop_the_first_is_the_target_and_all_are_accepted(catalog: Catalog) -> None:
    row = usable(catalog.tasks["drop"].in_split("validation"), spans("3", "3", "2"))
    assert (row.answer, accepted(row)) == ("3", ("3", "3", "2"))


def test_all_spans_of_a_quoref_answer_are_the_target(catalog: Catalog) -> None:
    answers = {"text": ["Lena", "her sister"], "answer_start": [0, 9]}
    row = {"context": "Lena and her sister.", "question": "Who?", "title": "Marsh", "answers": answers}
    for split in ("train", "validation"):
        task = catalog.tasks["quoref_Find_Answer"].in_split(split)  # type: ignore[arg-type]
        assert usable(task, row).answer == "Lena, her sister"


def test_all_spans_of_a_qed_answer_are_the_target(catalog: Catalog) -> None:
    named = [{"paragraph_reference": {"string": text}} for text in ("Ann", "Bob")]
    sentence = {"string": "Ann and Bob won. "}
    row = {
        "paragraph_text": "Ann and Bob won.",
        "question": "who won",
        "annotation": {"explanation_type": "single_sentence", "answer": named, "selected_sentence": sentence},
        "original_nq_answers": [{"string": "Ann and Bob"}],
    }
    assert usable(catalog.tasks["stream_qed"], row).answer == "Ann, Bob"


@pytest.mark.parametrize("name", ["squad_v1", "squad_v2"])
def test_where_annotators_answer_one_question_the_first_is_the_target(catalog: Catalog, name: str) -> None:
    answers = {"text": ["in May", "May"], "answer_start": [3, 6]}
    row = {"title": "Spring_fair", "context": "It is in May.", "question": "When?", "answers": answers}
    read = usable(catalog.tasks[name], row)
    assert (read.answer, accepted(read)) == ("in May", ("in May", "May"))
    assert read.fields["title"] == "Spring fair"


def conversation(history: list[str], **more: Any) -> dict[str, Any]:
    return {
        "background": "Halden was a quartet. CANNOTANSWER",
        "context": "It began in 1974. CANNOTANSWER",
        "wikipedia_page_title": "Halden",
        "section_title": "History",
        "question": "Who led it?",
        "answer": "CANNOTANSWER",
        "accepted": ["CANNOTANSWER", "nobody"],
        "history": history,
        **more,
    }


def test_the_first_question_of_a_conversation_is_asked_too(catalog: Catalog) -> None:
    quac = catalog.tasks["quac"]
    row = usable(quac, conversation([]))
    assert (row.answer, accepted(row)) == ("The text does not say.", ("The text does not say.", "nobody"))
    assert row.fields["background"] == "Halden was a quartet."
    texts = prompts(quac, conversation([]))
    assert texts["forward/labelled"] == (
        "Background: Halden was a quartet.\nText: It began in 1974.\nQuestion: Who led it?"
    )
    for name, text in texts.items():
        assert "onversation:" not in text, name
        assert "follow-up" not in text, name
    later = prompts(quac, conversation(["When did it begin?", "in 1974"]))
    assert "in 1974\nQuestion: Who led it?" in later["forward/labelled"]


FACTS = {"question_stem": "What shines?", "choices": {"text": ["tea", "fire"], "label": ["A", "B"]}}


def test_openbookqa_shows_its_fact(catalog: Catalog) -> None:
    texts = prompts(catalog.tasks["openbookqa"], FACTS | {"answerKey": "B", "fact1": "fire gives light"})
    shown = [name for name, text in texts.items() if "fire gives light" in text]
    assert len(shown) >= 9
    assert texts["forward/labelled"].startswith("Fact: fire gives light\nQuestion: What shines?\n")


@pytest.mark.parametrize("title", [None, "", " "])
def test_an_article_without_a_headline_is_the_text_alone(catalog: Catalog, title: str | None) -> None:
    newsroom = catalog.tasks["newsroom"]
    row = {"title": title, "text": "It rained.", "summary": "Rain."}
    assert usable(newsroom, row).fields["text"] == "It rained."
    assert usable(newsroom, row | {"title": "Rain falls"}).fields["text"] == "Rain falls\n\nIt rained."


CONTINUED = {
    "ctx": "[header] How to bake [title] Mix flour. [step] Take a bowl.",
    "endings": ["[step] Stir it.", "Sell it. [substeps] Twice.", "Sing.", "Sit."],
    "label": "0",
}
QUESTION = {"context": "It is in May.", "question": "When?", "answers": {"text": ["in May"]}}
WITHOUT = [
    ("squad_v1", QUESTION | {"title": ""}, "title"),
    ("squad_v2", QUESTION | {"title": ""}, "title"),
    ("openbookqa", FACTS | {"answerKey": "B", "fact1": None}, "fact"),
    ("hellaswag", CONTINUED | {"activity_label": ""}, "activity"),
    ("quac", conversation([], background=""), "background"),
]


@pytest.mark.parametrize(("name", "row", "field"), WITHOUT)
def test_no_prompt_has_a_gap_where_a_row_lacks_a_field(
    catalog: Catalog, name: str, row: dict[str, Any], field: str
) -> None:
    task = catalog.tasks[name]
    assert usable(task, row).fields[field] == ""
    for template, text in prompts(task, row).items():
        assert text == text.strip(), template
        assert "\n\n\n" not in text, template
        for leftover in ("None", '""', "()", " on ,", " about ,", field.capitalize() + ":"):
            assert leftover not in text, template


def test_hellaswag_says_what_the_text_is_about_and_shows_no_marks(catalog: Catalog) -> None:
    task = catalog.tasks["hellaswag"]
    row = usable(task, CONTINUED | {"activity_label": "Baking"})
    assert row.fields == {"text": "How to bake\nMix flour.\nTake a bowl.", "activity": "Baking"}
    assert row.options == ("Stir it.", "Sell it. Twice.", "Sing.", "Sit.")
    assert prompts(task, CONTINUED | {"activity_label": "Baking"})["forward/headed"].startswith("Baking\n\n")


def test_the_pronoun_that_is_meant_is_marked(catalog: Catalog) -> None:
    row = {
        "text": "They came to fetch them, and to scold them.",
        "span1_text": "They",
        "span2_text": "them",
        "span2_index": 8,
        "label": 0,
    }
    task = catalog.tasks["wsc"]
    assert usable(task, row).fields["text"] == "They came to fetch them, and to scold *them*."
    assert usable(task, row | {"span2_index": 4}).fields["text"] == (
        "They came to fetch *them*, and to scold them."
    )


def test_a_film_is_named_in_every_question_on_its_plot(catalog: Catalog) -> None:
    family = catalog.tasks["duorc_SelfRC_extract_answer"].family
    row = {
        "title": "The Ferry",
        "plot": "Anna waits.",
        "question": "Who?",
        "answers": ["Anna"],
        "no_answer": False,
    }
    task = catalog.tasks["duorc_SelfRC_extract_answer"]
    (read,) = normalise(task, [0], [row], {}, Counter())
    (template,) = [t for t in family.templates if t.name == "extract_answer"]
    (example,) = render_examples([read], template, family, None, PLAIN_DIALOG)
    assert example.input.startswith("The Ferry\nAnna waits.\n")
