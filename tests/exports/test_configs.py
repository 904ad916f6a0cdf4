import pytest

from flancollect.dataset.reader import Build
from flancollect.errors import CheckError
from flancollect.exports import configs
from flancollect.exports.configs import Config, by_style, everything, row_groups
from tests.builds import build, rendered_rows, small_jobs

COLUMNS = ["inputs", "task_name", "template_type"]


@pytest.fixture
def built(tmp_path):
    return tmp_path, build(tmp_path, small_jobs())


def rows_of(out, manifest, config, columns=COLUMNS):
    return [row for batch in row_groups(Build(out, manifest), config, columns) for row in batch.to_pylist()]


def test_the_default_configuration_is_every_row_in_mixture_order(built):
    out, manifest = built
    want = [row for batch in Build(out, manifest).batches(COLUMNS) for row in batch.to_pylist()]
    assert rows_of(out, manifest, everything(manifest)) == want


def test_styles_partition_the_rows_and_keep_their_order(built):
    out, manifest = built
    whole = rows_of(out, manifest, everything(manifest))
    by_name = {config.name: config for config in by_style(manifest)}
    assert list(by_name) == ["flan2021_fs_noopt", "flan2021_zs_opt"]
    for name, config in by_name.items():
        want = [row for row in whole if f"flan2021_{row['template_type']}" == name]
        assert rows_of(out, manifest, config) == want
        assert config.rows == len(want)
    assert sum(config.rows for config in by_name.values()) == manifest.rows


def test_a_submixture_in_one_style_is_told_from_another_in_the_same(tmp_path):
    manifest = build(tmp_path, small_jobs())
    tasks = [
        task.model_copy(update={"submix": "my own" if task.task == "rte" else "niv2"})
        for task in manifest.tasks
    ]
    manifest = manifest.model_copy(update={"tasks": tasks})
    by_name = {config.name: rows_of(tmp_path, manifest, config) for config in by_style(manifest)}
    assert list(by_name) == ["my own_fs_noopt", "my own_zs_opt", "niv2_zs_opt"]
    assert {row["task_name"] for row in by_name["niv2_zs_opt"]} == {"boolq"}
    assert {row["task_name"] for row in by_name["my own_zs_opt"]} == {"rte"}


def test_groups_hold_a_fixed_number_of_rows_whatever_the_shards(built, monkeypatch):
    out, manifest = built
    monkeypatch.setattr(configs, "GROUP_ROWS", 50)
    batches = list(row_groups(Build(out, manifest), everything(manifest), ["inputs"]))
    assert [batch.num_rows for batch in batches] == [50, 50, 20]


def test_files_hold_a_fixed_number_of_rows(monkeypatch):
    monkeypatch.setattr(configs, "FILE_ROWS", 100)
    files = Config(name="x", rows=201).files("x/", "parquet")
    assert files == [
        ("x/train-00000-of-00003.parquet", 100),
        ("x/train-00001-of-00003.parquet", 100),
        ("x/train-00002-of-00003.parquet", 1),
    ]
    assert Config(name="x", rows=0).files("", "jsonl") == [("train-00000-of-00001.jsonl", 0)]


def test_rows_that_the_manifest_does_not_know_are_an_error(tmp_path):
    manifest = build(tmp_path, {("rte", "zs_opt"): rendered_rows("rte", "zs_opt", 30)})
    wrong = manifest.model_copy(update={"tasks": [manifest.tasks[0].model_copy(update={"rows": 29})]})
    with pytest.raises(CheckError, match="30 rows of flan2021_zs_opt, not 29"):
        rows_of(tmp_path, wrong, by_style(wrong)[0])
