import json

import pytest
from datasets import load_from_disk

from flancollect.building.build import build
from flancollect.building.preview import preview
from flancollect.errors import CardError, SourceError, UsageError
from flancollect.planning.request import BuildRequest
from tests.catalogs import TASK, colours
from tests.small import built, command, nothing_embedded, request


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("small") / "out"
    built(out)
    return load_from_disk(str(out)).to_list()


def shown(name, n, variant=None):
    with nothing_embedded():
        return preview(request(name), n, variant).rows


def texts(rows):
    return {(row["task_name"], row["template_type"], row["inputs"], row["targets"]) for row in rows}


def test_the_rows_of_a_mixture_are_rows_of_its_build(small):
    rows = shown("small", 9)
    assert len(rows) == 9
    assert len({row.task_name for row in rows}) > 3
    assert {(r.task_name, r.template_type, r.inputs, r.targets) for r in rows} <= texts(small)


@pytest.mark.parametrize(
    "variant", ["zs_opt", "fs_opt", "zs_noopt", "fs_noopt", "zs_opt_inv", "fs_opt_inv", "fs_noopt_inv"]
)
def test_any_variant_of_a_task_can_be_looked_at(variant):
    rows = shown("weather_claims", 5, variant)
    assert [(row.task_name, row.template_type) for row in rows] == [("weather_claims", variant)] * 5
    directions = {row.template_id.split("/")[1] for row in rows}
    assert directions == {"inverted" if variant.endswith("inv") else "forward"}


def test_a_variant_narrows_a_mixture_to_the_tasks_that_have_it():
    rows = shown("small", 20, "zs_opt_inv")
    assert {row.template_type for row in rows} == {"zs_opt_inv"}
    assert {row.task_name for row in rows} == {"weather_claims", "animal_quiz", "phrases", "town_rivers"}


def test_a_variant_of_a_build_shows_its_rows(small):
    rows = shown("small", 6, "fs_opt")
    theirs = {row.task_name: row for row in rows}
    for row in theirs.values():
        same_task = [r for r in small if (r["task_name"], r["template_type"]) == (row.task_name, "fs_opt")]
        assert (row.inputs, row.targets) in [(r["inputs"], r["targets"]) for r in same_task]


def test_a_benchmark_shows_its_questions():
    rows = shown("questions", 4)
    assert {row.template_id for row in rows} == {"claim/forward/unseen", "edit/forward/unseen"}
    assert {row.template_type for row in rows} == {"zs_opt"}


def test_fewer_rows_than_asked_are_all_there_are():
    assert len(shown("town_rivers", 50, "zs_opt")) == 8


def test_nothing_of_the_variant_is_said_with_the_reason():
    with pytest.raises(
        UsageError, match="shop_talk: no template for the variant zs_opt_inv; shop_talk: family "
    ):
        shown("shop_talk", 1, "zs_opt_inv")


def test_rows_that_all_fall_away_are_an_error_with_the_reasons(tmp_path):
    colours(tmp_path, task=TASK.replace("index: label | int", "index: thing"))
    with (
        nothing_embedded(),
        pytest.raises(SourceError, match=r"none of 8 rows is usable .8 rows: answer.index: str"),
    ):
        preview(BuildRequest("colours", catalogs=(tmp_path,)))


def test_a_card_that_does_not_fit_its_source_is_a_bad_card_as_in_a_build(tmp_path):
    colours(tmp_path, task=TASK.replace("{thing: thing}", "{thing: thnig}"))
    misfit = BuildRequest("colours", catalogs=(tmp_path,))
    with nothing_embedded(), pytest.raises(CardError, match=r"colours.yaml:6.*thnig"):
        preview(misfit)
    with nothing_embedded(), pytest.raises(CardError, match=r"colours.yaml:6.*thnig"):
        build(misfit, tmp_path / "out")


def test_at_least_one_row_is_asked_for():
    with pytest.raises(UsageError, match="-n 0"):
        preview("starter", n=0)


def test_for_people_it_shows_prompt_and_target():
    ran = command("preview", "phrases", "-n", 1, "--variant", "zs_opt")
    row = json.loads(command("preview", "phrases", "-n", 1, "--variant", "zs_opt", "--json").out)["rows"][0]
    assert ran.out == (
        f"=== phrases · zs_opt · {row['template_id']}\n{row['inputs']}\n--- target\n{row['targets']}\n"
    )


def test_another_seed_shows_other_rows():
    one, two = (
        command("preview", "reversals", "-n", 5, "--variant", "zs_opt", "--seed", seed).out for seed in (0, 1)
    )
    assert one != two
