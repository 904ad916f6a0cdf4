import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.dataset import job_file as rendered
from flancollect.dataset.row_codec import concat, encode, row_layout
from flancollect.dataset.schemas import MIXTURE
from flancollect.dataset.shard_slices import ReusableBuffer, _cut, read_slices, slices_of
from flancollect.errors import FlancollectError
from tests.builds import rendered_rows, write_job

ENDS = [0, 1, 2**62 - 1, 2**62, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]


def jobs_of(folder, orders):
    """A job for each list of order numbers."""
    jobs = []
    for number, order in enumerate(orders):
        rows = rendered_rows(f"task{number}", "fs_opt", len(order))
        path = folder / f"{number}.rows"
        jobs.append((path, write_job(path, rows.set_column(0, "order", pa.array(order, pa.uint64())))))
    return jobs


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(ENDS) | st.integers(0, 2**64 - 1), max_size=8), max_size=4),
    st.integers(1, 9),
    st.sampled_from([200, 1 << 20]),
)
def test_every_row_is_in_the_slices_of_its_shard(tmp_path_factory, orders, count, run_bytes):
    folder = tmp_path_factory.mktemp("jobs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "RUN_BYTES", run_bytes)
        jobs = jobs_of(folder, orders)
    shards = slices_of(jobs, count)
    blocks = [read_slices([path for path, _ in jobs], slices, ReusableBuffer()) for slices in shards]
    assert len(blocks) == count
    for number, block in enumerate(blocks):
        assert all(order * count >> 64 == number for order in block.order.tolist())
    whole = concat(blocks)
    assert sorted(whole.order.tolist()) == sorted(order for job in orders for order in job)
    assert whole.payload.nbytes == whole.offsets()[-1]


def test_slices_come_in_the_order_of_jobs(tmp_path):
    jobs = jobs_of(tmp_path, [[5, 2**63], [], [7, 3], [2**63 + 1]])
    first, second = slices_of(jobs, 2)
    assert (first["file"].tolist(), first["rows"].tolist()) == ([0, 2], [1, 2])
    assert (second["file"].tolist(), second["rows"].tolist()) == ([0, 3], [1, 1])
    assert read_slices([path for path, _ in jobs], first, ReusableBuffer()).order.tolist() == [5, 3, 7]


def test_the_example_of_a_cut_is_true(tmp_path):
    path = tmp_path / "job.rows"
    rows = rendered_rows("rte", "zs_opt", 4).set_column(0, "order", pa.array([5, 9, 20, 30], pa.uint64()))
    (run,) = rendered.run_sections(write_job(path, rows).runs)
    entry = row_layout(MIXTURE).entry.itemsize
    slices = _cut(path, 7, run, np.array([10, 25], np.uint64), entry)
    ends = encode(rows.to_batches()[0]).offsets()
    assert slices["rows"].tolist() == [2, 1, 1]
    assert slices["payload"].tolist() == ends[[0, 2, 3]].tolist()
    assert slices["payload_bytes"].tolist() == np.diff(ends[[0, 2, 3, 4]]).tolist()
    assert slices["entries"].tolist() == [run.entries + n * entry for n in (0, 2, 3)]
    assert set(slices["file"]) == {7}


def test_without_jobs_shards_have_no_slices():
    assert [len(slices) for slices in slices_of([], 3)] == [0, 0, 0]


def test_a_file_that_was_cut_after_it_was_written_is_named(tmp_path):
    jobs = jobs_of(tmp_path, [[1, 2, 3]])
    (slices,) = slices_of(jobs, 1)
    path = jobs[0][0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FlancollectError, match=r"0\.rows: ends before its rows do"):
        read_slices([path], slices, ReusableBuffer())
    assert np.array_equal(slices["rows"], [3])


def test_a_buffer_serves_shards_of_any_size_in_turn(tmp_path):
    jobs = jobs_of(tmp_path, [[1, 2, 3, 2**63], [4, 2**63 + 5], [2**63 + 6]])
    paths, buffer = [path for path, _ in jobs], ReusableBuffer()
    shards = slices_of(jobs, 2)
    for slices in [*shards, *reversed(shards)]:
        alone = read_slices(paths, slices, ReusableBuffer())
        shared = read_slices(paths, slices, buffer)
        assert shared.payload.tobytes() == alone.payload.tobytes()
        assert shared.entries.tobytes() == alone.entries.tobytes()
