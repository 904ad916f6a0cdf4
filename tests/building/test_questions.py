"""A benchmark build says of every question what scoring needs, whatever way it is asked."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from flancollect.building.build import build
from flancollect.dataset.questions import Question, questions
from flancollect.dataset.reader import open_build
from flancollect.errors import SourceError
from flancollect.planning.request import BuildRequest
from tests.catalogs import TASK, colours, write
from tests.small import nothing_embedded

BENCHMARK = """\
benchmark: exam
title: an exam
select: {{submix: mine, tasks: [colours]}}
split: train
ask: {{variant: {variant}, shots: 0{styles}}}
hold_out: [tasks]
"""

STYLES = """\
options:
  letters: {header: "Answer by letter:", item: "({{ upper }}) {{ text }}", answer: label, label: "({{ upper }})"}
  dashes: {header: "Options:", item: "- {{ text }}"}
"""

SHOT_STYLES = """\
shots:
  plain: {exemplar: "{{ input }} {{ target }}", query: "{{ input }}"}
"""

# A family that asks for free text; what the question itself lists, the card tells scoring.
ANY_THING = """\
family: colour
needs: {thing: text}
options: none
example: {thing: grass, answer: green}
forward:
  ask: {input: "What colour is {{ thing }}?", target: "{{ answer }}"}
inverted:
  find: {input: "Name something {{ answer }}.", target: "{{ thing }}"}
