import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.dataset.arrow_layout import streams, tidy, tidy_batch
from flancollect.dataset.schemas import RENDERED
from tests.builds import rendered_rows

TEXTS = st.lists(st.none() | st.text(max_size=4), max_size=20)
LISTS = st.lists(st.lists(st.none() | st.text(max_size=3), max_size=3), max_size=20)


def buffers(array):
    return [buffer and buffer.to_pybytes() for buffer in array.buffers()]


@given(TEXTS, st.integers(0, 9))
def test_a_slice_lies_as_if_built_alone(texts, start):
    sliced, alone = pa.array(texts, pa.string()).slice(start), pa.array(texts[start:], pa.string())
    assert tidy(sliced).equals(alone)
    assert buffers(tidy(sliced)) == buffers(tidy(alone))


@given(LISTS, st.integers(0, 9))
def test_a_slice_of_lists_lies_as_if_built_alone(lists, start):
    kind = pa.list_(pa.string())
    sliced, alone = pa.array(lists, kind).slice(start), pa.array(lists[start:], kind)
    tidied = tidy(sliced)
    tidied.validate(full=True)
    assert tidied.equals(alone)
    assert [s.tobytes() for s in streams(tidied)] == [s.tobytes() for s in streams(tidy(alone))]


def test_bytes_under_nulls_do_not_show():
    mask = pa.py_buffer(b"\xfd")
    hidden = pa.Array.from_buffers(
        pa.string(),
        3,
        [mask, pa.py_buffer(pa.array([0, 1, 4, 5], pa.int32()).buffers()[1]), pa.py_buffer(b"aSECb")],
    )
    assert hidden.to_pylist() == ["a", None, "b"]
    assert buffers(tidy(hidden)) == buffers(tidy(pa.array(["a", None, "b"])))


def test_whole_batches_keep_their_rows():
    batch = rendered_rows("rte", "fs_opt", 30).to_batches()[0].slice(7, 11)
    assert tidy_batch(batch).equals(batch)


@pytest.mark.parametrize("array", [pa.array([1.5]), pa.array([["a"], None]), pa.array([{"a": 1}, None])])
def test_types_without_a_layout_are_refused(array):
    with pytest.raises(TypeError, match="no layout"):
        tidy(array)


def test_no_rows_have_a_layout():
    empty = pa.RecordBatch.from_pylist([], schema=RENDERED)
    assert tidy_batch(empty).equals(empty)
