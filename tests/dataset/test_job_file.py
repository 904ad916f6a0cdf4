from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.artifacts import JobRecord
from flancollect.dataset import job_file as rendered
from flancollect.dataset.job_file import read_record, runs_of, write_rendered
from flancollect.dataset.row_codec import Decoder, encode
from flancollect.dataset.schemas import BENCHMARK, MIXTURE, RENDERED
from flancollect.errors import FlancollectError
from tests.builds import question_rows, rendered_rows, write_job

ROWS = rendered_rows("rte", "fs_opt", 50)
BLOCK = encode(ROWS.to_batches()[0])


def write(path, *batches):
    return write_rendered(path, [encode(batch) for batch in batches], {}, {})


def read(path):
    runs = runs_of(path, read_record(path))
    return [row for run in runs for row in Decoder(run).rows(np.arange(run.rows)).to_pylist()]


def sorted_rows(table):
    return table.sort_by("order").select(MIXTURE.names).to_pylist()


def test_rows_come_back_sorted_by_order(tmp_path):
    record = write_job(tmp_path / "job.rows", ROWS)
    assert read(tmp_path / "job.rows") == sorted_rows(ROWS)
    assert record.rows == 50
    assert record.bytes == BLOCK.payload.nbytes + 50 * BLOCK.entries.itemsize


def test_a_job_of_a_benchmark_comes_back_with_its_questions(tmp_path):
    path, rows = tmp_path / "job.rows", question_rows("mmlu", "fs_opt", 30)
    record = write_job(path, rows)
    assert read_record(path, BENCHMARK) == record
    (run,) = runs_of(path, record, BENCHMARK)
    expected = rows.sort_by("order").select(BENCHMARK.names).to_pylist()
    assert Decoder(run).rows(np.arange(30)).to_pylist() == expected
    assert read_record(path) is None  # another width of entries: not a job of a mixture
    write_job(path, rows.drop_columns("question"))
    assert read_record(path, BENCHMARK) is None


def test_rows_of_another_schema_are_refused(tmp_path):
    with pytest.raises(FlancollectError, match="not of the schema"):
        write_rendered(tmp_path / "job.rows", [BLOCK], {}, {}, BENCHMARK)
    assert list(tmp_path.iterdir()) == []


def test_the_record_comes_back_with_the_file(tmp_path):
    dropped = {}

    def blocks():
        yield BLOCK
        dropped["too long"] = 3

    written = write_rendered(tmp_path / "job.rows", blocks(), dropped, {"qa/forward/ask": "1f"})
    assert written.dropped == {"too long": 3}
    assert written.templates == {"qa/forward/ask": "1f"}
    assert read_record(tmp_path / "job.rows") == written


def test_a_record_of_any_length_is_read(tmp_path):
    templates = {f"qa/forward/ask_{i}": "0" * 64 for i in range(200)}
    written = write_rendered(tmp_path / "job.rows", [BLOCK], {}, templates)
    assert len(written.model_dump_json()) > rendered.PROBE_BYTES
    assert read_record(tmp_path / "job.rows") == written


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=5), st.sampled_from([100, 1000, 5000, 1 << 20]))
def test_equal_rows_give_equal_bytes_in_whatever_blocks_they_come(tmp_path_factory, cuts, run_bytes):
    folder, bounds = tmp_path_factory.mktemp("jobs"), [0, *sorted(cuts), 50]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "RUN_BYTES", run_bytes)
        whole = write(folder / "whole.rows", ROWS.to_batches()[0])
        chunks = [ROWS.slice(a, b - a).combine_chunks() for a, b in pairwise(bounds)]
        write(folder / "chunks.rows", *(batch for chunk in chunks for batch in chunk.to_batches()))
    assert (folder / "whole.rows").read_bytes() == (folder / "chunks.rows").read_bytes()
    assert sum(run.rows for run in whole.runs) == 50
    rows = read(folder / "whole.rows")
    assert sorted(row["provenance"]["source_row"] for row in rows) == list(range(50))


def test_a_run_ends_with_the_row_that_fills_it(tmp_path, monkeypatch):
    monkeypatch.setattr(rendered, "RUN_BYTES", BLOCK.payload.nbytes // 2)
    record = write_job(tmp_path / "job.rows", ROWS)
    first, second, *_ = record.runs
    offsets = BLOCK.offsets()
    assert offsets[first.rows - 1] < rendered.RUN_BYTES <= offsets[first.rows]
    assert first.rows + second.rows >= 49
    order = [run.order.tolist() for run in runs_of(tmp_path / "job.rows", record)]
    assert order == [sorted(run) for run in order]
    assert sorted(number for run in order for number in run) == sorted(ROWS["order"].to_pylist())


def test_equal_order_numbers_fall_back_on_source_row_and_repeat(tmp_path):
    rows = ROWS.slice(0, 4).to_pylist()
    for row, (source_row, repeat) in zip(rows, [(2, 0), (1, 1), (1, 0), (0, 5)], strict=True):
        row["order"], row["provenance"]["source_row"], row["provenance"]["repeat"] = 9, source_row, repeat
    write_job(tmp_path / "job.rows", pa.Table.from_pylist(rows, schema=RENDERED))
    provenance = [row["provenance"] for row in read(tmp_path / "job.rows")]
    assert [(row["source_row"], row["repeat"]) for row in provenance] == [(0, 5), (1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize("run_bytes", [100, 1 << 20])
def test_a_row_that_comes_twice_is_refused(tmp_path, monkeypatch, run_bytes):
    monkeypatch.setattr(rendered, "RUN_BYTES", run_bytes)
    batch = ROWS.to_batches()[0]
    with pytest.raises(FlancollectError, match="source row 3, repeat 0 came twice"):
        write(tmp_path / "job.rows", batch, batch.slice(3, 1))
    assert list(tmp_path.iterdir()) == []


def test_a_failing_producer_leaves_no_file(tmp_path):
    def blocks():
        yield BLOCK
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_rendered(tmp_path / "job.rows", blocks(), {}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("batches", [[], ROWS.slice(0, 0).combine_chunks().to_batches()])
def test_a_job_without_rows_has_a_file(tmp_path, batches):
    assert write(tmp_path / "job.rows", *batches).rows == 0
    assert read_record(tmp_path / "job.rows").runs == []
    assert read(tmp_path / "job.rows") == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[1:],
        lambda data: data[:10] + data[11:],
        lambda data: data + b"x",
        lambda data: data[:-16] + (1 << 40).to_bytes(8, "little") + data[-8:],
        lambda data: data[:-16] + (0).to_bytes(8, "little") + data[-8:],
        lambda data: b"nothing of the kind",
    ],
)
def test_a_file_that_is_not_whole_has_no_record(tmp_path, damage):
    path = tmp_path / "job.rows"
    assert isinstance(write_job(path, ROWS), JobRecord)
    path.write_bytes(damage(path.read_bytes()))
    assert read_record(path) is None


def test_a_file_that_is_not_there_has_no_record(tmp_path):
    assert read_record(tmp_path / "job.rows") is None
