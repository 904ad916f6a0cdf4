"""The starter collection: the grid's design, what its mixtures train on, and what its benchmarks keep."""

from collections import Counter

import numpy as np
import pytest

from flancollect.building.build import build
from flancollect.cards.catalog import load_catalog
from flancollect.cards.select import Select, select
from flancollect.cards.task_card import ChoicesAnswer, OptionsAnswer
from flancollect.dataset.reader import open_build
from flancollect.jinja.expression import compile_expression, compile_template
from flancollect.planning.request import BuildRequest
from flancollect.sources.synthetic import GENERATORS, candidates, open_split, problems
from tests.sources.synthetic.cells import first_rows

MIXTURES = ["starter", "starter-8", "starter-16", "starter-full", "chain-direct", "chain-cot"]
LADDER = {"starter-8": 1, "starter-16": 2, "starter": 3}
KINDS = ["letters", "words", "numbers", "names"]


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


@pytest.fixture(scope="module")
def tasks(catalog):
    return [task for task in catalog.tasks.values() if task.card.submix == "starter"]


def trained(catalog, name):
    """Tasks that a mixture trains on, by its parts, less the tasks that its benchmarks hold out."""
    mixture = catalog.mixtures[name].card
    chosen = {
        task
        for part_name, part in mixture.parts.items()
        for task in select(catalog.tasks.values(), part.select or Select(submix=part_name))
    }
    for held in mixture.hold_out:
        benchmark = catalog.benchmarks[held].card
        if "tasks" in benchmark.hold_out:
            chosen -= asked(catalog, held)
    return chosen


def asked(catalog, name):
    return set(select(catalog.tasks.values(), catalog.benchmarks[name].card.select))


def cells_of(names):
    """(operation, kind of item) of the grid's tasks among these names."""
    return [
        tuple(name.removeprefix("select_").rsplit("_", 1)) for name in names if name.startswith("select_")
    ]


def test_there_are_at_least_110_tasks_in_12_clusters(tasks):
    assert len(tasks) >= 110
    assert len({task.card.cluster for task in tasks}) >= 12


def test_each_step_of_the_ladder_has_one_kind_more_for_every_operation_and_all_kinds_alike(catalog):
    smaller = set()
    for name, kinds in LADDER.items():
        cells = cells_of(trained(catalog, name))
        assert len(cells) == len(trained(catalog, name)) == 8 * kinds
        assert set(Counter(operation for operation, _ in cells).values()) == {kinds}
        assert Counter(kind for _, kind in cells) == dict.fromkeys(KINDS, 2 * kinds)
        assert smaller < set(cells)
        smaller = set(cells)


def test_hold_out_cells_are_the_fourth_kind_of_every_operation_and_no_mixture_trains_on_them(catalog):
    held, cells = asked(catalog, "starter-cells"), cells_of(trained(catalog, "starter"))
    grid = {(operation, kind) for operation, _ in cells for kind in KINDS}
    assert set(cells_of(held)) == grid - set(cells)
    assert len(held) == 8
    assert Counter(kind for _, kind in cells_of(held)) == dict.fromkeys(KINDS, 2)
    for name in MIXTURES:
        assert not trained(catalog, name) & held


def test_the_ladder_is_of_one_size_zero_shot_and_asks_enough(catalog):
    for name in LADDER:
        card = catalog.mixtures[name].card
        assert card.size == 20_000
        assert [part.variants for part in card.parts.values()] == [{"zs_opt": 1}]
        assert "starter-cells" in card.hold_out
        for suite in (f"{name}-examples", f"{name}-phrasings", "starter-cells"):
            assert 200 <= len(asked(catalog, suite)) * catalog.benchmarks[suite].card.rows_per_task <= 600


def test_chain_mixtures_differ_in_the_family_only(catalog):
    direct, cot = (trained(catalog, name) for name in ("chain-direct", "chain-cot"))
    assert {name.replace("_direct_", "_chain_") for name in direct} == cot
    assert len(cot) == 6
    for name in direct:
        other = catalog.tasks[name.replace("_direct_", "_chain_")].card
        assert catalog.tasks[name].card.source == other.source
    sizes = {catalog.mixtures[name].card.size for name in ("chain-direct", "chain-cot")}
    assert len(sizes) == 1


def problems_of(name, out):
    """The source rows of a build of chains: what is told, how many steps, and which row."""
    build(BuildRequest(name), out)
    return [
        (*row["task_name"].split("_")[2:], row["provenance"]["split"], row["provenance"]["source_row"])
        for row in open_build(out)
    ]


@pytest.mark.parametrize(
    ("kind", "count"), [("", 20_000), ("-examples", 600), ("-phrasings", 600), ("-longer", 400)]
)
def test_chains_are_the_same_problems_in_both_styles(tmp_path, kind, count):
    cot, direct = (problems_of(f"{name}{kind}", tmp_path / name) for name in ("chain-cot", "chain-direct"))
    assert len(cot) == count
    assert Counter(cot) == Counter(direct)


