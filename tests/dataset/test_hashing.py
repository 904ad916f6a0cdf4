import hashlib
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flancollect.artifacts import ShardInfo
from flancollect.dataset.arrow_layout import tidy_batch
from flancollect.dataset.hashing import HashedFile, RowsDigest, content_hash, rows_sha256
from flancollect.dataset.schemas import MIXTURE, RENDERED
from flancollect.errors import FlancollectError
from tests.builds import rendered_rows

ROWS = rendered_rows("rte", "fs_opt", 40)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40), max_size=6))
def test_chunks_do_not_change_the_hash(cuts):
    bounds = [0, *sorted(cuts), 40]
    chunks = [ROWS.slice(a, b - a) for a, b in pairwise(bounds)]
    assert rows_sha256(chunks, RENDERED) == rows_sha256([ROWS], RENDERED)


def changed(column, at, value):
    rows = ROWS.to_pylist()
    target = rows[at] if column in rows[at] else rows[at]["provenance"]
    assert target[column] != value
    target[column] = value
    return pa.Table.from_pylist(rows, schema=RENDERED)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("order", 1),
        ("targets", "answer  7"),
        ("option_style", None),
        ("option_style", ""),
        ("exemplars", []),
        ("options", ["yesno", ""]),
        ("repeat", 1),
    ],
)
def test_any_change_of_a_value_changes_the_hash(column, value):
    assert rows_sha256([changed(column, 7, value)], RENDERED) != rows_sha256([ROWS], RENDERED)


def test_null_and_empty_text_differ():
    null, empty = changed("option_style", 7, None), changed("option_style", 7, "")
    assert rows_sha256([null], RENDERED) != rows_sha256([empty], RENDERED)


def test_text_moved_between_columns_changes_the_hash():
    swapped = ROWS.rename_columns({"inputs": "targets", "targets": "inputs"}).select(ROWS.column_names)
    assert rows_sha256([swapped], RENDERED) != rows_sha256([ROWS], RENDERED)


def test_the_order_of_rows_counts():
    assert rows_sha256([ROWS.take(list(range(40))[::-1])], RENDERED) != rows_sha256([ROWS], RENDERED)


def test_another_schema_is_refused():
    with pytest.raises(FlancollectError, match="unknown column order"):
        rows_sha256([ROWS], MIXTURE)


def test_the_content_hash_is_of_rows_and_their_order_not_of_file_bytes():
    shards = [
        ShardInfo(file=f"{name}.arrow", rows=1, bytes=1, sha256=name, rows_sha256=f"rows {name}")
        for name in "ab"
    ]
    rewritten = [shard.model_copy(update={"sha256": "other"}) for shard in shards]
    assert content_hash(MIXTURE, shards) == content_hash(MIXTURE, rewritten)
    assert content_hash(MIXTURE, shards) != content_hash(MIXTURE, shards[::-1])
    assert content_hash(MIXTURE, shards) != content_hash(RENDERED, shards)


def test_bytes_are_those_of_the_values_and_not_of_what_lies_around_them():
    batch, digest, parted = ROWS.to_batches()[0], RowsDigest(RENDERED), RowsDigest(RENDERED)
    digest.add(tidy_batch(batch))
    for part in (batch.slice(0, 13), batch.slice(13)):
        parted.add(tidy_batch(part))
    assert digest.bytes == parted.bytes > sum(len(text.encode()) for text in batch["inputs"].to_pylist())
    assert digest.rows == 40
    assert RowsDigest(RENDERED).bytes == 0


def test_a_hashed_file_says_what_was_written(tmp_path):
    with HashedFile(tmp_path / "file") as file:
        assert file.write(b"some ") == 5
        assert file.write(memoryview(b"bytes")) == 5
    assert (tmp_path / "file").read_bytes() == b"some bytes"
    assert (file.bytes, file.sha256()) == (10, hashlib.sha256(b"some bytes").hexdigest())
