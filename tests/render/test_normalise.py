"""Source rows become what a family needs, or are counted with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flancollect.cards.entries import Task
from flancollect.cards.family import Family
from flancollect.cards.task_card import TaskCard
from flancollect.draw import Draws
from flancollect.jinja.expression import ExpressionError, compile_expression
from flancollect.render.held_out import HeldOutQuestions
from flancollect.render.normalise import contents_of, document_exemplars, normalise, normalise_columns


def task(needs: dict[str, Any], **card: Any) -> Task:
    family = Family(name="f", needs=needs, options="none", example={}, templates=(), file="f.yaml")
    given = {
        "task": "t",
        "submix": "s",
        "source": {"files": "x.csv", "format": "csv"},
        "family": "f",
        "fields": {name: name for name in needs},
        "answer": {"text": "answer"},
        "license": "mit",
        "languages": "en",
        "cluster": "c",
        **card,
    }
    return Task(card=TaskCard.model_validate(given), family=family, root=Path(), file="t.yaml", lines={})


def reasons(of: Task, row: dict[str, Any], **more: Any) -> dict[str, int]:
    dropped: Counter[str] = Counter()
    assert normalise(of, [0], [row], {}, dropped, **more) == []
    return dict(dropped)


def test_text_comes_through_letter_by_letter() -> None:
    text = 'a "b" {{ c }} {% d %} \\n\n\t שלום 🎈 \u200f'
    (row,) = normalise(task({"text": "text"}), [7], [{"text": text, "answer": text}], {}, Counter())
    assert (row.id, row.fields, row.answer, row.options, row.answer_index) == (
        7,
        {"text": text},
        text,
        (),
        None,
    )


@pytest.mark.parametrize(
    ("needs", "row", "reason"),
    [
        ({"x": "text"}, {"x": None, "answer": "a"}, "null in fields.x"),
        (
            {"x": "text"},
            {"x": 3, "answer": "a"},
            "fields.x: int where the family needs text; write `| string`",
        ),
        (
            {"x": "number"},
            {"x": "3", "answer": "a"},
            "fields.x: str where the family needs a number; write `| int` or `| float`",
        ),
        (
            {"x": "number"},
            {"x": True, "answer": "a"},
            "fields.x: bool where the family needs a number; write `| int` or `| float`",
        ),
        ({"x": "list"}, {"x": "abc", "answer": "a"}, "fields.x: str where the family needs a list of texts"),
        (
            {"x": "turns"},
            {"x": ["a", None], "answer": "a"},
            "fields.x: null in the list",
        ),
        ({"x": "text"}, {"x": "x", "answer": " \n"}, "empty answer"),
        ({"x": "text"}, {"x": "x", "answer": "\u200b \x00"}, "empty answer"),
        ({"x": "text"}, {"x": " \n", "answer": "a"}, "empty fields"),
        ({"x": "text", "y": "list"}, {"x": "", "y": [" "], "answer": "a"}, "empty fields"),
        ({"x": "any"}, {"x": None, "answer": "a"}, "null in fields.x"),
        ({"x": "text"}, {"x": "x", "answer": None}, "null answer"),
        ({"x": "text"}, {"x": "x", "answer": 4}, "answer.text: int where text is needed; write `| string`"),
    ],
)
def test_rows_that_do_not_fit_are_counted_by_reason(
    needs: dict[str, Any], row: dict[str, Any], reason: str
) -> None:
    assert reasons(task(needs), row) == {reason: 1}


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (-1, "unlabelled"),
        (None, "null answer"),
        (2, "answer.index: 2 where there are 2 options"),
        ("1", "answer.index: str where a position is needed; write `| int`"),
    ],
)
def test_labels_that_name_no_choice_are_counted(index: object, reason: str) -> None:
    of = task({}, answer={"choices": ["no", "yes"], "index": "label"})
    assert reasons(of, {"label": index}) == {reason: 1}


def test_a_boolean_label_counts_false_as_the_first_choice() -> None:
    of = task({}, answer={"choices": ["no", "yes"], "index": "label"})
    rows = normalise(of, [0, 1], [{"label": False}, {"label": True}], {}, Counter())
    assert [row.answer for row in rows] == ["no", "yes"]


def test_options_of_the_row_and_their_index() -> None:
    of = task({}, answer={"options": "c.text", "index": "c.label.index(key)"})
    (row,) = normalise(of, [0], [{"c": {"text": ["x", "y"], "label": ["A", "B"]}, "key": "B"}], {}, Counter())
    assert (row.answer, row.options, row.answer_index) == ("y", ("x", "y"), 1)
    assert "answer.index" in next(
        iter(reasons(of, {"c": {"text": ["x", "y"], "label": ["A", "B"]}, "key": "C"}))
    )
    assert reasons(of, {"c": {"text": ["x"], "label": ["A"]}, "key": "A"}) == {"fewer than two options": 1}
    assert reasons(of, {"c": {"text": ["x", " "], "label": ["A", "B"]}, "key": "A"}) == {"empty option": 1}
    twice = {"c": {"text": ["x", " x"], "label": ["A", "B"]}, "key": "A"}
    assert reasons(of, twice) == {"an option twice": 1}


def test_where_keeps_what_it_says() -> None:
    of = task({"x": "number"}, where="x > 1")
    dropped: Counter[str] = Counter()
    rows = normalise(of, [0, 1, 2], [{"x": i, "answer": "a"} for i in range(3)], {}, dropped)
    assert [row.id for row in rows] == [2]
    assert dropped == {"where": 2}


def test_a_failing_expression_names_its_place_and_costs_one_row() -> None:
    of = task({"x": "text"}, fields={"x": "x | first"})
    (reason,) = reasons(of, {"x": 5, "answer": "a"})
    assert reason.startswith("fields.x: ")


def test_reasons_stay_few_however_many_rows_fail_differently() -> None:
    of = task({"x": "text"}, fields={"x": "row[x]"})
    dropped: Counter[str] = Counter()
    normalise(of, range(100), [{"x": f"k{i}", "answer": "a"} for i in range(100)], {}, dropped)
    assert sum(dropped.values()) == 100
    assert len(dropped) <= 21


def test_content_is_what_a_row_asks_not_what_it_answers() -> None:
    of = task({"x": "text"})
    one, two = normalise(of, [0, 1], [{"x": "q", "answer": "a"}, {"x": "q", "answer": "b"}], {}, Counter())
    assert [one.content, two.content] == contents_of([{"x": "q"}, {"x": "q"}])
    assert one.content == two.content
    assert reasons(of, {"x": "q", "answer": "c"}, held_out=HeldOutQuestions([one.fields])) == {
        "held out for a benchmark": 1
    }


def test_exemplars_come_from_the_document_in_its_order() -> None:
    of = task({"x": "text"}, exemplars='doc["Positive Examples"]', answer={"text": "answer | one"})
    doc = {
        "Positive Examples": [
            {"x": "p", "answer": "a"},
            {"x": None, "answer": "b"},
            {"x": "r", "answer": ["c", "d"]},
        ]
    }
    found = document_exemplars(of, doc, Counter())
    assert [(row.id, row.fields["x"], row.answer) for row in found] == [(0, "p", "a"), (2, "r", "c")]
    assert document_exemplars(of, {}, Counter()) == []


def test_columns_in_generated_code_give_the_rows_and_reasons_that_jinja_gives_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = task(
        {"x": "text", "many": "list"},
        where="n != 4",
        fields={"x": "x if n else x | trim", "many": "doc.head + (parts | map('upper') | list)"},
        answer={"options": "parts", "index": "row.n % 3"},
    )
    draws = Draws("normalise")
    texts = ("a", " b ", "", "é\n", None, 7, "x y")
    rows = [
        {"x": draws.pick(texts), "parts": [draws.pick(texts[:4]) for _ in range(draws.below(4))], "n": i % 6}
        for i in range(400)
    ]
    doc = {"head": ["first"]}
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    dropped: Counter[str] = Counter()
    usable = normalise_columns(of, range(400), columns, doc, dropped)

    def by_reference(text: str, columns: Mapping[str, Sequence[Any]], rows: int) -> list[Any]:
        values = []
        for i in range(rows):
            try:
                row = {name: column[i] for name, column in columns.items()}
                values.append(compile_expression(text).evaluate(row))
            except ExpressionError as error:
                values.append(error)
        return values

    monkeypatch.setattr("flancollect.render.normalise.evaluate_columns", by_reference)
    dropped_by_reference: Counter[str] = Counter()
    usable_by_reference = [
        row for i, one in enumerate(rows) for row in normalise(of, [i], [one], doc, dropped_by_reference)
    ]
    assert (usable, dropped) == (usable_by_reference, dropped_by_reference)
    assert len(usable) > 20
    assert len(dropped) > 4
