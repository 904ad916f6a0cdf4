import csv
import gzip
import json
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from datasets import Features, List, Value, load_from_disk

from flancollect.artifacts import Manifest
from flancollect.cards.catalog import load_catalog
from flancollect.dataset.schemas import MIXTURE
from flancollect.sources import open_table
from flancollect.sources.table import SourceAccess
from tests.small import CATALOGUE, EMPTY, built, command, request

TALK = CATALOGUE / "talk" / "talk.tsv"
COLUMNS = ["inputs", "targets", "task_source", "task_name", "template_type", "template_id", "provenance"]
TEXT = Value("string")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The mixture `small`, built by one worker."""
    out = tmp_path_factory.mktemp("small") / "out"
    built(out)
    return out


@pytest.fixture(scope="module")
def rows(small):
    return load_from_disk(str(small)).to_list()


def files_of(out):
    """Every byte of a build folder, save its own report and work."""
    names = [path for path in out.iterdir() if path.is_file() and path.name != "report.json"]
    return {path.name: path.read_bytes() for path in names}


def manifest_of(out):
    return Manifest.model_validate_json((out / "manifest.json").read_bytes())


def by_job(manifest):
    return {(task.task, task.variant): task for task in manifest.tasks}


def test_datasets_opens_the_documented_columns(small):
    opened = load_from_disk(str(small))
    assert opened.column_names == COLUMNS == MIXTURE.names
    assert opened.num_rows == 240
    names = ("split", "option_style", "shot_style", "dialog_style", "exemplar_source", "answer")
    provenance = dict.fromkeys(names, TEXT) | {
        "source_row": Value("int64"),
        "repeat": Value("int32"),
        "cut_bytes": Value("int32"),
        "exemplars": List(Value("int64")),
        "exemplar_templates": List(TEXT),
        "options": List(TEXT),
    }
    assert opened.features == Features(dict.fromkeys(COLUMNS[:-1], TEXT) | {"provenance": provenance})


def test_the_manifest_counts_what_is_there(small, rows):
    manifest = manifest_of(small)
    there = Counter((row["task_name"], row["template_type"]) for row in rows)
    assert there == {name: task.rows for name, task in by_job(manifest).items()}
    assert manifest.rows == manifest.rows_asked == 240
    assert (manifest.coverage.built_tasks, manifest.coverage.planned_tasks) == (6, 6)
    assert [(skip.task, skip.kind) for skip in manifest.skipped] == [("town_mayors", "hold_out")]
    assert {reason for task in manifest.tasks for reason in task.dropped} == {"unlabelled", "where"}


def test_two_workers_write_the_same_bytes_as_one(tmp_path):
    for workers in (1, 2):
        built(tmp_path / str(workers), workers=workers, shard_bytes=8000)
    assert len(manifest_of(tmp_path / "1").shards) > 4
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


def test_another_seed_draws_anew(small, rows, tmp_path):
    built(tmp_path / "out", request(seed=1))
    other = load_from_disk(str(tmp_path / "out")).to_list()
    assert manifest_of(tmp_path / "out").content_hash != manifest_of(small).content_hash
    assert len(other) == len(rows)
    assert [row["inputs"] for row in other] != [row["inputs"] for row in rows]
    assert sorted(row["inputs"] for row in other) != sorted(row["inputs"] for row in rows)


def test_rows_of_all_tasks_are_mixed(rows):
    """In order of tasks, neighbours would nearly always share their task."""
    same = sum(a["task_name"] == b["task_name"] for a, b in pairwise(rows))
    assert same < len(rows) // 2


# --- what the rows say -------------------------------------------------------------------------------------


def test_hold_out_rows_templates_and_tasks_are_nowhere(rows):
    assert not any("nseen" in row["inputs"] for row in rows)
    assert "town_mayors" not in {row["task_name"] for row in rows}
    last_two = ("Dew covered the grass.", "A gale took two roofs.")
    assert not any(text in row["inputs"] for row in rows for text in last_two)


def test_odd_characters_arrive_unchanged(rows):
    said = "\n".join(row["inputs"] + "\n" + row["targets"] for row in rows)
    for text in (
        'It rained, and "hard", from dawn.',
        "Fog rolled in\nover two valleys.",
        "{{ report }} is not a template here.",
        "Braces stay { as } they are.",
        "north 🌬️ with ❄️",
        "هطل المطر طوال الليل.",
        "ich weiß {{ nichts }}",
        'das "große" Haus',
        "Is the café open?",
        'A "loaf" of bread.',
        "🏞️",
        "Combe\nSt. Ann",
        'the "Old" Drain',
    ):
        assert text in said, text


def test_options_are_shown_in_opt_variants_and_nowhere_else(rows):
    claims = [row for row in rows if row["task_name"] == "weather_claims"]
    for row in claims:
        shown = row["provenance"]["options"]
        listed = "Options:\n- no\n- yes", "Answer by letter:\n(A) no\n(B) yes", "Choose: no or yes"
        assert bool(shown) == any(text in row["inputs"] for text in listed)
        if "noopt" in row["template_type"] or "inv" in row["template_type"]:
            assert shown == []
        if row["provenance"]["option_style"] == "letters":
            label = {"no": "(A)", "yes": "(B)"}[row["provenance"]["answer"]]
            assert row["targets"] == label
        elif "inv" not in row["template_type"]:
            assert row["targets"] == row["provenance"]["answer"]
    assert {row["provenance"]["option_style"] for row in claims} == {"dashes", "letters", "in_line", None}
    ids = {row["template_id"] for row in claims if "_noopt" in row["template_type"]}
    assert "claim/forward/pick_one" not in ids
    assert "claim/forward/yes_or_no" in ids


def test_every_exemplar_is_another_row_of_the_same_task_and_is_shown(rows):
    few = [row for row in rows if row["template_type"].startswith("fs_")]
    assert len(few) == 100
    counts = Counter()
    for row in few:
        numbers, own = row["provenance"]["exemplars"], row["provenance"]["source_row"]
        counts[len(numbers)] += 1
        pool = SOURCES[row["task_name"]]()
        exemplars = EXAMPLES[row["task_name"]]() if row["provenance"]["exemplar_source"] == "card" else pool
        assert row["provenance"]["exemplar_source"] == "card" or own not in numbers
        assert len(set(numbers)) == len(numbers)
        assert len(row["inputs"].encode()) <= 400
        asked, known = pool[own], [exemplars[number] for number in numbers]
        assert asked not in known
        question = row["targets"] if row["template_type"].endswith("_inv") else row["inputs"]
        places = [row["inputs"].index(part) for part in known]
        assert asked in question
        assert places == sorted(places), "exemplars stand in the order of their numbers"
        if row["provenance"]["shot_style"] == "numbered":
            assert row["inputs"].count("\n--\n") == len(numbers) + ("<<" in row["inputs"])
    assert set(counts) == {1, 2, 3}


def test_rows_of_a_disjoint_pool_are_never_asked(tmp_path, copied):
    mixture = copied / "small.yaml"
    mixture.write_text(mixture.read_text().replace("pool: 12}", "pool: 5, disjoint: true}"))
    built(tmp_path / "out", request(catalogue=copied))
    exemplars, asked = {}, {}
    for row in load_from_disk(str(tmp_path / "out")):
        made_of = row["provenance"]
        if made_of["exemplar_source"] == "pool":
            exemplars.setdefault(row["task_name"], set()).update(made_of["exemplars"])
            asked.setdefault(row["task_name"], set()).add(made_of["source_row"])
    assert exemplars.keys() == asked.keys() == SOURCES.keys() - {"town_rivers"}
    for task, numbers in exemplars.items():
        assert 1 < len(numbers) <= 5
        assert not numbers & asked[task]


def weather():
    with (CATALOGUE / "weather" / "weather.csv").open(newline="") as file:
        return [row["claim"] for row in csv.DictReader(file)]


def animals():
    files = [CATALOGUE / "quiz" / f"animals_{part}.jsonl.gz" for part in (1, 2)]
    return [json.loads(line)["q"] for file in files for line in gzip.open(file, "rt")]


def reversals():
    task = load_catalog([CATALOGUE], EMPTY).tasks["reversals"]
    table = open_table(task.card.source, "train", task.root, SourceAccess(), None)
    return table.take(np.arange(table.rows), ["items"]).columns["items"]


def rivers(*where):
    document = json.loads((CATALOGUE / "facts" / "rivers.json").read_text())
    for name in where:
        document = document[name]
    return [row["place"].strip() for row in document]


SOURCES = {
    "weather_claims": cache(weather),
    "animal_quiz": cache(animals),
    "reversals": cache(reversals),
    "phrases": lambda: (CATALOGUE / "phrases" / "german.txt").read_text().splitlines(),
    "shop_talk": lambda: [line.split("\t")[0] for line in TALK.read_text("latin-1").splitlines()],
    "town_rivers": lambda: rivers("data", "rows"),
}
EXAMPLES = {"town_rivers": lambda: rivers("about", "examples")}
"""One distinctive text of every source row, read without flancollect: what stands in any prompt about it."""


# --- settings ----------------------------------------------------------------------------------------------


def test_rows_asks_for_a_size_and_the_quotas_add_up_to_it(tmp_path):
    ran = command("build", "small", "--out", tmp_path / "out", "--rows", 101, "--json")
    said = json.loads(ran.out)
    assert ran.code == 0
    assert (said["rows"], said["rows_asked"], said["short"]) == (101, 101, 0)
    manifest = manifest_of(tmp_path / "out")
    assert sum(task.rows for task in manifest.tasks) == 101
    assert {"wall_s", "rows_per_s", "peak_rss_mb", "content_hash", "tasks", "skipped"} <= said.keys()


def test_more_rows_than_exist_give_all_that_exist_and_say_so(tmp_path):
    ran = command("build", "town_rivers", "--out", tmp_path / "out", "--rows", 1000)
    assert ran.code == 0
    assert "16 rows of 1,000 asked for" in ran.out


def test_only_narrows_the_tasks(tmp_path):
    ran = command(
        "build", "small", "--out", tmp_path / "o", "--only", "town_*", "--only", "phrases", "--json"
    )
    assert (ran.code, json.loads(ran.out)["tasks"]) == (0, 2)
    assert {task.task for task in manifest_of(tmp_path / "o").tasks} == {"town_rivers", "phrases"}
    nothing = command("build", "small", "--out", tmp_path / "none", "--only", "twon*")
    assert nothing.code == 2
    assert "--only twon*: no task of small matches" in nothing.err
    assert not (tmp_path / "none").exists()


def test_a_source_that_fails_is_skipped_with_its_reason_and_strict_refuses(tmp_path, copied):
    (copied / "quiz" / "animals_2.jsonl.gz").unlink()
    strict = command("build", "small", "--out", tmp_path / "strict", "--strict", catalogue=copied)
    assert strict.code == 4
    assert "animal_quiz: quiz/animals_2.jsonl.gz: no such file" in strict.err
    assert not (tmp_path / "strict").exists()
    ran = command("build", "small", "--out", tmp_path / "out", "--json", catalogue=copied)
    said = json.loads(ran.out)
    assert ran.code == 0
    assert [skip["task"] for skip in said["skipped"]] == ["animal_quiz", "town_mayors"]
    assert said["rows"] == 240
    assert command("verify", tmp_path / "out", catalogue=None).code == 0


def test_strict_minds_nothing_that_is_hold_out(tmp_path):
    assert command("build", "small", "--out", tmp_path / "out", "--strict").code == 0


def test_frozen_takes_the_lock_alone(tmp_path, copied):
    lock = tmp_path / "lock.json"
    frozen = ("build", "small", "--frozen", "--lock", lock, "--out")
    assert command("lock", "--out", lock, catalogue=copied).code == 0
    assert command(*frozen, tmp_path / "out", catalogue=copied).code == 0
    (copied / "phrases" / "english.txt").write_text("changed\n" * 12)
    changed = command(*frozen, tmp_path / "changed", "--strict", catalogue=copied)
    assert changed.code == 4
    assert "phrases" in changed.err
    assert "changed since it was locked" in changed.err
    assert "run `flancollect lock`" in changed.err


def test_frozen_without_a_lock_says_how_to_make_one(tmp_path):
    ran = command("build", "small", "--out", tmp_path / "out", "--frozen")
    assert ran.code == 4
    assert "not in sources.lock.json: run `flancollect lock`" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_benchmark_builds_with_its_templates_and_rows(tmp_path):
    built(tmp_path / "out", request("questions"))
    asked = load_from_disk(str(tmp_path / "out")).to_list()
    assert {row["template_id"] for row in asked} == {"claim/forward/unseen", "edit/forward/unseen"}
    assert Counter(row["task_name"] for row in asked) == {"weather_claims": 2, "reversals": 10}
    assert manifest_of(tmp_path / "out").kind == "benchmark"


def test_a_few_shot_benchmark_shows_its_number_of_shots(tmp_path):
    built(tmp_path / "out", request("sayings"))
    asked = load_from_disk(str(tmp_path / "out")).to_list()
    assert len(asked) == 8
    assert {len(row["provenance"]["exemplars"]) for row in asked} == {2}
    assert {row["provenance"]["shot_style"] for row in asked} == {"plain"}


# --- building again ----------------------------------------------------------------------------------------


def counted(ran):
    said = json.loads(ran.out)
    return said["rendered_jobs"], said["reused_jobs"]


def test_an_unchanged_rebuild_reuses_every_job(tmp_path, copied):
    line = ("build", "small", "--out", tmp_path / "out", "--json")
    first = command(*line, catalogue=copied)
    before = files_of(tmp_path / "out")
    assert counted(first) == (20, 0)
    assert counted(command(*line, catalogue=copied)) == (0, 20)
    assert files_of(tmp_path / "out") == before


def test_a_changed_template_renders_its_jobs_again_and_no_others(tmp_path, copied):
    line = ("build", "small", "--json", "--out")
    command(*line, tmp_path / "out", catalogue=copied)
    family = copied / "phrases" / "phrase.yaml"
    family.write_text(family.read_text().replace("In English:", "Say in English:"))
    again = command(*line, tmp_path / "out", catalogue=copied)
    assert counted(again) == (2, 18)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["rendered_jobs"], report["reused_jobs"]) == (2, 18)
    command(*line, tmp_path / "fresh", catalogue=copied)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "fresh")
    assert any("Say in English:" in row["inputs"] for row in load_from_disk(str(tmp_path / "out")))


def test_a_changed_style_renders_only_what_shows_it(tmp_path, copied):
    line = ("build", "small", "--json", "--out", tmp_path / "out")
    command(*line, catalogue=copied)
    styles = copied / "_styles.yaml"
    styles.write_text(styles.read_text().replace('turn: "- {{ text }}"', 'turn: "* {{ text }}"'))
    assert counted(command(*line, catalogue=copied)) == (2, 18)
    styles.write_text(styles.read_text().replace('header: "Choose: "', 'header: "Pick: "'))
    # Four jobs list options so, and two are twins of theirs, whose rows are compared with them and copied.
    assert counted(command(*line, catalogue=copied)) == (6, 14)


def test_changed_source_rows_render_their_task_again(tmp_path, copied):
    line = ("build", "small", "--json", "--out", tmp_path / "out")
    command(*line, catalogue=copied)
    source = copied / "phrases" / "english.txt"
    source.write_text(source.read_text().replace("the dog", "the hound"))
    assert counted(command(*line, catalogue=copied)) == (2, 18)


def test_what_no_row_depends_on_renders_nothing_again(tmp_path, copied):
    line = ("build", "small", "--json", "--out", tmp_path / "out")
    command(*line, catalogue=copied)
    card = copied / "phrases" / "phrases.yaml"
    card.write_text(card.read_text().replace("license: cc0-1.0", "license: cc-by-4.0"))
    assert counted(command(*line, catalogue=copied)) == (0, 20)
    licenses = {task.task: task.license for task in manifest_of(tmp_path / "out").tasks}
    assert licenses["phrases"] == "cc-by-4.0"


def test_an_added_task_leaves_the_rows_of_the_others(tmp_path, copied):
    """With more rows asked for, so that every other quota stays, the other tasks' rows are the same."""
    built(tmp_path / "before", request("small", copied, rows=60))
    card = (copied / "phrases" / "phrases.yaml").read_text().replace("task: phrases", "task: phrases_too")
    (copied / "phrases" / "more.yaml").write_text(card)
    mixture = copied / "small.yaml"
    mixture.write_text(mixture.read_text().replace("phrases, shop", "phrases*, shop"))
    built(tmp_path / "after", request("small", copied, rows=70))
    before, after = by_job(manifest_of(tmp_path / "before")), by_job(manifest_of(tmp_path / "after"))
    assert {task for task, _ in after} - {task for task, _ in before} == {"phrases_too"}
    same = [name for name in before if before[name].rows == after[name].rows]
    assert len(same) >= 5
    for name in same:
        assert before[name].rows_sha256 == after[name].rows_sha256
    assert_prefixes(tmp_path / "before", tmp_path / "after")


def assert_prefixes(before, after):
    """Of two quotas of one job, the smaller one's rows are among the larger one's, text by text."""
    texts = []
    for out in (before, after):
        jobs = {}
        for row in load_from_disk(str(out)):
            made_of = (row["provenance"]["source_row"], row["provenance"]["repeat"])
            jobs.setdefault((row["task_name"], row["template_type"]), {})[made_of] = row["inputs"]
        texts.append(jobs)
    for name in texts[0].keys() & texts[1].keys():
        less, more = sorted((texts[0][name], texts[1][name]), key=len)
        assert less.items() <= more.items(), name


def test_another_size_keeps_the_rows_it_has_room_for(tmp_path):
    built(tmp_path / "less", request(rows=90))
    built(tmp_path / "more", request(rows=200))
    assert_prefixes(tmp_path / "less", tmp_path / "more")


def test_discarded_work_leaves_the_dataset_alone(tmp_path, small):
    built(tmp_path / "out", discard_work=True)
    assert not (tmp_path / "out" / ".work").exists()
    assert files_of(tmp_path / "out") == files_of(small)
    built(tmp_path / "out", discard_work=True)
    assert files_of(tmp_path / "out") == files_of(small)