def test_longer_chains_are_hold_out_everywhere(catalog):
    longer = asked(catalog, "chain-direct-longer") | asked(catalog, "chain-cot-longer")
    assert len(longer) == 8
    assert not any(trained(catalog, name) & longer for name in MIXTURES)


@pytest.mark.parametrize("name", MIXTURES)
def test_examples_and_phrasings_are_asked_of_just_the_trained_tasks(catalog, name):
    for kind, templates in (("examples", "trained"), ("phrasings", "hold_out")):
        benchmark = catalog.benchmarks[f"{name}-{kind}"].card
        assert asked(catalog, f"{name}-{kind}") == trained(catalog, name)
        assert benchmark.ask.templates == templates
        assert benchmark.ask.shots == 0
        assert benchmark.benchmark in catalog.mixtures[name].card.hold_out


def test_every_source_names_a_generator_and_all_its_parameters(tasks):
    assert [f"{task.card.task}: {wrong}" for task in tasks for wrong in problems(task.card.source)] == []


def test_every_family_has_eight_to_ten_templates_and_two_of_them_hold_out(catalog, tasks):
    families = {task.family.name: task.family for task in tasks}
    assert {name for name in catalog.families if name.startswith("starter_")} == set(families)
    for family in families.values():
        forward = [w for w in family.templates if w.direction == "forward"]
        assert 8 <= len(forward) <= 10
        assert sum(w.hold_out for w in forward) == 2
        assert len({w.input for w in forward}) == len(forward)


def sample(task, count=3):
    source = task.card.source
    stream = candidates(source.synthetic, source.parameters())
    return [next(stream) for _ in range(count)]


def test_expressions_give_text_and_answers_lie_among_the_options(tasks):
    for task in tasks:
        card = task.card
        for row in sample(task):
            for text in card.fields.values():
                value = compile_expression(text).evaluate(row)
                assert isinstance(value, str)
                assert value
            if isinstance(card.answer, ChoicesAnswer):
                assert 0 <= compile_expression(card.answer.index).evaluate(row) < len(card.answer.choices)
            elif isinstance(card.answer, OptionsAnswer):
                options = compile_expression(card.answer.options).evaluate(row)
                assert 0 <= compile_expression(card.answer.index).evaluate(row) < len(options)
            else:
                assert compile_expression(card.answer.text).evaluate(row)


def questions(task, split):
    """What rows of a split ask, as the family sees it: the card's fields, without the answer."""
    source = task.card.source.model_copy(update={"rows": 200, "validation_rows": 0, "test_rows": 50})
    table = open_split(source, split)
    fields = [compile_expression(text) for text in task.card.fields.values()]
    rows = table.take(np.arange(table.rows), table.schema.names).rows()
    return {tuple(field.evaluate(row) for field in fields) for row in rows}


def test_no_question_of_a_test_split_is_asked_in_training(tasks):
    shared = [task.card.task for task in tasks if questions(task, "train") & questions(task, "test")]
    assert shared == []


def answer_of(card, row):
    if isinstance(card.answer, ChoicesAnswer):
        return card.answer.choices, card.answer.choices[row[card.answer.index]]
    if isinstance(card.answer, OptionsAnswer):
        return row["options"], row["options"][row[card.answer.index]]
    return [], row[card.answer.text]


def test_every_template_renders_to_short_clean_text_that_shows_every_field_it_needs(tasks):
    for task in tasks:
        (row,) = sample(task, 1)
        options, answer = answer_of(task.card, row)
        fields = {name: compile_expression(text).evaluate(row) for name, text in task.card.fields.items()}
        listed = "Options:\n" + "\n".join(f"- {option}" for option in options) if options else ""
        values = {**fields, "answer": answer, "choices": options, "options": listed}
        for template in task.family.templates:
            shown = {
                name: v for name, v in values.items() if name != "options" or task.family.options != "none"
            }
            if template.options == "never" and "options" in shown:
                shown["options"] = ""
            prompt = compile_template(template.input).render(shown)
            target = compile_template(template.target).render(shown)
            assert len(prompt.split()) < 110, (template.id, prompt)
            assert "  " not in prompt.replace("\n", "|")
            assert prompt == prompt.strip()
            assert target == target.strip() != ""
            assert "{" not in prompt + target


def test_label_names_of_cards_match_their_generators(tasks):
    for task in tasks:
        card = task.card
        if isinstance(card.answer, ChoicesAnswer) and "label" in card.answer.index:
            source = card.source
            rows = first_rows(source.synthetic, tuple(source.parameters()[n] for n in source_order(source)))
            assert {row["label"] for row in rows} == set(range(len(card.answer.choices)))


def source_order(source):
    return GENERATORS[source.synthetic].parameters
