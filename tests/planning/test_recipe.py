"""From a name and settings to the tasks that are meant, and back from a recorded recipe."""

import json

import pytest

from flancollect.cards.mixture_card import MixtureCard, PartCard
from flancollect.cards.select import Select
from flancollect.errors import CheckError, UsageError
from flancollect.planning.plan import plan as make
from flancollect.planning.plan import plan_again
from flancollect.planning.recipe import Recipe, recipe_of_card
from flancollect.planning.resolve import write_lock
from flancollect.sources.table import SourceAccess
from tests.small import CATALOGUE, nothing_embedded, request

ALL = ["animal_quiz", "phrases", "reversals", "shop_talk", "town_mayors", "town_rivers", "weather_claims"]


def plan(name="small", catalogue=CATALOGUE, **more):
    with nothing_embedded():
        return make(request(name, catalogue, **more))


def names(planned):
    return [task.name for task in planned.tasks]


@pytest.mark.parametrize(
    ("name", "kind", "tasks"),
    [
        ("small", "mixture", [task for task in ALL if task != "town_mayors"]),
        ("questions", "benchmark", ["reversals", "weather_claims"]),
        ("phrases", "mixture", ["phrases"]),
        ("town_*", "mixture", ["town_mayors", "town_rivers"]),
    ],
)
def test_a_name_may_be_a_mixture_benchmark_task_or_glob(name, kind, tasks):
    planned = plan(name)
    assert (planned.recipe.kind, names(planned)) == (kind, tasks)


def test_a_submix_is_everything_in_it_when_no_mixture_has_its_name(copied):
    (copied / "small.yaml").unlink()
    planned = plan("small", copied)
    assert names(planned) == ALL
    assert all(task.quota == task.capacity for task in planned.tasks)


def test_a_name_that_nothing_has_says_what_is_near():
    with pytest.raises(
        UsageError, match=r'no mixture.* "smal".*There are: small, words, .*Did you mean "small"'
    ):
        plan("smal")


@pytest.mark.parametrize(
    ("only", "tasks"),
    [
        (("town_*", "phrases"), ["phrases", "town_rivers"]),
        (("!town_*",), ["animal_quiz", "phrases", "reversals", "shop_talk", "weather_claims"]),
        (("*s", "!reversals"), ["phrases", "town_rivers", "weather_claims"]),
    ],
)
def test_only_takes_globs_and_exclusions(only, tasks):
    assert names(plan(only=only)) == tasks


def test_only_what_is_planned_is_looked_at(copied):
    for broken in ("talk/talk.tsv", "weather/weather.csv"):
        (copied / broken).write_bytes(b"\xff")
    assert plan("small", copied, only=("phrases",)).skipped == ()


@pytest.mark.parametrize("rows", [0, -5])
def test_less_than_a_row_is_refused(rows):
    with pytest.raises(UsageError, match="ask for at least one row"):
        plan(rows=rows)


def test_a_source_that_fails_is_a_skip_with_its_reason(copied):
    (copied / "phrases" / "english.txt").write_text("one line\n")
    planned = plan("small", copied)
    (skip,) = [skip for skip in planned.skipped if skip.kind == "source"]
    assert skip.task == "phrases"
    assert "1 lines beside 12 rows" in skip.reason
    assert planned.rows == planned.rows_asked == 240


def test_the_lock_pins_nothing_of_a_file_that_changed(tmp_path, copied):
    """Without --frozen, a build looks at files as they are; the lock only spares the reading."""
    lock = tmp_path / "lock.json"
    with nothing_embedded():
        write_lock((), (copied,), SourceAccess(), lock)
    with (copied / "talk" / "talk.tsv").open("a") as file:
        file.write("One more?\tNo.\tGood.\n")
    planned = plan("shop_talk", copied, lock=lock)
    assert planned.tasks[0].rows == 11


def test_keys_tell_private_files_of_equal_path_apart(tmp_path, copied):
    other = tmp_path / "theirs"
    copied.rename(other)
    assert plan("phrases", other).tasks[0].source_key.endswith(" in theirs")
    assert plan("phrases").tasks[0].source_key.endswith(" in catalogue")


def test_a_catalogue_is_named_alike_however_it_is_given(monkeypatch):
    absolute = plan("phrases").tasks[0].source_key
    monkeypatch.chdir(CATALOGUE)
    assert plan("phrases", CATALOGUE.relative_to(CATALOGUE)).tasks[0].source_key == absolute


def test_a_recipe_of_which_something_is_gone_is_refused():
    card = MixtureCard(
        mixture="old", size=5, hold_out=["exam"], parts={"p": PartCard(select=Select(tasks=["phrases"]))}
    )
    recipe = recipe_of_card(card, request("old"))
    with (
        nothing_embedded(),
        pytest.raises(CheckError, match="not in the catalogue: gone, exam; give the --catalog"),
    ):
        plan_again(recipe, "gone", request("old"))


def test_a_recipe_read_from_its_json_is_the_same_recipe():
    recipe = plan("words", rows=7, only=("phrases", "!nothing")).recipe
    assert Recipe.model_validate(json.loads(json.dumps(recipe.model_dump(mode="json")))) == recipe
