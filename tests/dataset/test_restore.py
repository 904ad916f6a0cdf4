from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.dataset.restore import conform, cut, restore_shards
from flancollect.dataset.schemas import BENCHMARK, MIXTURE, columns_of
from flancollect.dataset.shards import staging
from flancollect.errors import CheckError
from tests.builds import build, question_jobs, rendered_rows, small_jobs

ROWS = pa.table(rendered_rows("boolq", "fs_opt", 50).select(MIXTURE.names)).combine_chunks().to_batches()[0]
places = st.lists(st.integers(0, 50), max_size=6).map(lambda bounds: sorted({0, 50, *bounds}))


@given(places, places)
def test_rows_come_in_the_sizes_asked_for_and_in_order(bounds, new_bounds):
    batches = [ROWS.slice(a, b - a) for a, b in pairwise(bounds)]
    sizes = [b - a for a, b in pairwise(new_bounds)]
    pieces = list(cut(batches, sizes, MIXTURE))
    assert [piece.num_rows for piece in pieces] == sizes
    assert pa.Table.from_batches(pieces) == pa.Table.from_batches([ROWS])


@pytest.mark.parametrize(
    ("sizes", "message"), [([51], "fewer rows"), ([20, 29], "more rows"), ([], "more rows")]
)
def test_too_few_and_too_many_rows_are_seen(sizes, message):
    with pytest.raises(CheckError, match=message):
        list(cut([ROWS], sizes, MIXTURE))


def test_lists_named_as_parquet_names_them_are_those_of_a_mixture():
    provenance = pa.struct(
        [pa.field(f.name, pa.list_(pa.field("element", f.type.value_type))) if pa.types.is_list(f.type) else f
         for f in MIXTURE.field("provenance").type]
    )  # fmt: skip
    other = ROWS.cast(MIXTURE.set(MIXTURE.get_field_index("provenance"), pa.field("provenance", provenance)))
    assert columns_of(other.schema) != columns_of(MIXTURE)
    assert columns_of(conform(other, MIXTURE).schema) == columns_of(MIXTURE)
    assert conform(other, MIXTURE) == ROWS


def test_restored_shards_are_the_same_files_although_batches_came_otherwise(tmp_path):
    manifest = build(tmp_path / "out", small_jobs())
    batches = []
    for shard in manifest.shards:
        with pa.ipc.open_stream(tmp_path / "out" / shard.file) as reader:
            batches += reader.read_all().to_batches(max_chunksize=3)
    (staging(tmp_path / "again")).mkdir(parents=True)
    (staging(tmp_path / "again") / "stale.tmp").write_text("of a killed run")
    assert restore_shards(batches, manifest.shards, tmp_path / "again", MIXTURE) == manifest.shards
    for shard in manifest.shards:
        restored = staging(tmp_path / "again") / shard.file
        assert restored.read_bytes() == (tmp_path / "out" / shard.file).read_bytes()
    assert len(list(staging(tmp_path / "again").iterdir())) == len(manifest.shards)


def test_a_benchmark_is_restored_with_its_questions(tmp_path):
    manifest = build(tmp_path / "out", question_jobs(), kind="benchmark")
    batches = []
    for shard in manifest.shards:
        with pa.ipc.open_stream(tmp_path / "out" / shard.file) as reader:
            batches += reader.read_all().to_batches(max_chunksize=5)
    assert restore_shards(batches, manifest.shards, tmp_path / "again", BENCHMARK) == manifest.shards
    with pytest.raises(CheckError, match="columns are"):
        restore_shards(batches, manifest.shards, tmp_path / "again", MIXTURE)
