"""`plan`, `stats`, `verify`, `diff` and `lock` as commands: what they print, and how they end."""

import json
import shutil

import pytest

from tests.small import built, command, request


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("small") / "out"
    built(out, shard_bytes=8000)
    return out


@pytest.mark.parametrize("rows", [1, 7, 100, 240])
def test_planned_quotas_add_up_to_what_was_asked(rows):
    plan = json.loads(command("plan", "small", "--rows", rows, "--resolve", "--json").out)
    assert plan["rows"] == plan["rows_asked"] == rows
    assert sum(task["quota"] for task in plan["tasks"]) == rows
    assert sum(part["rows"] for part in plan["parts"].values()) == rows
    for task in plan["tasks"]:
        assert sum(task["variants"].values()) == task["quota"] <= task["capacity"]


def test_planned_quotas_end_at_all_that_exists_and_at_the_cap():
    plan = json.loads(command("plan", "small", "--rows", 100_000, "--resolve", "--json").out)
    tasks = {task["task"]: task for task in plan["tasks"]}
    assert all(task["quota"] == task["capacity"] for task in plan["tasks"])
    assert tasks["reversals"]["quota"] == 2 * 60
    assert tasks["phrases"]["quota"] == 2 * 2 * 12
    assert plan["rows"] == sum(task["quota"] for task in plan["tasks"]) < plan["rows_asked"] == 100_000
    said = command("plan", "small", "--rows", 100_000, "--resolve").out.splitlines()
    assert said[-1].endswith("fewer than asked for: all that exists")


def test_a_plan_reaches_no_source_unless_told(copied):
    (copied / "phrases" / "german.txt").unlink()
    plan = json.loads(command("plan", "small", "--json", catalogue=copied).out)
    assert plan["tasks"] == []
    reasons = {skip["reason"] for skip in plan["skipped"] if skip["kind"] == "source"}
    assert len(reasons) == 1
    assert "look at it with --resolve" in reasons.pop()


def test_a_plan_takes_the_size_that_a_card_declares(copied):
    card = copied / "phrases" / "phrases.yaml"
    card.write_text(card.read_text() + "rows: 12\n")
    plan = json.loads(command("plan", "phrases", "--json", catalogue=copied).out)
    assert [(task["available"], task["revision"]) for task in plan["tasks"]] == [(12, "declared")]


def test_a_plan_from_the_lock_is_the_plan_from_the_sources(tmp_path):
    lock = tmp_path / "lock.json"
    said = command("lock", "--out", lock, "--json")
    assert (said.code, json.loads(said.out)) == (0, {"lock": str(lock), "locked": 7, "failed": {}})
    by_lock = json.loads(command("plan", "small", "--lock", lock, "--json").out)
    by_sources = json.loads(command("plan", "small", "--resolve", "--json").out)
    assert by_lock.pop("falling_away") == {}  # nobody looked at rows
    by_sources.pop("falling_away")
    assert by_lock == by_sources


def test_a_source_that_fails_keeps_its_entry_in_the_lock(tmp_path, copied):
    lock = tmp_path / "lock.json"
    command("lock", "--out", lock, catalogue=copied)
    before = json.loads(lock.read_text())["sources"]
    (copied / "phrases" / "german.txt").unlink()
    with (copied / "talk" / "talk.tsv").open("a") as file:
        file.write("One more?\tNo.\tGood.\n")
    ran = command("lock", "--out", lock, catalogue=copied)
    assert ran.code == 0
    assert "not locked: " in ran.err
    assert "phrases/german.txt: no such file" in ran.err
    after = json.loads(lock.read_text())["sources"]
    assert before.keys() == after.keys()
    changed = [key for key in before if before[key] != after[key]]
    assert len(changed) == 1
    assert "talk.tsv" in changed[0]


def test_stats_count_every_row_once(small):
    found = json.loads(command("stats", small, "--json", catalogue=None).out)
    assert found["rows"] == 240
    for counts in found["counts"].values():
        assert sum(counts.values()) == 240
    assert "240 rows" in command("stats", small, catalogue=None).out


def test_verify_passes_and_says_what_it_read(small):
    shards = len(list(small.glob("data-*.arrow")))
    assert shards > 3
    ran = command("verify", small, catalogue=None)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{small}: 240 rows in {shards} shards, all as the manifest says\n"
    assert json.loads(command("verify", small, "--json", catalogue=None).out)["ok"] is True


def test_one_flipped_bit_in_any_place_fails_with_the_name_of_the_shard(small, tmp_path):
    out = shutil.copytree(small, tmp_path / "out")
    for number, shard in enumerate(sorted(out.glob("data-*.arrow"))):
        whole = shard.read_bytes()
        for part in range(5):
            place = (len(whole) - 1) * part // 4
            flipped = bytearray(whole)
            flipped[place] ^= 1 << (number + part) % 8
            shard.write_bytes(flipped)
            ran = command("verify", out, catalogue=None)
            assert ran.code == 5, place
            assert f"{shard.name}: changed since it was written" in ran.err
            assert ran.out == ""
        shard.write_bytes(whole)
    assert command("verify", out, catalogue=None).code == 0


def test_builds_of_equal_rows_do_not_differ(small, tmp_path):
    built(tmp_path / "again", shard_bytes=8000)
    ran = command("diff", small, tmp_path / "again", catalogue=None)
    assert ran.code == 0
    assert json.loads(command("diff", small, tmp_path / "again", "--json", catalogue=None).out)["equal"]


def test_builds_of_other_rows_differ_by_task_and_row(small, tmp_path, copied):
    family = copied / "talk" / "reply.yaml"
    family.write_text(family.read_text().replace("What is said next?", "And then?"))
    built(tmp_path / "other", request(catalogue=copied), shard_bytes=8000)
    ran = command("diff", small, tmp_path / "other", "--rows", 1, catalogue=None)
    assert ran.code == 5
    assert "shop_talk (fs_opt): rows differ (10 -> 10)" in ran.out
    assert "shop_talk (zs_opt): rows differ (10 -> 10)" in ran.out
    assert "phrases" not in ran.out
    assert "What is said next?" in ran.out
    assert "And then?" in ran.out
    assert "differ" in ran.err


def test_what_is_printed_is_data_and_the_rest_goes_to_stderr(tmp_path):
    ran = command("build", "small", "--out", tmp_path / "out", "--json")
    assert json.loads(ran.out)["rows"] == 240
    assert ran.err.splitlines()[-1] == "tasks: 6/6"


def test_a_plan_says_how_many_tasks_differ_from_the_original_and_where_it_is_written(copied):
    assert "differ" not in command("plan", "phrases", "--resolve", catalogue=copied).out
    card = copied / "phrases" / "phrases.yaml"
    card.write_text(card.read_text() + "differs: without its titles\n")
    said = command("plan", "phrases", "--resolve", catalogue=copied).out.splitlines()
    assert said[-3] == (
        "1 of 1 tasks differ from the original ones: "
        "named in task_cards/SOURCES.md and by `flancollect cards sources`"
    )
    plan = json.loads(command("plan", "phrases", "--resolve", "--json", catalogue=copied).out)
    assert [task["differences"] for task in plan["tasks"]] == ["without its titles"]
