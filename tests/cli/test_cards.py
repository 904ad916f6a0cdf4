import json

import pytest

from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.family_card import FamilyCard
from flancollect.cards.json_schema import card_schemas
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.style_card import StylesCard
from flancollect.cards.task_card import TaskCard
from tests.small import CATALOGUE, command

TASKS = ["animal_quiz", "phrases", "reversals", "shop_talk", "town_mayors", "town_rivers", "weather_claims"]


def test_check_counts_what_is_there():
    ran = command("cards", "check")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "small: 7 tasks"
    assert ran.out.splitlines()[-1].startswith("7 tasks, 6 families, 19 templates, 2 mixtures, 2 benchmarks")


def test_check_says_which_templates_are_left_to_jinja_and_why(tmp_path):
    (tmp_path / "odd.yaml").write_text(
        """family: odd
needs: {text: text}
example: {text: some, answer: more}
forward:
  plain: {input: "{{ text }}", target: "{{ answer }}"}
  own: {input: "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(text) }}", target: "{{ answer }}"}
""",
        encoding="utf-8",
    )
    ran = command("cards", "check", "--verbose", "--catalog", str(tmp_path))
    (line,) = [line for line in ran.err.splitlines() if line.startswith("not compiled: ")]
    assert line.endswith("odd.yaml:6  forward.own.input: macro is not covered")
    assert "templates: " in ran.err
    values = json.loads(command("cards", "check", "--verbose", "--json", "--catalog", str(tmp_path)).out)
    assert len(values["not_compiled"]) == 1
    assert values["compiled"] > 19


def test_list_prints_objects_with_the_promised_keys():
    listed = json.loads(command("cards", "list", "--json").out)
    assert [row["task"] for row in listed] == TASKS
    promised = {"task", "submix", "family", "source", "license", "languages", "cluster"}
    assert all(promised <= row.keys() for row in listed)
    rivers = next(row for row in listed if row["task"] == "town_rivers")
    assert rivers["submix"] == "small"
    assert rivers["family"] == "fact"
    assert rivers["source"].endswith(" in catalogue")
    assert rivers["license"] == "cc0-1.0"
    assert rivers["languages"] == ["en", "cy"]
    assert rivers["cluster"] == "facts"


def test_list_narrows_to_a_submix_and_prints_one_line_a_task():
    lines = command("cards", "list", "--submix", "small").out.splitlines()
    assert [line.split("\t")[0] for line in lines] == TASKS


def test_show_gives_a_card_as_it_was_filled_in():
    card = json.loads(command("cards", "show", "town_rivers", "--json").out)
    assert card["file"] == f"{CATALOGUE}/facts/town_facts.yaml"
    assert card["source"]["files"] == "facts/rivers.json"
    assert card["citation"] == "towns2024"
    assert card["template_ids"] == ["forward/as_given", "forward/labelled", "inverted/which_place"]
    mayors = json.loads(command("cards", "show", "town_mayors", "--json").out)
    assert "citation" not in mayors
    hold_out = command("cards", "show", "weather_claims").out
    assert "forward/unseen (held out)" in hold_out


def test_show_says_what_a_family_needs_with_a_task_and_by_itself():
    shown = command("cards", "show", TASKS[0], "--json")
    values = json.loads(shown.out)
    assert {"needs", "options", "example", "template_ids"} <= set(values)
    family = json.loads(command("cards", "show", values["family"], "--json").out)
    assert {name: values[name] for name in ("needs", "options", "example", "template_ids")} == {
        name: family[name] for name in ("needs", "options", "example", "template_ids")
    }
    assert f"needs: {values['needs']}" in command("cards", "show", values["family"]).out


def test_schema_is_printed_or_written(tmp_path):
    printed = json.loads(command("cards", "schema", catalogue=None).out)
    assert printed.keys() == {"task", "family", "styles", "mixture", "benchmark"}
    ran = command("cards", "schema", "--out", tmp_path / "schemas", catalogue=None)
    assert ran.code == 0
    for line in ran.out.splitlines():
        name = line.rpartition("/")[2].removesuffix(".schema.json")
        assert json.loads((tmp_path / "schemas" / f"{name}.schema.json").read_text()) == printed[name]


def test_schema_in_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    ran = command("cards", "schema", "--out", tmp_path / "file" / "x", catalogue=None)
    assert ran.code == 2
    assert f"--out {tmp_path}/file/x: cannot be written" in ran.err


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("task", TaskCard),
        ("family", FamilyCard),
        ("styles", StylesCard),
        ("mixture", MixtureCard),
        ("benchmark", BenchmarkCard),
    ],
)
def test_a_schema_knows_the_keys_that_the_loader_knows(kind, model):
    schema = card_schemas()[kind]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(model.model_fields) | ({"expand"} if kind == "task" else set())
