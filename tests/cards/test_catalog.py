"""Catalogues: everything is read, cross-checked, and every problem is reported at once with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.errors import CardError
from tests.catalogs import FAMILY, TASK, colours, write
from tests.lint.small_cards import TEXT_FAMILY


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An embedded collection with nothing in it."""
    return write(tmp_path / "embedded", {"task_cards/none.txt": "", "templates/none.txt": ""})


def problems(folder: Path, embedded: Path) -> list[str]:
    with pytest.raises(CardError) as caught:
        load_catalog([folder], embedded=embedded)
    return [str(problem) for problem in caught.value.problems]


def test_a_private_folder_adds_its_cards(tmp_path: Path, empty: Path) -> None:
    catalog = load_catalog([colours(tmp_path / "mine")], embedded=empty)
    assert list(catalog.tasks) == ["colours"]
    assert catalog.tasks["colours"].family.name == "colour"
    assert [w.id for w in catalog.families["colour"].templates] == [
        "colour/forward/ask",
        "colour/forward/name",
        "colour/forward/list",
        "colour/forward/spare",
        "colour/inverted/find",
    ]


def test_yes_and_no_stay_words(tmp_path: Path, empty: Path) -> None:
    task = TASK.replace("[green, red]", "[yes, no]")
    catalog = load_catalog([colours(tmp_path / "mine", task=task)], embedded=empty)
    assert catalog.tasks["colours"].card.answer.choices == ["yes", "no"]  # type: ignore[union-attr]


def test_all_problems_of_all_files_come_at_once_sorted_by_place(tmp_path: Path, empty: Path) -> None:
    task = TASK.replace("family: colour", "family: color").replace("license: mit", "licence: mit")
    family = FAMILY.replace("{{ thing }}?", "{{ thingy }}?")
    messages = problems(colours(tmp_path / "mine", task=task, family=family), empty)
    assert any(
        'no variable "thingy"' in p and 'Did you mean "thing"?' in p and "colour.yaml:6" in p
        for p in messages
    )
    assert any('unknown key "licence"' in p and 'Did you mean "license"?' in p for p in messages)
    assert any('missing key "license"' in p for p in messages)
    assert messages == sorted(messages)


@pytest.mark.parametrize(
    ("split_answers", "what"),
    [
        ("{test: {choices: [red, green], index: label}}", 'split_answers: no split "test" in `splits`'),
        ("{train: {text: label}}", "answer: family colour has closed options"),
        ("{train: {choices: [red, green], index: label |}}", "answer.index: "),
        ("{trian: {choices: [red, green], index: label}}", "split_answers.trian: "),
    ],
)
def test_answers_of_a_split_are_checked_as_the_card_s_own(
    tmp_path: Path, empty: Path, split_answers: str, what: str
) -> None:
    task = TASK + f"split_answers: {split_answers}\n"
    (problem,) = problems(colours(tmp_path / "mine", task=task), empty)
    assert what in problem
    line = 1 if "no split" in what else 11
    assert f"mine/colours.yaml:{line} " in problem


def test_an_unknown_family_is_named_with_what_exists(tmp_path: Path, empty: Path) -> None:
    messages = problems(
        colours(tmp_path / "mine", task=TASK.replace("family: colour", "family: color")), empty
    )
    assert messages == [
        f'{tmp_path}/mine/colours.yaml:5  family: no family "color". Families: colour. Did you mean "colour"?'
    ]


def test_fields_must_be_just_what_the_family_needs(tmp_path: Path, empty: Path) -> None:
    messages = problems(
        colours(tmp_path / "mine", task=TASK.replace("{thing: thing}", "{tihng: thing}")), empty
    )
    assert any('needs "thing"' in p for p in messages)
    assert any("fields.tihng" in p and 'Did you mean "thing"?' in p for p in messages)


def test_closed_options_ask_for_choices(tmp_path: Path, empty: Path) -> None:
    task = TASK.replace("answer: {choices: [green, red], index: label | int}", "answer: {text: label}")
    assert any("closed options" in p for p in problems(colours(tmp_path / "mine", task=task), empty))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("{text: label, labels: label}", "answer: `labels` goes with `choices`"),
        ("{text: label, choices: 'label +'}", "answer.choices: "),
        ("{text: label, choices: label, labels: '['}", "answer.labels: "),
        (
            "{text: label, choices: label, index: label}",
            'unknown key "answer.index". Keys here: text, also, choices',
        ),
    ],
)
def test_choices_and_labels_of_a_text_answer_are_checked(
    tmp_path: Path, empty: Path, answer: str, says: str
) -> None:
    task = TASK.replace("{choices: [green, red], index: label | int}", answer)
    messages = problems(colours(tmp_path / "mine", family=TEXT_FAMILY, task=task), empty)
    assert any(f"colours.yaml:7  {says}" in p for p in messages), messages


