"""What each shape makes of one row, and what it leaves out."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from flancollect.sources.shapes import (
    SHAPES,
    casing,
    dialog_cut,
    dialog_turns,
    last_word,
    prompt_file,
    punctuation,
    questions,
    subject_prompts,
    word_segmentation,
)
from flancollect.sources.shapes.shape import RowShape


def english(text: str | None) -> dict[str, dict[str, str | None]]:
    return {"translation": {"da": "noget", "en": text}}


def lines(text: str) -> pa.Table:
    return pa.table({"text": text.split("\n")})


PROMPT = """a warning
-----
Add the numbers.

Q: What is 1 + 2?
Options:
(A) 3
(B) 4
A: Let's think step by step.
One and two
make three. So the answer is (A).

Q: What is 2.5 + 2?
A: The answer is 4.5."""


def test_every_shape_is_named_by_its_module() -> None:
    assert list(SHAPES) == sorted(SHAPES)
    assert SHAPES["casing"] is casing.SHAPE


@pytest.mark.parametrize("name", [n for n, shape in SHAPES.items() if isinstance(shape, RowShape)])
def test_rows_have_exactly_the_columns_that_a_shape_adds(name: str) -> None:
    shape = SHAPES[name]
    assert isinstance(shape, RowShape)
    examples = {
        "translation": {"en": "A b."},
        "text": "one two three",
        "questions": ["Who?"],
        "orig_answers": {"texts": ["me"], "answer_starts": [0]},
        "answers": {"texts": [["me", "I"]], "answer_starts": [[0, 3]]},
        "utterances": ["Hi", "Who?", "Me"],
        "pid": "1@1",
        "input": "Which?\nOptions:\n(A) one\n(B) two",
    }
    if name == "dialog_turns":
        examples["utterances"] = [{"speaker": "USER", "text": "a"}, {"speaker": "ASSISTANT", "text": "b"}]
    made = shape.rows({column: examples[column] for column in shape.reads})
    assert [list(row) for row in made] == [shape.adds.names]


def test_casing_keeps_the_text_and_its_small_letters() -> None:
    assert casing.rows(english(" Anna saw Rome. ")) == [
        {"english": "Anna saw Rome.", "lower": "anna saw rome."}
    ]


@pytest.mark.parametrize("text", ["all small", "", None, "12 + 3"])
def test_casing_leaves_out_what_has_no_capitals(text: str | None) -> None:
    assert casing.rows(english(text))[0]["english"] is None


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Well, don't (ever) pay 3.50!", "Well don't ever pay 3.50"),
        ("“Quoted” – and dashed…", "Quoted and dashed"),
        ("Über-cool: naïve?", "Über-cool naïve"),
    ],
)
def test_punctuation_goes_but_marks_inside_words_and_numbers_stay(text: str, bare: str) -> None:
    assert punctuation.rows(english(text)) == [{"english": text, "bare": bare}]


@pytest.mark.parametrize("text", ["no marks here", "... !!!", "", None])
def test_punctuation_leaves_out_what_has_none_and_what_has_nothing_else(text: str | None) -> None:
    assert punctuation.rows(english(text))[0]["english"] is None


def test_words_are_run_together_and_the_text_has_single_spaces() -> None:
    assert word_segmentation.rows(english("The  ferry\nleaves.")) == [
        {"english": "The ferry leaves.", "joined": "Theferryleaves."}
    ]
    assert word_segmentation.rows(english("Word"))[0]["english"] is None


def test_the_last_word_of_tokenised_text_is_cut_off_plain_text() -> None:
    tokens = "`` i do n't know , '' said ann . `` ask mr. lee ( the tall one ) about her keys . ''"
    assert last_word.rows({"text": tokens}) == [
        {
            "passage": '"i don\'t know," said ann. "ask mr. lee (the tall one) about her',
            "last_word": "keys",
        }
    ]
    assert last_word.rows({"text": "word"}) == [{"passage": None, "last_word": None}]
    assert last_word.rows({"text": None}) == [{"passage": None, "last_word": None}]


def test_questions_come_one_by_one_with_the_turns_before_them() -> None:
    row = {
        "questions": ["Who?", "When?"],
        "orig_answers": {"texts": ["Ann", "CANNOTANSWER"]},
        "answers": {"texts": [["Ann Lee", "Ann"], ["CANNOTANSWER"]]},
    }
    unanswered = ["CANNOTANSWER"]
    assert questions.rows(row) == [
        {"question": "Who?", "answer": "Ann", "accepted": ["Ann Lee", "Ann"], "history": []},
        {"question": "When?", "answer": "CANNOTANSWER", "accepted": unanswered, "history": ["Who?", "Ann"]},
    ]
    assert questions.rows({"questions": [], "orig_answers": {"texts": []}, "answers": {"texts": []}}) == []


def test_dialog_turns_join_a_speakers_utterances_and_begin_with_the_user() -> None:
    said = [
        ("ASSISTANT", "Hello!"), ("USER", "Hi."), ("USER", "A table, please."), ("ASSISTANT", " When? "),
        ("USER", ""), ("USER", "At six."), ("ASSISTANT", "Done."), ("USER", "Thanks."),
    ]  # fmt: skip
    made = dialog_turns.rows({"utterances": [{"speaker": who, "text": text} for who, text in said]})
    assert made == [
        {"reply": "When?", "history": ["Hi. A table, please."]},
        {"reply": "Done.", "history": ["Hi. A table, please.", "When?", "At six."]},
    ]
    assert dialog_turns.rows({"utterances": []}) == []
    assert dialog_turns.rows({"utterances": [{"speaker": "ASSISTANT", "text": "Hello?"}]}) == []


def test_a_dialog_is_cut_before_an_answer_drawn_by_its_id() -> None:
    said = ["Hello", "q1", "a1", "q2", "a2", "q3", "a3"]
    cuts = [dialog_cut.rows({"pid": str(i), "utterances": said})[0] for i in range(50)]
    assert {cut["answer"] for cut in cuts} == {"a1", "a2", "a3"}
    for cut in cuts:
        assert [*cut["history"], cut["answer"]] == said[1 : len(cut["history"]) + 2]
    assert cuts[7] == dialog_cut.rows({"pid": "7", "utterances": said})[0]
    assert dialog_cut.rows({"pid": "1", "utterances": ["Hello", "q1"]})[0]["answer"] is None


def test_a_prompt_file_gives_its_head_and_exemplars_and_the_words_that_open_reasoning_apart() -> None:
    assert prompt_file.table(lines(PROMPT)).to_pylist() == [
        {
            "head": "Add the numbers.",
            "question": "What is 1 + 2?\nOptions:\n(A) 3\n(B) 4",
            "opening": "Let's think step by step.\n",
            "chain": "One and two\nmake three. So the answer is (A).",
            "answer": "(A)",
        },
        {
            "head": "Add the numbers.",
            "question": "What is 2.5 + 2?",
            "opening": "",
            "chain": "The answer is 4.5.",
            "answer": "4.5",
        },
    ]


def test_a_prompt_file_keeps_the_blanks_around_a_question() -> None:
    # So Flan's file of MMLU has them in formal logic and in professional law.
    (row,) = prompt_file.exemplars("Head.\n\nQ: \nWhich? \n(A) 3 \nA: It is 3. The answer is (A).\n\n")
    assert row["question"] == "\nWhich? \n(A) 3 "
    assert row["chain"] == "It is 3. The answer is (A)."


@pytest.mark.parametrize("text", ["Q: What?", "Q: What?\nA: It depends."])
def test_a_prompt_file_with_a_question_left_open_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a question and an answer"):
        prompt_file.table(lines(text))


def test_prompts_by_subject_name_it() -> None:
    both = json.dumps(
        {"b": "Q: One?\nA: The answer is (A).", "a": "Q: Two?\nA: The answer is (B)."}, indent=1
    )
    made = subject_prompts.table(lines(both)).to_pylist()
    assert [(row["subject"], row["answer"]) for row in made] == [("b", "(A)"), ("a", "(B)")]
    with pytest.raises(ValueError, match="object of prompts"):
        subject_prompts.table(lines("[]"))
