"""import flan: pattern tables become families that load and render."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.entries import Catalog
from flancollect.cards.family import Template
from flancollect.errors import UsageError
from flancollect.importers import import_catalogue
from flancollect.importers.conversion import Conversion
from flancollect.render.examples import PLAIN_OPTIONS, check_examples, render_example
from tests.importers import checkouts


def imported(tmp_path: Path) -> tuple[Conversion, Catalog]:
    conversion = import_catalogue("flan", checkouts.flan(tmp_path / "src"), tmp_path / "out")
    return conversion, load_catalog([tmp_path / "out"])


def templates(catalog: Catalog, family: str) -> dict[str, Template]:
    return {template.name: template for template in catalog.families[family].templates}


def test_patterns_become_templates_and_turned_ones_inverted(tmp_path: Path) -> None:
    _, catalog = imported(tmp_path)
    check_examples(catalog.families.values())
    by_name = templates(catalog, "flan_v2_taste")
    assert {name: (template.direction, template.input) for name, template in by_name.items()} == {
        "pattern_0": ("forward", "Is {{ fruit }} sweet?{{ options | para }}"),
        "pattern_1": ("forward", "{{ fruit }} tastes:{{ options | line }}"),
        "pattern_2": ("inverted", "Name something {{ answer }}."),
        "pattern_3": ("forward", 'Braces {{ "{" }}here} and {{ fruit }}'),
    }


def test_literal_braces_come_out_as_they_went_in(tmp_path: Path) -> None:
    _, catalog = imported(tmp_path)
    family = catalog.families["flan_v2_taste"]
    example = render_example(family, templates(catalog, family.name)["pattern_3"], PLAIN_OPTIONS)
    assert example.input == "Braces {here} and the fruit"


def test_few_shot_patterns_announce_their_target(tmp_path: Path) -> None:
    _, catalog = imported(tmp_path)
    template = templates(catalog, "flan_v2_fewshot_taste")["pattern_0"]
    assert (template.intro, template.input) == ("{{ Definition }}", "Fruit: {{ fruit }}\nTaste:")


def test_an_alias_has_the_same_templates(tmp_path: Path) -> None:
    _, catalog = imported(tmp_path)
    assert catalog.families["flan_v2_flavour"].templates == catalog.families["flan_v2_taste"].templates


def test_what_cannot_be_converted_is_counted_with_its_reason(tmp_path: Path) -> None:
    conversion, _ = imported(tmp_path)
    assert (conversion.converted, conversion.total) == (5, 9)
    assert {item.name: item.reason.split(":")[0] for item in conversion.not_converted} == {
        "PATTERNS['taste'][4]": "{fruit} is more than a name",
        "PATTERNS['taste'][5]": "the target holds the list of options; our templates show it in the prompt",
        "PATTERNS['taste'][6]": "neither a pair of texts nor a call with texts",
        "FEWSHOT_PATTERNS['taste'][1]": "input_pattern",
    }


def test_a_need_may_be_called_answer(tmp_path: Path) -> None:
    text = 'PATTERNS = {"ask": [("What has the answer {answer}?", "{question}")] * 1}'
    checkouts.flan(tmp_path / "src", text.replace(" * 1", ""))
    import_catalogue("flan", tmp_path / "src", tmp_path / "out")
    (template,) = load_catalog([tmp_path / "out"]).families["flan_v2_ask"].templates
    assert (template.input, template.target) == ("What has the answer {{ answer_ }}?", "{{ answer }}")


@pytest.mark.parametrize("inputs", ["", " ", "{options_}", "\\n{options_}"])
def test_a_pattern_that_asks_nothing_is_counted_with_its_reason(tmp_path: Path, inputs: str) -> None:
    text = f'PATTERNS = {{"ask": [("{inputs}", "{{fruit}}"), ("Is {{fruit}} sweet?", "{{answer}}")]}}'
    checkouts.flan(tmp_path / "src", text)
    conversion = import_catalogue("flan", tmp_path / "src", tmp_path / "out")
    assert conversion.converted == 1
    (item,) = conversion.not_converted
    assert (item.name, item.reason) == (
        "PATTERNS['ask'][0]",
        "the prompt is empty, or the list of options alone",
    )


def test_a_value_called_options_is_no_list_of_options(tmp_path: Path) -> None:
    checkouts.flan(tmp_path / "src", 'PATTERNS = {"ask": [("Which of {options}?", "{answer}")]}')
    import_catalogue("flan", tmp_path / "src", tmp_path / "out")
    family = load_catalog([tmp_path / "out"]).families["flan_v2_ask"]
    assert (family.options, dict(family.needs)) == ("none", {"options_": "any"})


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="google-research/FLAN"):
        import_catalogue("flan", checkouts.flan(tmp_path / "src", "x = 1"), tmp_path / "out")