def test_two_cards_of_one_name_name_each_other(tmp_path: Path, empty: Path) -> None:
    folder = colours(tmp_path / "mine")
    write(folder, {"other.yaml": TASK})
    (message,) = problems(folder, empty)
    assert "other.yaml:1" in message
    assert "colours.yaml:1" in message


def test_a_file_that_is_no_card_says_which_keys_make_one(tmp_path: Path, empty: Path) -> None:
    (message,) = problems(write(tmp_path / "mine", {"notes.yaml": "title: hello\n"}), empty)
    assert "not a card" in message
    assert "task, family, mixture, benchmark" in message


def test_an_index_makes_one_task_a_row_and_leaves_empty_entries_out(tmp_path: Path, empty: Path) -> None:
    task = TASK.replace(
        "task: colours", 'expand: {over: index.csv}\ntask: "{{ name }}"\nwhere: "{{ where }}"'
    )
    folder = colours(tmp_path / "mine", task=task)
    write(folder, {"index.csv": 'name,where\na,\nb,"label == ""0"""\n'})
    tasks = load_catalog([folder], embedded=empty).tasks
    assert {name: task.card.where for name, task in tasks.items()} == {"a": None, "b": 'label == "0"'}


def test_an_index_column_that_is_not_there_is_a_problem(tmp_path: Path, empty: Path) -> None:
    task = TASK.replace("task: colours", 'expand: {over: index.csv}\ntask: "{{ nmae }}"')
    folder = write(colours(tmp_path / "mine", task=task), {"index.csv": "name\na\n"})
    (message,) = problems(folder, empty)
    assert 'no index column "nmae". Columns: name.' in message


def test_ragged_index_rows_are_all_reported(tmp_path: Path, empty: Path) -> None:
    task = TASK.replace("task: colours", 'expand: {over: index.csv}\ntask: "{{ name }}"')
    folder = write(colours(tmp_path / "mine", task=task), {"index.csv": "name,x\na\nb,1\nc,2,3\n"})
    messages = problems(folder, empty)
    assert [p.split("index.csv:")[1].split(" ")[0] for p in messages] == ["2", "4"]


@pytest.mark.parametrize("over", ["../index.csv", "/etc/passwd", "missing.csv"])
def test_an_index_lies_beside_its_card(tmp_path: Path, empty: Path, over: str) -> None:
    write(tmp_path, {"index.csv": "name\na\n"})
    task = TASK.replace("task: colours", f'expand: {{over: "{over}"}}\ntask: "{{{{ name }}}}"')
    (message,) = problems(colours(tmp_path / "mine", task=task), empty)
    assert "expand.over" in message


def test_expanding_over_templates_gives_one_task_a_template(tmp_path: Path, empty: Path) -> None:
    task = TASK.replace("task: colours", 'expand: {over: templates}\ntask: "colours_{{ template }}"')
    tasks = load_catalog([colours(tmp_path / "mine", task=task)], embedded=empty).tasks
    assert {name: task.card.templates for name, task in tasks.items()} == {
        f"colours_{template}": [template] for template in ("ask", "list", "name", "spare")
    }


def test_a_family_that_extends_another_keeps_what_it_does_not_replace(tmp_path: Path, empty: Path) -> None:
    child = """
        family: shade
        extends: colour
        needs: {light: text}
        example: {light: dim}
        forward:
          ask: {input: "In {{ light }} light, what colour is {{ thing }}?{{ options | para }}", target: "{{ answer }}"}
    """
    folder = write(colours(tmp_path / "mine"), {"shade.yaml": child})
    family = load_catalog([folder], embedded=empty).families["shade"]
    assert set(family.needs) == {"thing", "light"}
    assert family.options == "closed"
    assert [w.id for w in family.templates][:2] == ["shade/forward/ask", "colour/forward/name"]


