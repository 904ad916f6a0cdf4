"""import promptsource: a checkout becomes tasks that load and build."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flancollect.building.build import build
from flancollect.cards.catalog import load_catalog
from flancollect.errors import UsageError
from flancollect.importers import import_catalogue
from flancollect.planning.request import BuildRequest
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess
from tests.catalogs import write
from tests.importers import checkouts

TASKS = ["p3_fruits_small_guess", "p3_fruits_small_taste_which_"]


def imported(tmp_path: Path, text: str = checkouts.P3) -> Path:
    import_catalogue("promptsource", checkouts.promptsource(tmp_path / "src", text), tmp_path / "out")
    return tmp_path / "out"


def test_every_template_is_a_task_named_by_the_rule_of_t0(tmp_path: Path) -> None:
    catalog = load_catalog([imported(tmp_path)])
    assert list(catalog.tasks) == TASKS
    card = catalog.tasks[TASKS[1]].card
    assert (card.templates, card.metric, card.languages) == (["taste_which_"], "accuracy", ["en"])
    assert card.fields == {"answer_": "answer", "label": "label", "name": "name", "options_": "options"}


def test_what_cannot_be_converted_is_listed(tmp_path: Path) -> None:
    with (imported(tmp_path) / "not_converted.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["path"], row["name"]) == ("promptsource/templates/fruits/small/templates.yaml", "spell")
    assert 'no filter named "spell"' in row["reason"]


def test_the_tasks_build(tmp_path: Path) -> None:
    home = tmp_path / "hub" / "legacy" / "fruits" / "small"
    home.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(checkouts.FRUITS), home / "train.parquet")
    mirror = write(tmp_path, {"mirror.yaml": "hub: [hub]"}) / "mirror.yaml"
    request = BuildRequest(
        name="p3_fruits_*",
        catalogs=(imported(tmp_path),),
        access=SourceAccess(mirror=load_mirror(mirror), offline=True),
    )
    built = build(request, tmp_path / "built")
    assert not built.manifest.skipped
    table = checkouts.rows_of(tmp_path / "built")
    texts = {(row["inputs"], row["targets"]) for row in table if row["template_type"] == "zs_opt"}
    assert ("How does Lime  taste?", "sour") in texts
    guesses = {target for prompt, target in texts if prompt.startswith("Is ")}
    assert guesses == {"yes", "no"}
    assert all(row["provenance"]["answer"] == row["targets"] for row in table)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dataset: a\ntemplates: {x: !!python/object/apply:os.system ['true']}", "not YAML"),
        ("dataset: a\ntemplates: [1]", "no mapping with the keys"),
        ("- 1", "no mapping with the keys"),
        ("a: &a [1]\nb: &b {<<: [{c: *a}]}\ndataset: d\ntemplates: {x: *b}", "tag:yaml.org,2002:merge"),
        ("[" * 30, "not YAML of templates"),
    ],
)
def test_files_that_are_no_templates_are_listed(tmp_path: Path, text: str, reason: str) -> None:
    src = checkouts.promptsource(tmp_path / "src")
    checkouts.promptsource(src, text, "odd")
    conversion = import_catalogue("promptsource", src, tmp_path / "out")
    (failure,) = (item for item in conversion.not_converted if "odd" in item.path)
    assert reason in failure.reason


def test_a_link_out_of_the_checkout_is_not_followed(tmp_path: Path) -> None:
    src = checkouts.promptsource(tmp_path / "src")
    secret = (
        checkouts.promptsource(tmp_path / "elsewhere") / "promptsource/templates/fruits/small/templates.yaml"
    )
    link = src / "promptsource/templates/linked/templates.yaml"
    link.parent.mkdir()
    link.symlink_to(secret)
    conversion = import_catalogue("promptsource", src, tmp_path / "out")
    assert [item.reason for item in conversion.not_converted if "linked" in item.path] == [
        "the link leaves the checkout"
    ]


def test_datasets_whose_names_run_together_stay_apart(tmp_path: Path) -> None:
    src = checkouts.promptsource(tmp_path / "src")
    checkouts.promptsource(
        src, checkouts.P3.replace("dataset: fruits\n    subset: small", "dataset: fruits_small"), "x"
    )
    import_catalogue("promptsource", src, tmp_path / "out")
    assert len(load_catalog([tmp_path / "out"]).tasks) == 4


def test_a_folder_without_templates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    with pytest.raises(UsageError, match="bigscience-workshop/promptsource"):
        import_catalogue("promptsource", tmp_path / "src", tmp_path / "out")
    assert not (tmp_path / "out").exists()
