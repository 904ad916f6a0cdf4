import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.dataset.reader import Build, open_build
from flancollect.dataset.schemas import BENCHMARK, MIXTURE
from flancollect.errors import CheckError, UsageError
from tests.builds import build, question_jobs, rendered_rows, small_jobs

SECOND = "data-00001-of-00007.arrow"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A build folder of 120 rows in seven shards."""
    out = tmp_path_factory.mktemp("mixture")
    assert len(build(out, small_jobs()).shards) == 7
    return out


@pytest.fixture
def own_folder(tmp_path):
    """A build folder of its own."""
    build(tmp_path, small_jobs())
    return tmp_path


def expected(jobs, schema=MIXTURE):
    return pa.concat_tables(jobs.values()).sort_by("order").select(schema.names).to_pylist()


def test_rows_come_in_mixture_order(folder):
    opened = open_build(folder)
    rows = expected(small_jobs())
    assert len(opened) == 120
    assert list(opened) == rows
    assert list(opened) == rows  # again: a build is no iterator that is used up
    assert opened.schema is MIXTURE
    assert opened.content_hash == opened.manifest.content_hash


def test_batches_and_tables_have_the_columns_that_were_asked_for(folder):
    opened, names = open_build(folder), ["targets", "task_name"]
    rows = [{name: row[name] for name in names} for row in expected(small_jobs())]
    assert [row for batch in opened.batches(names) for row in batch.to_pylist()] == rows
    assert [table.num_rows for table in opened.tables(names)] == [
        shard.rows for shard in opened.manifest.shards
    ]
    assert next(opened.tables()).schema == MIXTURE


@given(st.lists(st.integers(0, 119), max_size=40))
def test_rows_are_taken_by_number_in_the_order_given(folder, indices):
    opened, rows = open_build(folder), expected(small_jobs())
    assert opened.take(indices).to_pylist() == [rows[i] for i in indices]
    texts = opened.take(np.array(indices, dtype=np.int32), ["inputs"])
    assert texts.to_pylist() == [{"inputs": rows[i]["inputs"]} for i in indices]
    assert texts.schema == pa.schema([MIXTURE.field("inputs")])


def test_rows_are_taken_over_the_borders_of_shards_and_batches(tmp_path):
    jobs = {("rte", "zs_opt"): rendered_rows("rte", "zs_opt", 2500)}
    manifest = build(tmp_path, jobs, shard_bytes=1 << 18)
    opened, rows = open_build(tmp_path), expected(jobs)
    first, second = (shard.rows for shard in manifest.shards)
    assert min(first, second) > 1000  # the rows of a batch
    indices = [first, first - 1, 2499, 999, 1000, 1001, first + 1000, 0, first]
    assert opened.take(indices).to_pylist() == [rows[i] for i in indices]
    assert opened.take(range(2500)).to_pylist() == rows
    assert opened.row(first) == rows[first]


def test_shards_without_rows_are_passed_over(tmp_path):
    edges = rendered_rows("rte", "zs_opt", 3).set_column(0, "order", pa.array([1, 2, 2**64 - 1], pa.uint64()))
    build(tmp_path, {("rte", "zs_opt"): edges}, shard_bytes=100)
    opened = open_build(tmp_path)
    assert [shard.rows for shard in opened.manifest.shards][1:-1] == [0] * (len(opened.manifest.shards) - 2)
    assert [row["provenance"]["source_row"] for row in opened.take([2, 0, 1]).to_pylist()] == [2, 0, 1]


@pytest.mark.parametrize("index", [-1, 120, 1 << 40])
def test_a_number_that_no_row_has_is_a_usage_error(folder, index):
    with pytest.raises(UsageError, match=rf"no row {index}; rows are 0\.\.119"):
        open_build(folder).take([3, index])
    with pytest.raises(UsageError, match=f"no row {index}"):
        open_build(folder).row(index)


@pytest.mark.parametrize(
    "rows", [[True, False], np.array([True]), [1.7], ["3"], 3, [[1, 2]], [2**70], slice(3)]
)
def test_what_are_no_numbers_of_rows_is_a_usage_error(folder, rows):
    with pytest.raises(UsageError, match="rows are taken by their numbers"):
        open_build(folder).take(rows)


def test_numbers_of_any_whole_type_will_do(folder):
    rows = open_build(folder)
    for kind in (np.uint8, np.int32, np.uint64):
        assert rows.take(np.array([5, 0], kind)).equals(rows.take([5, 0]))


def test_a_build_that_is_open_stays_the_same(folder):
    rows = open_build(folder)
    assert open_build(rows) is rows


def test_a_build_without_rows_opens(tmp_path):
    build(tmp_path, {("rte", "zs_opt"): rendered_rows("rte", "zs_opt", 0)})
    opened = open_build(tmp_path)
    assert (len(opened), list(opened), list(opened.batches())) == (0, [], [])
    assert opened.take([]).schema == MIXTURE
    assert opened.take([], ["targets"]).schema == pa.schema([MIXTURE.field("targets")])
    with pytest.raises(UsageError, match="no row 0; it has none"):
        opened.row(0)


def test_a_benchmark_has_its_questions(tmp_path):
    build(tmp_path, question_jobs(), kind="benchmark")
    opened = open_build(tmp_path)
    rows = expected(question_jobs(), BENCHMARK)
    assert opened.schema is BENCHMARK
    assert list(opened) == rows
    assert opened.take([5, 23, 5], ["question"]).to_pylist() == [
        {"question": rows[i]["question"]} for i in (5, 23, 5)
    ]


def test_a_column_that_is_not_there_is_named_with_those_that_are(folder):
    opened = open_build(folder)
    with pytest.raises(UsageError, match=r"no column input in a mixture build\. .*Did you mean \"inputs\""):
        opened.take([0], ["input"])
    with pytest.raises(UsageError, match="no column question"):
        opened.batches(["question"]).__next__()


def test_datasets_opens_the_same_rows(folder):
    assert open_build(folder).to_dataset().to_list() == expected(small_jobs())


@pytest.mark.parametrize("keep", [None, 0, 900, -8])
def test_a_missing_or_cut_shard_is_a_failed_check(own_folder, keep):
    data = (own_folder / SECOND).read_bytes()
    (own_folder / SECOND).unlink()
    if keep is not None:
        (own_folder / SECOND).write_bytes(data[:keep])
    opened = open_build(own_folder)
    assert opened.row(0) == expected(small_jobs())[0]  # of the first shard
    for read in (list, lambda build: build.take(range(120)), lambda build: list(build.batches())):
        with pytest.raises(CheckError, match=rf"{SECOND}: cannot be read"):
            read(opened)


def test_a_manifest_that_counts_other_rows_is_a_failed_check(own_folder):
    opened = open_build(own_folder)
    shards = [shard.model_copy(update={"rows": shard.rows + 1}) for shard in opened.manifest.shards]
    wrong = Build(own_folder, opened.manifest.model_copy(update={"shards": shards}))
    with pytest.raises(CheckError, match=f"cannot be read: it should have {shards[0].rows} rows"):
        wrong.row(shards[0].rows - 1)


def test_a_folder_without_a_build_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="not a build folder"):
        open_build(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        open_build(tmp_path / "nowhere")


def test_a_build_goes_to_other_processes(folder):
    opened, rows = open_build(folder), expected(small_jobs())
    assert opened.row(7) == rows[7]
    again = pickle.loads(pickle.dumps(opened))
    assert (again.path, again.manifest) == (opened.path, opened.manifest)
    assert again.take([7, 119]).to_pylist() == [rows[7], rows[119]]
    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer).row(7)['inputs'])"
    ran = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(opened), check=True, capture_output=True
    )
    assert ran.stdout.decode().strip() == rows[7]["inputs"]


def test_threads_share_a_build(folder):
    opened, rows = open_build(folder), expected(small_jobs())
    with ThreadPoolExecutor(8) as threads:
        rows_of_threads = list(threads.map(opened.row, [*range(120), *range(119, -1, -1)]))
    assert rows_of_threads == [*rows, *rows[::-1]]


def test_reading_loads_little():
    """Training needs to read builds on machines that have no more than that."""
    script = "import json, sys, flancollect.dataset.questions; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    loaded = set(json.loads(ran.stdout))
    assert {name for name in loaded if name.startswith("flancollect.")} == {
        "flancollect.artifacts",
        "flancollect.cards",
        "flancollect.cards.card",
        "flancollect.cards.score_card",
        "flancollect.dataset",
        "flancollect.dataset.questions",
        "flancollect.dataset.reader",
        "flancollect.dataset.schemas",
        "flancollect.draw",
        "flancollect.errors",
    }
    assert not loaded & {"datasets", "polars", "jinja2", "huggingface_hub", "yaml", "torch"}