"""


def exam(folder: Path, variant: str = "zs_opt", style: str = "", **parts: str) -> dict[int, Question]:
    """The questions of a benchmark of one task, by row."""
    colours(folder / "cards", styles=STYLES, **parts)
    styles = f", styles: {{options: [{style}]}}" if style else ""
    write(folder / "cards", {"exam.yaml": BENCHMARK.format(variant=variant, styles=styles)})
    with nothing_embedded():
        build(BuildRequest("exam", catalogs=(folder / "cards",)), folder / "out")
    return {int(question.id.rsplit("/", 1)[1]): question for question in questions(folder / "out")}


def free(folder: Path, answer: str, data: str, variant: str = "zs_noopt") -> dict[int, Question]:
    """The questions of a task that asks for free text."""
    task = TASK.replace("{choices: [green, red], index: label | int}", answer)
    return exam(folder, variant, family=ANY_THING, task=task, data=data)


def test_a_label_and_the_text_it_stands_for_are_both_right(tmp_path: Path) -> None:
    question = exam(tmp_path, style="letters")[1]
    assert "(B) red" in question.prompt
    assert (question.choices, question.labels) == (("green", "red"), ("(A)", "(B)"))
    assert (question.answer, question.target, question.accepted) == (1, "(B)", ("(B)", "red"))


def test_a_text_that_is_the_label_of_another_choice_is_not_right(tmp_path: Path) -> None:
    task = TASK.replace("[green, red]", "['(B)', '(A)']")
    for row, question in exam(tmp_path, style="letters", task=task).items():
        label = "(A)" if row % 2 == 0 else "(B)"
        assert question.accepted == (label,), row


@pytest.mark.parametrize(("variant", "style"), [("zs_opt", "dashes"), ("zs_noopt", "")])
def test_choices_are_there_shown_or_not(variant: str, style: str, tmp_path: Path) -> None:
    asked = exam(tmp_path, variant, style)
    assert len(asked) == 8
    for row, question in asked.items():
        assert ("green" in question.prompt) == (variant == "zs_opt")
        assert question.choices == question.labels == ("green", "red")
        assert question.answer == row % 2
        assert question.accepted == (question.target,) == (("green", "red")[row % 2],)


def test_an_inverted_question_has_what_it_asks_for_as_its_only_answer(tmp_path: Path) -> None:
    question = exam(tmp_path, "zs_noopt_inv")[3]
    assert (question.prompt, question.target) == ("Name something red.", "rose")
    assert (question.choices, question.labels, question.answer) == ((), (), -1)
    assert question.accepted == ("rose",)


def test_further_answers_come_after_the_target_and_none_twice(tmp_path: Path) -> None:
    data = 'thing,label,more\ngrass,green,"lime;green;;olive;lime"\nblood,red,\n'
    asked = free(tmp_path, "{text: label, also: more.split(';')}", data)
    assert asked[0].accepted == ("green", "lime", "olive")
    assert asked[1].accepted == ("red",)
    assert (asked[0].choices, asked[0].answer) == ((), -1)


def test_choices_that_the_question_itself_lists(tmp_path: Path) -> None:
    data = (
        'thing,label,listed\n"grass: A green, B red",A,"green;red"\n"ice: A blue, B white",C,"blue;white"\n'
    )
    answer = "{text: label, choices: listed.split(';'), labels: '[\"A\", \"B\"]'}"
    asked = free(tmp_path, answer, data)
    assert (asked[0].choices, asked[0].labels, asked[0].answer) == (("green", "red"), ("A", "B"), 0)
    assert asked[0].accepted == ("A", "green")
    # Published data names answers that are not among the choices: -1 says so, and no guess is made.
    assert (asked[1].choices, asked[1].answer, asked[1].accepted) == (("blue", "white"), -1, ("C",))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("{text: label, also: label}", "answer.also: str where a list of texts is needed"),
        ("{text: label, also: '[1]'}", "answer.also: list where a list of texts is needed"),
        ("{text: label, choices: label}", "answer.choices: str where a list of texts is needed"),
        (
            "{text: label, choices: '[label]', labels: '[label, thing]'}",
            "answer.labels: 2 labels for 1 choices",
        ),
    ],
)
def test_a_question_whose_scoring_cannot_be_worked_out_falls_away(
    answer: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=re.escape(f"none of 1 rows is usable (1 rows: {reason})")):
        free(tmp_path, answer, "thing,label\ngrass,green\n")


def test_rows_without_scoring_are_counted_beside_those_that_have_it(tmp_path: Path) -> None:
    answer = "{text: label, also: 'thing.split() if thing != \"ice\" else 1'}"
    assert list(free(tmp_path, answer, "thing,label\ngrass,green\nice,white\n")) == [0]
    (task,) = open_build(tmp_path / "out").manifest.tasks
    assert dict(task.dropped) == {"answer.also: int where a list of texts is needed": 1}


def test_a_training_mixture_evaluates_nothing_for_scoring(tmp_path: Path) -> None:
    task = TASK.replace("{choices: [green, red], index: label | int}", "{text: thing, also: thing}")
    colours(tmp_path / "cards", family=ANY_THING, task=task)
    with nothing_embedded():
        build(BuildRequest("colours", catalogs=(tmp_path / "cards",)), tmp_path / "out")
    opened = open_build(tmp_path / "out")
    assert len(opened) > 0
    assert "question" not in opened.schema.names


def test_what_a_card_says_of_a_question_is_there_too(tmp_path: Path) -> None:
    task = TASK.replace("cluster: colours", "cluster: seeing\nsubject: plants\nmetric: accuracy").replace(
        "languages: en", "languages: [de, fr]"
    )
    for row, question in exam(tmp_path, task=task).items():
        assert question.id == f"colours/train/{row}"
        assert (question.metric, question.cluster, question.subject) == ("accuracy", "seeing", "plants")
        assert question.languages == ("de", "fr")
        assert question.prompt_sha256 == sha256(question.prompt.encode()).hexdigest()


def test_what_scoring_lacks_costs_no_exemplar(tmp_path: Path) -> None:
    data = "thing,label,more\n" + "".join(f"t{n},c{n},{'x' if n % 2 else ''}\n" for n in range(12))
    card = BENCHMARK.replace("shots: 0", "shots: 5").format(variant="fs_noopt", styles="")
    prompts = []
    for also in ("", ", also: '[more] if more else none'"):
        task = TASK.replace("{choices: [green, red], index: label | int}", f"{{text: label{also}}}")
        folder = tmp_path / str(len(prompts))
        colours(folder / "cards", family=ANY_THING, task=task, data=data, styles=SHOT_STYLES)
        write(folder / "cards", {"exam.yaml": card})
        with nothing_embedded():
            build(BuildRequest("exam", catalogs=(folder / "cards",)), folder / "out")
        prompts.append({question.id: question.prompt for question in questions(folder / "out")})
    assert len(prompts[0]) == 12
    assert prompts[1] == {f"colours/train/{n}": prompts[0][f"colours/train/{n}"] for n in range(1, 12, 2)}
