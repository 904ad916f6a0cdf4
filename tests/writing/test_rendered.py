from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.errors import FlancollectError
from flancollect.schemas import MIXTURE, RENDERED
from flancollect.writing import rendered
from flancollect.writing.hashing import rows_sha256
from flancollect.writing.rendered import open_rendered, write_rendered
from tests.builds import rendered_rows

ROWS = rendered_rows("rte", "fs_opt", 50)


def read(path):
    with open_rendered(path) as batches:
        return pa.Table.from_batches(batches, schema=RENDERED).combine_chunks()


def test_rows_come_back_sorted_by_order(tmp_path):
    info = write_rendered(tmp_path / "job.arrow", [ROWS])
    assert read(tmp_path / "job.arrow").equals(ROWS.sort_by("order"))
    assert info.rows == 50
    assert info.file_bytes == (tmp_path / "job.arrow").stat().st_size
    mixture = ROWS.sort_by("order").select(MIXTURE.names)
    assert info.rows_sha256 == rows_sha256([mixture], MIXTURE)
    assert info.bytes > sum(len(text.encode()) for text in ROWS["inputs"].to_pylist())


@settings(max_examples=25, deadline=None)
@given(
    st.permutations(range(50)),
    st.lists(st.integers(0, 50), max_size=5),
    st.sampled_from([7, 16, 1000]),
    st.sampled_from([0, 5000, 1 << 20]),
)
def test_equal_rows_give_equal_bytes_in_any_chunks_order_and_memory(
    tmp_path_factory, places, cuts, batch_rows, held_bytes
):
    folder, bounds = tmp_path_factory.mktemp("jobs"), [0, *sorted(cuts), 50]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "BATCH_ROWS", batch_rows)
        write_rendered(folder / "whole.arrow", [ROWS])
        patch.setattr(rendered, "HELD_BYTES", held_bytes)
        shuffled = ROWS.take(places)
        chunks = (shuffled.slice(a, b - a) for a, b in pairwise(bounds))
        write_rendered(folder / "chunks.arrow", (batch for chunk in chunks for batch in chunk.to_batches()))
    assert (folder / "whole.arrow").read_bytes() == (folder / "chunks.arrow").read_bytes()


def test_equal_order_numbers_fall_back_on_source_row_and_repeat(tmp_path):
    rows = ROWS.slice(0, 4).to_pylist()
    for row, (source_row, repeat) in zip(rows, [(2, 0), (1, 1), (1, 0), (0, 5)], strict=True):
        row["order"], row["provenance"]["source_row"], row["provenance"]["repeat"] = 9, source_row, repeat
    write_rendered(tmp_path / "job.arrow", [pa.Table.from_pylist(rows, schema=RENDERED)])
    made_of = read(tmp_path / "job.arrow")["provenance"].to_pylist()
    assert [(row["source_row"], row["repeat"]) for row in made_of] == [(0, 5), (1, 0), (1, 1), (2, 0)]


def test_a_row_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(FlancollectError, match="source row 3, repeat 0 came twice"):
        write_rendered(tmp_path / "job.arrow", [ROWS, ROWS.slice(3, 1)])
    assert list(tmp_path.iterdir()) == []


def test_a_failing_producer_leaves_no_file(tmp_path):
    def batches():
        yield ROWS
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_rendered(tmp_path / "job.arrow", batches())
    assert list(tmp_path.iterdir()) == []


def test_another_schema_is_refused(tmp_path):
    with pytest.raises(FlancollectError, match="no column order"):
        write_rendered(tmp_path / "job.arrow", [ROWS.drop_columns(["order"])])


@pytest.mark.parametrize("batches", [[], [ROWS.slice(0, 0)]])
def test_a_job_without_rows_has_a_file(tmp_path, batches):
    assert write_rendered(tmp_path / "job.arrow", batches).rows == 0
    assert read(tmp_path / "job.arrow").num_rows == 0
