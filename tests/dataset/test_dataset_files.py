import json
from collections.abc import Iterator

import datasets
import pyarrow as pa
import pytest

from flancollect.building import mix
from flancollect.dataset import dataset_files
from flancollect.dataset.dataset_files import seal
from flancollect.dataset.schemas import BENCHMARK, MIXTURE
from flancollect.errors import FlancollectError
from tests.builds import build, question_jobs, rendered_rows, small_jobs


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_datasets_opens_a_build_as_the_schema_says(tmp_path):
    jobs = small_jobs()
    build(tmp_path, jobs)
    loaded = datasets.load_from_disk(str(tmp_path))
    expected = pa.concat_tables(jobs.values()).sort_by("order").select(MIXTURE.names)
    assert loaded.features == datasets.Features.from_arrow_schema(MIXTURE)
    assert loaded.to_list() == expected.to_pylist()


def test_datasets_opens_a_benchmark_with_its_questions(tmp_path):
    jobs = question_jobs()
    build(tmp_path, jobs, kind="benchmark")
    loaded = datasets.load_from_disk(str(tmp_path))
    expected = pa.concat_tables(jobs.values()).sort_by("order").select(BENCHMARK.names)
    assert loaded.features == datasets.Features.from_arrow_schema(BENCHMARK)
    assert loaded.to_list() == expected.to_pylist()


@pytest.mark.parametrize(("kind", "jobs"), [("mixture", small_jobs()), ("benchmark", question_jobs())])
def test_datasets_writes_the_same_info_and_state(tmp_path, kind, jobs):
    manifest = build(tmp_path / "ours", jobs, kind=kind)
    rows = datasets.load_from_disk(str(tmp_path / "ours"))
    rows.save_to_disk(str(tmp_path / "theirs"), num_shards=len(manifest.shards))
    for name in ("dataset_info.json", "state.json"):
        ours, theirs = (json.loads((tmp_path / by / name).read_bytes()) for by in ("ours", "theirs"))
        assert ours | {"_fingerprint": ""} == theirs | {"_fingerprint": ""}


def test_equal_rows_open_with_equal_fingerprints(tmp_path):
    build(tmp_path / "a", small_jobs())
    build(tmp_path / "b", small_jobs(), seed=5)
    build(tmp_path / "c", small_jobs(39))
    a, b, c = (datasets.load_from_disk(str(tmp_path / name))._fingerprint for name in "abc")
    assert a == b != c


def test_datasets_opens_a_build_without_rows(tmp_path):
    build(tmp_path, {("rte", "zs_opt"): rendered_rows("rte", "zs_opt", 0)})
    loaded = datasets.load_from_disk(str(tmp_path))
    assert (loaded.num_rows, loaded.column_names) == (0, MIXTURE.names)


def test_a_new_build_replaces_all_of_the_old_one(tmp_path):
    build(tmp_path, small_jobs(60))
    build(tmp_path, small_jobs(20))
    build(tmp_path / "fresh", small_jobs(20))
    assert names(tmp_path) == names(tmp_path / "fresh")
    assert all(
        (tmp_path / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes() for name in names(tmp_path)
    )


def test_stopped_while_replacing_there_is_no_manifest(tmp_path, monkeypatch):
    build(tmp_path, small_jobs())
    monkeypatch.setattr(
        dataset_files, "write_atomically", lambda path, data: (_ for _ in ()).throw(OSError("full"))
    )
    with pytest.raises(OSError, match="full"):
        build(tmp_path, small_jobs(41))
    assert "manifest.json" not in names(tmp_path)


def test_stopped_before_replacing_the_old_build_is_whole(tmp_path, monkeypatch):
    build(tmp_path, small_jobs())
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    monkeypatch.setattr(mix, "write_shard", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        build(tmp_path, small_jobs(41))
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_sealing_what_is_not_staged_leaves_the_old_build_whole(tmp_path):
    manifest = build(tmp_path, small_jobs())
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    with pytest.raises(FlancollectError, match=r"not there.*data-00000"):
        seal(tmp_path, manifest)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