def test_families_that_extend_in_a_circle_are_a_problem(tmp_path: Path, empty: Path) -> None:
    one = "family: one\nextends: two\nforward: {}\n"
    two = "family: two\nextends: one\nforward: {}\n"
    messages = problems(write(tmp_path / "mine", {"one.yaml": one, "two.yaml": two}), empty)
    assert all("extends itself" in p for p in messages)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("Name the colour of {{ thing }}.", "{{ thing.__class__ }}", "__class__"),
        (
            "Name the colour of {{ thing }}.",
            "{{ options }} {{ thing }}",
            "options are shown in the input of forward",
        ),
        ("which of these?{{ options | line }}", "which?", "options: required"),
        ("Name something {{ answer }}.", "Name something {{ answer", "inverted.find"),
        ("needs: {thing: text}", "needs: {thing: text, answer: text}", "the name is taken"),
        ("answer: green}", "answer: green, extra: x}", 'does not need, "extra"'),
        ("needs: {thing: text}", "needs: {thing: words}", "needs.thing"),
        ("{thing: grass,", "{thing: [grass],", "example.thing: the family needs a text"),
        ("needs: {thing: text}", "needs: {thing: number}", "example.thing: the family needs a number"),
        ("needs: {thing: text}", "needs: {thing: list}", "example.thing: the family needs a list of texts"),
        ("Name the colour of {{ thing }}.", "{{ upper(thing) }}", 'no function "upper". Functions: '),
    ],
)
def test_families_are_checked(tmp_path: Path, empty: Path, before: str, after: str, says: str) -> None:
    assert before in FAMILY
    messages = problems(colours(tmp_path / "mine", family=FAMILY.replace(before, after)), empty)
    assert any(says in p and "colour.yaml:" in p for p in messages), messages


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("mixture: m\nsize: 10\nhold_out: [nothing]\nparts: {mine: {}}\n", 'no benchmark "nothing"'),
        ("mixture: m\nsize: 10\nparts: {mien: {}}\n", 'no task has the submix "mien". Submixes: mine'),
        ("mixture: m\nsize: 10\nparts: {a: {select: {tasks: [colors]}}}\n", 'Did you mean "colours"?'),
        (
            "mixture: m\nsize: 10\nparts: {mine: {}, b: {select: {tasks: ['col*']}}}\n",
            'is in part "mine" already',
        ),
        ("mixture: m\nsize: 10\nstyles: {options: [dots]}\nparts: {mine: {}}\n", 'no options style "dots"'),
        ("mixture: m\nsize: 0\nparts: {mine: {}}\n", "greater than or equal to 1"),
        ("mixture: m\nsize: 10\nparts: {mine: {variants: {zs: 1}}}\n", "zs_opt"),
        ("mixture: m\nsize: 10\nshots: {min: 4, max: 2}\nparts: {mine: {}}\n", "min (4) is above max (2)"),
        (
            "mixture: m\nsize: 10\nshots: {templates: flan2022, max: 3}\nparts: {mine: {}}\n",
            "leave out `min`, `max` and `order`",
        ),
        (
            "mixture: m\nsize: 10\nshots: {templates: any}\nparts: {mine: {}}\n",
            "'same', 'mixed' or 'flan2022'",
        ),
        ("benchmark: b\nselect: {tasks: [colours]}\nask: {templates: [asks]}\n", 'no template "asks"'),
        ("benchmark: b\nselect: {submix: theirs}\n", 'no task has the submix "theirs"'),
        (
            "benchmark: b\nselect: {submix: mine}\nscore: number\n",
            "score: a score is a mapping with one of the keys: choices, generate",
        ),
        (
            "benchmark: b\nselect: {submix: mine}\nscore: {metrics: [f1]}\n",
            "a score needs exactly one of the keys",
        ),
        (
            "benchmark: b\nselect: {submix: mine}\nscore: {generate: 9, strict: {pattern: '(a'}}\n",
            "score.strict.pattern: not a pattern of RE2",
        ),
        (
            "benchmark: b\nselect: {submix: mine}\nscore: {generate: 9, strict: {pattern: '(a)'}}\n",
            "score.strict.pattern: ",
        ),
        (
            "benchmark: b\nselect: {submix: mine}\nscore: {generate: 9, strict: {take: last}}\n",
            "give `pattern`",
        ),
        (
            "benchmark: b\nselect: {submix: mine}\nscore: {generate: 9, stops: [Q]}\n",
            'unknown key "score.stops"',
        ),
        (
            "benchmark: b\nselect: {submix: mine}\nscore: {generate: 9, strict: {languages: {de: '(?P<answer>.)'}}}\n",
            "score.strict.languages: no pattern for en; give one, or `pattern`",
        ),
        (
            "benchmark: b\nselect: {submix: mine}\n"
            "score: {generate: 9, flexible: {pattern: '(?P<answer>.)', languages: {fr: '(?P<answer>.)'}}}\n",
            'score.flexible.languages.fr: no task answers in the language "fr". Languages: en.',
        ),
        ("benchmark: b\nselect: {submix: mine}\nscore: {choices: letters}\n", "score.choices: "),
    ],
)
def test_mixtures_and_benchmarks_are_checked(tmp_path: Path, empty: Path, card: str, says: str) -> None:
    messages = problems(write(colours(tmp_path / "mine"), {"mixed.yaml": card}), empty)
    assert any(says in p and "mixed.yaml:" in p for p in messages), messages


