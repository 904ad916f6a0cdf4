import json

import pytest

from flancollect.dataset.diff import TaskChange, ValueChange, diff, difference_json, difference_lines
from flancollect.errors import UsageError
from tests.builds import build, question_rows, rendered_rows, small_jobs


def edited(table, at, **texts):
    rows = table.to_pylist()
    rows[at] |= texts
    return table.from_pylist(rows, schema=table.schema)


def rescored(table):
    """The same questions, scored by another metric."""
    rows = [row | {"question": row["question"] | {"metric": "squad"}} for row in table.to_pylist()]
    return table.from_pylist(rows, schema=table.schema)


def test_equal_builds_are_equal(tmp_path):
    build(tmp_path / "a", small_jobs())
    build(tmp_path / "b", small_jobs())
    difference = diff(tmp_path / "a", tmp_path / "b", rows=5)
    assert difference.equal
    assert (
        difference.settings,
        difference.sources,
        difference.only_a,
        difference.only_b,
        difference.changed,
        difference.rows,
    ) == ((),) * 6
    assert difference_lines(difference) == ["the rows are the same"]


def test_settings_and_sources_that_differ_are_named_though_rows_are_equal(tmp_path):
    build(tmp_path / "a", small_jobs(), seed=1)
    build(tmp_path / "b", small_jobs(), seed=2, revision="2")
    difference = diff(tmp_path / "a", tmp_path / "b")
    assert difference.equal
    assert difference.settings == (ValueChange(name="seed", a="1", b="2"),)
    assert [change.name for change in difference.sources] == ["hub:org/boolq", "hub:org/rte"]
    assert "source hub:org/rte: 1 -> 2" in difference_lines(difference)


def test_tasks_in_one_build_only_and_variants_that_differ(tmp_path):
    ours, theirs = small_jobs(), small_jobs()
    del ours["boolq", "zs_opt"], theirs["rte", "fs_noopt"]
    theirs["rte", "zs_opt"] = rendered_rows("rte", "zs_opt", 41)
    theirs["anli", "zs_opt"] = rendered_rows("anli", "zs_opt", 3)
    build(tmp_path / "a", ours)
    build(tmp_path / "b", theirs)
    difference = diff(tmp_path / "a", tmp_path / "b")
    assert not difference.equal
    assert (difference.only_a, difference.only_b) == ((), ("anli", "boolq"))
    assert difference.changed == (
        TaskChange(task="rte", variant="fs_noopt", rows_a=40, rows_b=0),
        TaskChange(task="rte", variant="zs_opt", rows_a=40, rows_b=41),
    )
    assert difference.rows == ()
    assert "rte (zs_opt): rows differ (40 -> 41)" in difference_lines(difference)


def test_differing_rows_are_shown_up_to_the_number_asked(tmp_path):
    ours, theirs = small_jobs(), small_jobs()
    for at in (3, 8):
        theirs["rte", "zs_opt"] = edited(theirs["rte", "zs_opt"], at, targets=f"other {at}")
    ours["rte", "zs_opt"] = ours["rte", "zs_opt"].slice(0, 39)
    build(tmp_path / "a", ours)
    build(tmp_path / "b", theirs)
    difference = diff(tmp_path / "a", tmp_path / "b", rows=9)
    assert [(row.source_row, row.a and row.a[1], row.b and row.b[1]) for row in difference.rows] == [
        (3, "answer 3", "other 3"),
        (8, "answer 8", "other 8"),
        (39, None, ""),
    ]
    assert len(diff(tmp_path / "a", tmp_path / "b", rows=2).rows) == 2
    lines = difference_lines(difference)
    assert lines[lines.index("rte (zs_opt) train row 3:") + 4] == "  + targets: 'other 3'"


def test_rows_are_looked_for_past_tasks_of_which_only_the_question_changed(tmp_path):
    names = ["a", "b", "c"]
    ours = {(name, "zs_opt"): question_rows(name, "zs_opt", 4) for name in names}
    theirs = {(name, "zs_opt"): rescored(question_rows(name, "zs_opt", 4)) for name in names}
    theirs["c", "zs_opt"] = edited(theirs["c", "zs_opt"], 2, targets="other")
    build(tmp_path / "a", ours, kind="benchmark")
    build(tmp_path / "b", theirs, kind="benchmark")
    difference = diff(tmp_path / "a", tmp_path / "b", rows=1)
    assert [change.task for change in difference.changed] == names
    assert [(row.task, row.source_row) for row in difference.rows] == [("c", 2)]


def test_the_same_rows_in_other_shards_are_said_to_be_so(tmp_path):
    build(tmp_path / "a", small_jobs())
    build(tmp_path / "b", small_jobs(), shard_bytes=9000)
    difference = diff(tmp_path / "a", tmp_path / "b")
    assert not difference.equal
    assert difference_lines(difference) == ["the same rows of each task, in other shards"]


def test_a_difference_is_json(tmp_path):
    build(tmp_path / "a", small_jobs())
    build(tmp_path / "b", small_jobs(41), seed=1)
    difference = difference_json(diff(tmp_path / "a", tmp_path / "b", rows=1))
    assert json.loads(json.dumps(difference))["rows"][0]["source_row"] == 40


def test_a_folder_without_a_build_is_a_usage_error(tmp_path):
    build(tmp_path / "a", small_jobs())
    with pytest.raises(UsageError, match="b: no such folder"):
        diff(tmp_path / "a", tmp_path / "b")
