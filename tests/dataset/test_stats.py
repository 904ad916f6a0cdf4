import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.dataset.stats import _percentile, stats, stats_json, stats_lines
from flancollect.errors import CheckError, UsageError
from tests.builds import build, rendered_rows, small_jobs


def test_rows_are_counted_by_every_name(tmp_path):
    build(tmp_path, small_jobs())
    statistics = stats(tmp_path)
    assert (statistics.rows, statistics.shards, statistics.short, statistics.skipped) == (120, 7, 2, 0)
    assert statistics.counts["submix"] == {"flan2021": 120}
    assert statistics.counts["task"] == {"boolq": 40, "rte": 80}
    assert statistics.counts["variant"] == {"fs_noopt": 40, "zs_opt": 80}
    assert statistics.counts["template"] == {f"qa/forward/ask_{i}": n for i, n in enumerate((42, 39, 39))}
    assert statistics.counts["option_style"] == {"dashes": 80, "none": 40}
    assert statistics.counts["shot_style"] == {"none": 80, "numbered": 20, "plain": 20}
    assert statistics.counts["dialog_style"] == {"none": 120}
    assert statistics.counts["exemplars"] == {"0": 80, "1": 14, "2": 13, "3": 13}
    assert statistics.dropped == {"too long": 3}


def test_lengths_are_utf8_bytes_over_all_shards(tmp_path):
    jobs = small_jobs()
    build(tmp_path, jobs)
    statistics = stats(tmp_path).lengths["inputs"]
    sizes = sorted(len(text.encode()) for table in jobs.values() for text in table["inputs"].to_pylist())
    assert list(statistics) == ["all", "fs_noopt", "zs_opt"]
    assert statistics["all"].mean == round(sum(sizes) / 120, 1)
    assert (statistics["all"].p50, statistics["all"].p90, statistics["all"].max) == (
        sizes[59],
        sizes[107],
        sizes[-1],
    )


@given(st.lists(st.integers(0, 20), min_size=1, max_size=300), st.sampled_from([1, 50, 90, 99, 100]))
def test_percentiles_are_nearest_rank(lengths, percent):
    rank = -(-len(lengths) * percent // 100)
    assert _percentile(Counter(lengths), percent) == sorted(lengths)[rank - 1]


def test_shards_do_not_change_the_statistics(tmp_path):
    build(tmp_path / "many", small_jobs(), shard_bytes=1500)
    build(tmp_path / "one", small_jobs(), shard_bytes=1 << 20)
    many, one = stats_json(stats(tmp_path / "many")), stats_json(stats(tmp_path / "one"))
    assert json.dumps(many | {"shards": 1}) == json.dumps(one)


def test_long_lists_are_cut_for_people_and_say_so(tmp_path):
    jobs = {(f"task{i:02d}", "zs_opt"): rendered_rows(f"task{i:02d}", "zs_opt", i) for i in range(25)}
    build(tmp_path, jobs)
    lines = stats_lines(stats(tmp_path))
    at = lines.index("rows by task")
    assert lines[at + 1] == "          24  task24"
    assert lines[at + 21] == "              and 4 more (--json lists all)"
    assert len(stats(tmp_path).counts["task"]) == 24


def test_a_build_without_rows_has_statistics(tmp_path):
    build(tmp_path, {("rte", "zs_opt"): rendered_rows("rte", "zs_opt", 0)})
    statistics = stats(tmp_path)
    assert statistics.counts["task"] == {}
    assert statistics.lengths == {"inputs": {}, "targets": {}}
    assert "rows by task" in stats_lines(statistics)


@pytest.mark.parametrize("keep", [None, 0, 900, -8])
def test_a_missing_or_cut_shard_is_a_failed_check(tmp_path, keep):
    build(tmp_path, small_jobs())
    shard = tmp_path / "data-00001-of-00007.arrow"
    data = shard.read_bytes()
    shard.unlink()
    if keep is not None:
        shard.write_bytes(data[:keep])
    with pytest.raises(CheckError, match=r"data-00001-of-00007\.arrow: cannot be read"):
        stats(tmp_path)


def test_a_folder_without_a_build_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="not a build folder"):
        stats(tmp_path)