@pytest.mark.parametrize(("choices", "fits"), [("", False), (', choices: \'["green", "red"]\'', True)])
def test_a_score_of_choices_needs_tasks_with_choices(
    tmp_path: Path, empty: Path, choices: str, fits: bool
) -> None:
    family = FAMILY.split("options: closed")[0] + "options: none\nexample: {thing: grass, answer: green}\n"
    family += 'forward:\n  ask: {input: "What colour is {{ thing }}?", target: "{{ answer }}"}\n'
    task = TASK.replace("{choices: [green, red], index: label | int}", f"{{text: label{choices}}}")
    card = "benchmark: b\nselect: {submix: mine}\nscore: {choices: texts}\n"
    folder = write(colours(tmp_path / "mine", family=family, task=task), {"mixed.yaml": card})
    if fits:
        load_catalog([folder], embedded=empty)
    else:
        (problem,) = problems(folder, empty)
        assert 'mixed.yaml:3  score.choices: task "colours" has no choices' in problem


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        *(("a b", True), ("a+b", True), ("größe", True), ("任务", True), ("v1.5", True), ("_x", True)),
        *((".", False), ("..", False), (".hidden", False), ("dot.", False), ("a/b", False), ("-x", False)),
        *(("任" * 66, True), ("任" * 67, False), ("a" * 200, True), ("a" * 201, False)),
    ],
)
@pytest.mark.parametrize("kind", ["task", "submix"])
def test_a_name_can_be_a_folder(tmp_path: Path, empty: Path, kind: str, name: str, fits: bool) -> None:
    before = {"task": "task: colours", "submix": "submix: mine"}[kind]
    folder = colours(tmp_path / "mine", task=TASK.replace(before, f'{kind}: "{name}"'))
    if fits:
        load_catalog([folder], embedded=empty)
    else:
        assert any(p.startswith(f"{folder}/colours.yaml") and kind in p for p in problems(folder, empty))


@pytest.mark.parametrize(("kind", "before"), [("task", "task: colours"), ("submix", "submix: mine")])
@pytest.mark.parametrize(("one", "other"), [("größe", "GRÖSSE"), ("ab", "aB"), ("ab", "ａｂ")])
def test_names_that_a_file_system_may_take_for_one_are_refused(
    tmp_path: Path, empty: Path, kind: str, before: str, one: str, other: str
) -> None:
    folder = colours(tmp_path / "mine", task=TASK.replace(before, f'{kind}: "{one}"'))
    second = TASK.replace("task: colours", "task: others").replace("submix: mine", "submix: ours")
    before = before.replace("colours", "others").replace("mine", "ours")
    write(folder, {"others.yaml": second.replace(before, f'{kind}: "{other}"')})
    assert any("in case or Unicode form alone" in p for p in problems(folder, empty))


def test_a_benchmark_may_not_have_the_name_of_a_mixture(tmp_path: Path, empty: Path) -> None:
    mixture, benchmark = "mixture: m\nsize: 10\nparts: {mine: {}}\n", "benchmark: m\nselect: {submix: mine}\n"
    folder = write(colours(tmp_path / "mine"), {"a.yaml": mixture, "b.yaml": benchmark})
    (problem,) = problems(folder, empty)
    assert problem == f'{folder}/b.yaml:1  a mixture is named "m", too, at {folder}/a.yaml:1; rename one'


def test_styles_are_checked_and_may_not_clash(tmp_path: Path, empty: Path) -> None:
    styles = "options:\n  dashes: {item: '- {{ texts }}'}\n  labels: {item: 'x', answer: label}\n"
    messages = problems(write(tmp_path / "mine", {"_styles.yaml": styles}), empty)
    assert any("_styles.yaml:3" in p and "label" in p for p in messages)
    good = "options:\n  dashes: {item: '- {{ texts }}'}\n"
    messages = problems(write(tmp_path / "other", {"_styles.yaml": good, "more/_styles.yaml": good}), empty)
    assert any('no variable "texts"' in p for p in messages)
    assert any('a style "dashes" exists already' in p for p in messages)


def test_a_card_that_is_a_link_out_of_the_catalogue_is_refused(tmp_path: Path, empty: Path) -> None:
    write(tmp_path / "elsewhere", {"colours.yaml": TASK})
    folder = write(tmp_path / "mine", {"colour.yaml": FAMILY})
    (folder / "colours.yaml").symlink_to(tmp_path / "elsewhere" / "colours.yaml")
    (message,) = problems(folder, empty)
    assert "leaves the catalogue" in message


def test_the_embedded_collection_has_no_problems_and_loads_whole() -> None:
    catalog = load_catalog()
    assert {"starter", "niv2", "cot", "flan2021"} <= {task.card.submix for task in catalog.tasks.values()}
    assert sum(task.card.submix == "niv2" for task in catalog.tasks.values()) == 1556
