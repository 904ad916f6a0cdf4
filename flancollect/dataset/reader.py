"""Reading finished builds: the manifest, and shards memory-mapped one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import Manifest, read_artifact
from flancollect.errors import CheckError, UsageError

MANIFEST = "manifest.json"
SHARD_FILES = "data-*-of-*.arrow"
WORK_FOLDER = ".work"


def read_manifest(out: Path) -> Manifest:
    """The manifest of a finished build.

    Raises UsageError where there is none, saying whether an unfinished build lies there; CheckError for a
    manifest that cannot be read.
    """
    path = out / MANIFEST
    if path.is_file():
        return read_artifact(path, Manifest, CheckError)
    if not out.is_dir():
        raise UsageError(f"{out}: no such folder. Give the --out folder of a `flancollect build`.")
    if (out / WORK_FOLDER).is_dir():
        raise UsageError(
            f"{out}: the build is not finished: it has no {MANIFEST}. Run the same `flancollect build` "
            f"command again: it resumes from {out / WORK_FOLDER}."
        )
    raise UsageError(f"{out}: not a build folder: it has no {MANIFEST}. `flancollect build` makes one.")


@contextmanager
def open_shard(path: Path) -> Iterator[pa.ipc.RecordBatchStreamReader]:
    """A shard's batches one by one, memory-mapped. Raises pyarrow.ArrowInvalid for a broken file."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
        yield reader


def shard_tables(out: Path, manifest: Manifest, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Those columns of each shard in order, memory-mapped: what is not looked at is not read.

    Raises CheckError when a shard is missing or broken.
    """
    for shard in manifest.shards:
        path = out / shard.file
        try:
            if path.stat().st_size != shard.bytes:
                raise pa.ArrowInvalid(f"it should have {shard.bytes} bytes")
            with open_shard(path) as reader:
                yield reader.read_all().select(list(columns))
        except (OSError, KeyError, pa.ArrowInvalid) as problem:
            raise CheckError(
                f"{path}: cannot be read: {problem}. `flancollect verify` says more."
            ) from problem
