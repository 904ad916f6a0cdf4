import json

import pyarrow as pa
import pytest

from flancollect.artifacts import Manifest, file_sha256, write_artifact
from flancollect.dataset.hashing import content_hash
from flancollect.dataset.reader import open_shard
from flancollect.dataset.schemas import MIXTURE
from flancollect.dataset.verify import Verified, verify
from flancollect.errors import CheckError, UsageError
from tests.builds import build, question_jobs, small_jobs

SECOND = "data-00001-of-00007.arrow"


@pytest.fixture
def built(tmp_path):
    """A build folder of seven shards."""
    assert len(build(tmp_path, small_jobs()).shards) == 7
    return tmp_path


def problems(out):
    with pytest.raises(CheckError) as caught:
        verify(out)
    return str(caught.value).splitlines()


def rewrite_manifest(out, **changes):
    manifest = Manifest.model_validate_json((out / "manifest.json").read_bytes())
    write_artifact(out / "manifest.json", manifest.model_copy(update=changes))
    return manifest


def test_a_fresh_build_is_right(built):
    assert verify(built) == Verified(rows=120, shards=7)


def test_a_fresh_benchmark_is_right_and_is_no_mixture(tmp_path):
    build(tmp_path, question_jobs(), kind="benchmark")
    assert verify(tmp_path) == Verified(rows=24, shards=3)
    rewrite_manifest(tmp_path, kind="mixture")
    assert "manifest.json: columns are" in problems(tmp_path)[0]


@pytest.mark.parametrize("part", range(12))
def test_a_flipped_byte_anywhere_names_the_shard(built, part):
    data = bytearray((built / SECOND).read_bytes())
    data[part * (len(data) - 1) // 11] ^= 0x10
    (built / SECOND).write_bytes(data)
    (problem,) = problems(built)
    assert f"{SECOND}: changed since it was written" in problem


def test_a_truncated_shard_is_named_with_both_sizes(built):
    size = (built / SECOND).stat().st_size
    (built / SECOND).write_bytes((built / SECOND).read_bytes()[:-100])
    assert problems(built) == [f"{built}: {SECOND}: {size - 100} bytes, not {size}"]


def test_every_problem_is_listed(built):
    (built / SECOND).unlink()
    (built / "data-00003-of-00007.arrow").write_bytes(b"")
    (built / "data-00000-of-00001.arrow").write_bytes(b"")
    (built / "state.json").write_text("{}")
    (built / "dataset_info.json").unlink()
    lines = "\n".join(problems(built))
    assert f"{SECOND}: missing" in lines
    assert "data-00003-of-00007.arrow: 0 bytes" in lines
    assert "data-00000-of-00001.arrow: not in the manifest" in lines
    assert "state.json: not what the manifest implies" in lines
    assert "dataset_info.json: missing" in lines
    assert len(lines.splitlines()) == 5


@pytest.mark.parametrize("name", ["state.json", "dataset_info.json"])
def test_a_changed_dataset_file_is_named(built, name):
    (built / name).write_text(json.dumps(json.loads((built / name).read_text())))
    assert problems(built) == [f"{built}: {name}: not what the manifest implies"]


def test_rows_that_are_not_those_of_the_manifest_are_named(built):
    manifest = rewrite_manifest(built)
    wrong = manifest.shards[1].model_copy(
        update={"rows_sha256": "0" * 64, "rows": manifest.shards[1].rows + 1}
    )
    shards = [manifest.shards[0], wrong, *manifest.shards[2:]]
    rewrite_manifest(built, shards=shards)
    lines = "\n".join(problems(built))
    assert f"{SECOND}: {wrong.rows - 1} rows, not {wrong.rows}" in lines
    assert f"{SECOND}: rows_sha256" in lines
    assert "content_hash is not that of the shards" in lines
    assert "manifest.json: 120 rows, but its shards have 121 and its tasks 120" in lines


def test_a_shard_with_other_columns_is_named(built):
    with open_shard(built / SECOND) as reader:
        table = reader.read_all().drop_columns(["targets"])
    (built / SECOND).unlink()
    with pa.OSFile(str(built / SECOND), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    manifest = rewrite_manifest(built)
    size, sha256 = (built / SECOND).stat().st_size, file_sha256(built / SECOND)
    forged = manifest.shards[1].model_copy(update={"bytes": size, "sha256": sha256})
    rewrite_manifest(built, shards=[manifest.shards[0], forged, *manifest.shards[2:]])
    (problem,) = problems(built)
    assert f"{SECOND}: not a shard of this version" in problem
    assert "no column targets" in problem


def test_tasks_with_other_row_counts_are_named(built):
    tasks = rewrite_manifest(built).tasks
    tasks = [tasks[0].model_copy(update={"rows": 41}), tasks[1], tasks[2].model_copy(update={"rows": 39})]
    rewrite_manifest(built, tasks=tasks)
    assert problems(built) == [
        f"{built}: boolq (zs_opt): 40 rows in the shards, not 41",
        f"{built}: rte (zs_opt): 40 rows in the shards, not 39",
    ]


def test_swapped_shards_are_found_even_with_a_manifest_that_agrees(built):
    """Renaming shards and listing them so keeps every file's hash; the content hash tells."""
    manifest = rewrite_manifest(built)
    first, second, *others = manifest.shards
    (built / first.file).rename(built / "x")
    (built / second.file).rename(built / first.file)
    (built / "x").rename(built / second.file)
    swapped = [
        second.model_copy(update={"file": first.file}),
        first.model_copy(update={"file": second.file}),
    ]
    shards = [*swapped, *others]
    rewrite_manifest(built, shards=shards)
    assert problems(built) == [f"{built}: manifest.json: content_hash is not that of the shards it lists"]
    assert content_hash(MIXTURE, shards) != manifest.content_hash


def test_wrong_columns_in_the_manifest_are_named(built):
    rewrite_manifest(built, columns={"inputs": "string"})
    assert "columns are" in problems(built)[0]


def test_a_broken_manifest_says_what_is_wrong(built):
    (built / "manifest.json").write_text('{"format": 2}')
    assert "manifest.json: not a Manifest of this version: format" in problems(built)[0]


def test_an_unfinished_build_says_how_to_resume(built):
    (built / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"not finished.*resumes from .*\.work"):
        verify(built)


def test_a_folder_without_a_build_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="not a build folder"):
        verify(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        verify(tmp_path / "nowhere")
