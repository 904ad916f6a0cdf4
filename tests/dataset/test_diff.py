import json

import pytest

from flancollect.dataset.diff import Change, TaskChange, diff, difference_json, difference_lines
from flancollect.dataset.schemas import RENDERED
from flancollect.errors import UsageError
from tests.builds import build, rendered_rows, small_jobs


def edited(table, at, **texts):
    rows = table.to_pylist()
    rows[at] |= texts
    return table.from_pylist(rows, schema=RENDERED)


def test_equal_builds_are_equal(tmp_path):
    build(tmp_path / "a", small_jobs())
    build(tmp_path / "b", small_jobs())
    found = diff(tmp_path / "a", tmp_path / "b", rows=5)
    assert found.equal
    assert (found.settings, found.sources, found.only_a, found.only_b, found.changed, found.rows) == ((),) * 6
    assert difference_lines(found) == ["the rows are the same"]


def test_settings_and_sources_that_differ_are_named_though_rows_are_equal(tmp_path):
    build(tmp_path / "a", small_jobs(), seed=1)
    build(tmp_path / "b", small_jobs(), seed=2, revision="2")
    found = diff(tmp_path / "a", tmp_path / "b")
    assert found.equal
    assert found.settings == (Change(name="seed", a="1", b="2"),)
    assert [change.name for change in found.sources] == ["hub:org/boolq", "hub:org/rte"]
    assert "source hub:org/rte: 1 -> 2" in difference_lines(found)


def test_tasks_in_one_build_only_and_variants_that_differ(tmp_path):
    ours, theirs = small_jobs(), small_jobs()
    del ours["boolq", "zs_opt"], theirs["rte", "fs_noopt"]
    theirs["rte", "zs_opt"] = rendered_rows("rte", "zs_opt", 41)
    theirs["anli", "zs_opt"] = rendered_rows("anli", "zs_opt", 3)
    build(tmp_path / "a", ours)
    build(tmp_path / "b", theirs)
    found = diff(tmp_path / "a", tmp_path / "b")
    assert not found.equal
    assert (found.only_a, found.only_b) == ((), ("anli", "boolq"))
    assert found.changed == (
        TaskChange(task="rte", variant="fs_noopt", rows_a=40, rows_b=0),
        TaskChange(task="rte", variant="zs_opt", rows_a=40, rows_b=41),
    )
    assert found.rows == ()
    assert "rte (zs_opt): rows differ (40 -> 41)" in difference_lines(found)


def test_differing_rows_are_shown_up_to_the_number_asked(tmp_path):
    ours, theirs = small_jobs(), small_jobs()
    for at in (3, 8):
        theirs["rte", "zs_opt"] = edited(theirs["rte", "zs_opt"], at, targets=f"other {at}")
    ours["rte", "zs_opt"] = ours["rte", "zs_opt"].slice(0, 39)
    build(tmp_path / "a", ours)
    build(tmp_path / "b", theirs)
    found = diff(tmp_path / "a", tmp_path / "b", rows=9)
    assert [(row.source_row, row.a and row.a[1], row.b and row.b[1]) for row in found.rows] == [
        (3, "answer 3", "other 3"),
        (8, "answer 8", "other 8"),
        (39, None, ""),
    ]
    assert len(diff(tmp_path / "a", tmp_path / "b", rows=2).rows) == 2
    lines = difference_lines(found)
    assert lines[lines.index("rte (zs_opt) train row 3:") + 4] == "  + targets: 'other 3'"


def test_the_same_rows_in_other_shards_are_said_to_be_so(tmp_path):
    build(tmp_path / "a", small_jobs())
    build(tmp_path / "b", small_jobs(), shard_bytes=9000)
    found = diff(tmp_path / "a", tmp_path / "b")
    assert not found.equal
    assert difference_lines(found) == ["the same rows of each task, in other shards"]


def test_a_difference_is_json(tmp_path):
    build(tmp_path / "a", small_jobs())
    build(tmp_path / "b", small_jobs(41), seed=1)
    found = difference_json(diff(tmp_path / "a", tmp_path / "b", rows=1))
    assert json.loads(json.dumps(found))["rows"][0]["source_row"] == 40


def test_a_folder_without_a_build_is_a_usage_error(tmp_path):
    build(tmp_path / "a", small_jobs())
    with pytest.raises(UsageError, match="b: no such folder"):
        diff(tmp_path / "a", tmp_path / "b")
