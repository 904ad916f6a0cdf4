"""Is a build folder what its manifest says? Every file and row is read, and every problem listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import Manifest, PathLike, ShardInfo, file_sha256
from flancollect.dataset.dataset_files import dataset_files
from flancollect.dataset.hashing import content_hash
from flancollect.dataset.reader import SHARD_FILES, Build, open_build
from flancollect.dataset.schemas import columns_of
from flancollect.dataset.shards import shard_rows
from flancollect.errors import CheckError, FlancollectError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was read and found right."""

    rows: int
    shards: int


def verify(build: PathLike | Build) -> Verified:
    """Check every file of a build folder against its manifest, and the manifest against itself.

    Raises CheckError with one line per problem, UsageError when the folder holds no finished build.
    """
    build = open_build(build)
    out = build.path
    manifest = build.manifest
    problems = [*_manifest_problems(manifest, build.schema), *_folder_problems(out, manifest)]
    for shard in manifest.shards:
        problems += _shard_problems(out / shard.file, shard, build.schema)
    # Tasks are counted in rows that are known to be right, so one broken shard is not reported for each task.
    problems = problems or list(_task_problems(build))
    if problems:
        raise CheckError("\n".join(f"{out}: {problem}" for problem in problems))
    return Verified(rows=len(build), shards=len(manifest.shards))


def _manifest_problems(manifest: Manifest, schema: pa.Schema) -> Iterator[str]:
    """Where the manifest contradicts itself or this version's tables."""
    if manifest.columns != columns_of(schema):
        yield f"manifest.json: columns are {manifest.columns}, not {columns_of(schema)}"
    if manifest.content_hash != content_hash(schema, manifest.shards):
        yield "manifest.json: content_hash is not that of the shards it lists"
    shards, tasks = sum(shard.rows for shard in manifest.shards), sum(task.rows for task in manifest.tasks)
    if not manifest.rows == shards == tasks:
        yield f"manifest.json: {manifest.rows} rows, but its shards have {shards} and its tasks {tasks}"


def _folder_problems(out: Path, manifest: Manifest) -> Iterator[str]:
    """Shards that are extra, and dataset files that are not what the manifest implies."""
    listed = {shard.file for shard in manifest.shards}
    for path in sorted(out.glob(SHARD_FILES)):
        if path.name not in listed:
            yield f"{path.name}: not in the manifest; it is from another build"
    for name, text in dataset_files(manifest).items():
        path = out / name
        if not path.is_file():
            yield f"{name}: missing"
        elif path.read_bytes() != text.encode():
            yield f"{name}: not what the manifest implies"


def _shard_problems(path: Path, shard: ShardInfo, schema: pa.Schema) -> Iterator[str]:
    """What is wrong with one shard. Rows are read only from the very bytes that were written."""
    if not path.is_file():
        yield f"{shard.file}: missing"
        return
    size = path.stat().st_size
    if size != shard.bytes:
        yield f"{shard.file}: {size} bytes, not {shard.bytes}"
        return
    sha256 = file_sha256(path)
    if sha256 != shard.sha256:
        yield f"{shard.file}: changed since it was written: sha256 {sha256}, not {shard.sha256}"
        return
    # The very bytes may still be another version's, or of rows that a forged manifest does not describe.
    try:
        rows, rows_sha256 = shard_rows(path, schema)
    except (pa.ArrowInvalid, FlancollectError) as problem:
        yield f"{shard.file}: not a shard of this version: {problem}"
        return
    if rows != shard.rows:
        yield f"{shard.file}: {rows} rows, not {shard.rows}"
    if rows_sha256 != shard.rows_sha256:
        yield f"{shard.file}: rows_sha256 {rows_sha256}, not {shard.rows_sha256}"


def _task_problems(build: Build) -> Iterator[str]:
    """Tasks whose rows in the shards are not as many as the manifest says."""
    names = ["task_name", "template_type"]
    counts: Counter[tuple[str, str]] = Counter()
    for table in build.tables(names):
        for row in table.group_by(names).aggregate([([], "count_all")]).to_pylist():
            counts[row["task_name"], row["template_type"]] += row["count_all"]
    listed = {(task.task, task.variant): task.rows for task in build.manifest.tasks}
    for task, variant in sorted(counts.keys() | listed.keys()):
        actual, expected = counts[task, variant], listed.get((task, variant), 0)
        if actual != expected:
            yield f"{task} ({variant}): {actual} rows in the shards, not {expected}"
