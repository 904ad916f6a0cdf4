import csv
import json

import pytest
from datasets import load_from_disk

from flancollect.building.trace import why
from tests.small import CATALOGUE, built, command, nothing_embedded, request


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("small") / "out"
    built(out)
    return out


@pytest.fixture(scope="module")
def rows(small):
    return load_from_disk(str(small)).to_list()


def test_a_row_of_every_job_and_template_comes_out_the_same(small, rows):
    seen = {}
    for number, row in enumerate(rows):
        styles = [row["provenance"][f"{kind}_style"] is None for kind in ("option", "shot", "dialog")]
        seen.setdefault((row["task_name"], row["template_type"], row["template_id"], *styles), number)
    assert len(seen) > 30
    with nothing_embedded():
        for number in seen.values():
            trace, row = why(small, number, request("")), rows[number]
            assert trace.rendered_again, number
            assert (trace.inputs, trace.targets) == (row["inputs"], row["targets"])
            assert (trace.task, trace.variant, trace.template) == (
                row["task_name"],
                row["template_type"],
                row["template_id"],
            )
            assert {name: getattr(trace, name) for name in row["provenance"]} == row["provenance"]


@pytest.mark.parametrize("name", ["questions", "sayings", "words"])
def test_rows_of_other_builds_come_out_the_same(tmp_path, name):
    out = tmp_path / "out"
    built(out, request(name, rows=60, seed=5, only=("!phrases",)))
    with nothing_embedded():
        numbers = range(0, len(load_from_disk(str(out))), 3)
        assert numbers
        assert all(why(out, number, request("")).rendered_again for number in numbers)


def test_it_names_card_template_and_source_row(small, rows):
    number = next(
        n
        for n, row in enumerate(rows)
        if (row["task_name"], row["template_type"]) == ("weather_claims", "fs_opt")
    )
    said = json.loads(command("why", small, number, "--json").out)
    with (CATALOGUE / "weather" / "weather.csv").open(newline="") as file:
        source = list(csv.DictReader(file))[said["source_row"]]
    assert said["fields"] == {"report": source["report"], "claim": source["claim"]}
    assert said["card"] == f"{CATALOGUE}/weather/weather_claims.yaml:1"
    assert said["source"] == "files:csv:weather/weather.csv in catalogue"
    assert said["revision"].startswith("sha256:")
    file, _, line = said["template_at"].rpartition(":")
    name = said["template"].rpartition("/")[2]
    assert (CATALOGUE / "weather" / "claim.yaml").read_text().splitlines()[int(line) - 1] == f"  {name}:"
    assert file == f"{CATALOGUE}/weather/claim.yaml"
    assert said["exemplar_source"] == "pool"
    assert said["rendered_again"] is True


def test_for_people_it_says_the_same(small, rows):
    number = next(n for n, row in enumerate(rows) if row["template_type"] == "fs_opt")
    ran = command("why", small, number)
    assert ran.code == 0
    assert f"row {number}: task {rows[number]['task_name']} (" in ran.out
    assert "rendered again: the same text" in ran.out
    assert rows[number]["inputs"] in ran.out


def number_of(out, task):
    return next(n for n, row in enumerate(load_from_disk(str(out))) if row["task_name"] == task)


def test_a_changed_template_is_told(tmp_path, copied):
    out = tmp_path / "out"
    built(out, request(catalogue=copied))
    number = number_of(out, "shop_talk")
    family = copied / "talk" / "reply.yaml"
    family.write_text(family.read_text().replace("What is said next?", "And then?"))
    ran = command("why", out, number, catalogue=copied)
    assert ran.code == 5
    assert "rendered again: DIFFERENT" in ran.out
    assert f"{out}: row {number} comes out differently now" in ran.err
    family.write_text(family.read_text().replace("what_next", "what_then"))
    gone = command("why", out, number, catalogue=copied)
    assert gone.code == 5
    assert "template reply/forward/what_next is not in the catalogue any more" in gone.err


def test_a_style_that_is_gone_is_told(tmp_path, copied):
    out = tmp_path / "out"
    built(out, request(catalogue=copied))
    styles = copied / "_styles.yaml"
    styles.write_text(styles.read_text().replace("  dashes: {speakers", "  bars: {speakers"))
    rows = enumerate(load_from_disk(str(out)))
    number = next(n for n, row in rows if row["provenance"]["dialog_style"] == "dashes")
    ran = command("why", out, number, catalogue=copied)
    assert ran.code == 5
    assert "dialog style dashes is not in the catalogue any more" in ran.err


def test_a_source_that_is_gone_is_told(tmp_path, copied):
    out = tmp_path / "out"
    built(out, request(catalogue=copied))
    number = number_of(out, "phrases")
    (copied / "phrases" / "german.txt").unlink()
    ran = command("why", out, number, catalogue=copied)
    assert ran.code == 5
    assert "task phrases cannot be read again: phrases/german.txt: no such file" in ran.err


def test_a_catalogue_without_the_task_is_told(small, tmp_path):
    (tmp_path / "empty").mkdir()
    ran = command("why", small, 0, catalogue=tmp_path / "empty")
    assert ran.code == 5
    task = load_from_disk(str(small))[0]["task_name"]
    said = f"not in the catalogue: {task}, questions, sayings; give the --catalog that it was built with"
    assert said in ran.err


@pytest.mark.parametrize("row", [240, 1000])
def test_a_row_that_is_not_there(small, row):
    ran = command("why", small, row)
    assert ran.code == 2
    assert f"no row {row}; rows are 0..239" in ran.err
