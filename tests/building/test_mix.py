import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.building.mix import write_shards
from flancollect.dataset.reader import open_shard
from flancollect.dataset.schemas import BENCHMARK, MIXTURE
from flancollect.dataset.shards import staging
from tests.builds import question_jobs, rendered_rows, small_jobs, write_job


def write_jobs(folder, tables):
    files = []
    for name, table in sorted(tables.items()):
        path = folder / f"{'.'.join(name)}.rows"
        files.append((path, write_job(path, table)))
    return files


def read(out):
    tables = []
    for path in sorted(staging(out).iterdir()):
        with open_shard(path) as reader:
            tables.append(reader.read_all())
    return pa.concat_tables(tables)


def file_bytes(out):
    return {path.name: path.read_bytes() for path in staging(out).iterdir()}


def test_a_mixture_is_all_rows_sorted_by_order(tmp_path):
    jobs = small_jobs()
    shards = write_shards(write_jobs(tmp_path, jobs), tmp_path / "out", shard_bytes=4000)
    expected = pa.concat_tables(jobs.values()).sort_by("order").select(MIXTURE.names)
    assert len(shards) > 3
    assert read(tmp_path / "out").combine_chunks().equals(expected.combine_chunks())
    assert [shard.file for shard in shards] == sorted(file_bytes(tmp_path / "out"))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=4), st.integers(500, 20_000))
def test_shards_partition_the_rows(tmp_path_factory, sizes, shard_bytes):
    folder = tmp_path_factory.mktemp("mix")
    jobs = {(f"task{i}", "fs_opt"): rendered_rows(f"task{i}", "fs_opt", rows) for i, rows in enumerate(sizes)}
    shards = write_shards(write_jobs(folder, jobs), folder / "out", shard_bytes=shard_bytes)
    rows = [(row["task_name"], row["provenance"]["source_row"]) for row in read(folder / "out").to_pylist()]
    assert sorted(rows) == sorted((f"task{i}", row) for i, size in enumerate(sizes) for row in range(size))
    assert sum(shard.rows for shard in shards) == len(rows)


def test_a_benchmark_keeps_its_questions(tmp_path):
    jobs = question_jobs(40)
    files = write_jobs(tmp_path, jobs)
    one = write_shards(files, tmp_path / "one", schema=BENCHMARK, shard_bytes=4000)
    two = write_shards(files, tmp_path / "two", schema=BENCHMARK, shard_bytes=4000, workers=2)
    expected = pa.concat_tables(jobs.values()).sort_by("order").select(BENCHMARK.names)
    assert len(one) > 3
    assert one == two
    assert read(tmp_path / "one").combine_chunks().equals(expected.combine_chunks())
    assert file_bytes(tmp_path / "one") == file_bytes(tmp_path / "two")


def test_two_workers_write_the_bytes_of_one(tmp_path):
    files = write_jobs(tmp_path, small_jobs(60))
    one = write_shards(files, tmp_path / "one", shard_bytes=12_000, workers=1)
    two = write_shards(files, tmp_path / "two", shard_bytes=12_000, workers=2)
    assert len(one) > 1
    assert one == two
    assert file_bytes(tmp_path / "one") == file_bytes(tmp_path / "two")


def test_equal_order_numbers_follow_the_order_of_jobs(tmp_path):
    jobs = {
        (task, "zs_opt"): rendered_rows(task, "zs_opt", 3).set_column(
            0, "order", pa.array([5, 5, 5], pa.uint64())
        )
        for task in ("b", "a")
    }
    write_shards(write_jobs(tmp_path, jobs), tmp_path / "out")
    rows = [(row["task_name"], row["provenance"]["source_row"]) for row in read(tmp_path / "out").to_pylist()]
    assert rows == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)]


def test_batches_have_a_thousand_rows(tmp_path):
    jobs = {("rte", "zs_noopt"): rendered_rows("rte", "zs_noopt", 2100)}
    write_shards(write_jobs(tmp_path, jobs), tmp_path / "out")
    with open_shard(staging(tmp_path / "out") / "data-00000-of-00001.arrow") as reader:
        assert [batch.num_rows for batch in reader] == [1000, 1000, 100]


def test_the_ends_of_the_range_are_in_the_first_and_last_shard(tmp_path):
    rows = rendered_rows("rte", "zs_opt", 4).set_column(
        0, "order", pa.array([0, 2**63 - 1, 2**63, 2**64 - 1], pa.uint64())
    )
    files = write_jobs(tmp_path, {("rte", "zs_opt"): rows})
    payload = files[0][1].bytes
    assert [shard.rows for shard in write_shards(files, tmp_path / "out", shard_bytes=payload - 1)] == [2, 2]


def test_without_rows_there_is_one_empty_shard(tmp_path):
    shards = write_shards([], tmp_path)
    assert [(shard.file, shard.rows) for shard in shards] == [("data-00000-of-00001.arrow", 0)]
    assert read(tmp_path).schema.equals(MIXTURE, check_metadata=True)


def test_what_a_stopped_run_staged_is_cleared_away(tmp_path):
    staging(tmp_path).mkdir(parents=True)
    (staging(tmp_path) / "data-00001-of-00002.tmp").write_bytes(b"half")
    write_shards([], tmp_path)
    assert list(file_bytes(tmp_path)) == ["data-00000-of-00001.arrow"]


@pytest.mark.parametrize("shard_bytes", [0, (1 << 30) + 1])
def test_shard_sizes_beyond_text_offsets_are_refused(tmp_path, shard_bytes):
    with pytest.raises(ValueError, match="shard_bytes"):
        write_shards([], tmp_path, shard_bytes=shard_bytes)
