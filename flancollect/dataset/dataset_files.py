"""The files that make a folder of shards a dataset: for `datasets.load_from_disk`, and the manifest.

`dataset_info.json` and `state.json` follow what `Dataset.save_to_disk` of datasets 5 writes; they are
written by hand because importing datasets takes seconds, and hold nothing of this machine.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from flancollect.artifacts import Manifest, write_artifact, write_atomically
from flancollect.dataset.reader import MANIFEST, SHARD_FILES
from flancollect.dataset.schemas import schema_of
from flancollect.dataset.shards import staging
from flancollect.errors import FlancollectError

DELETED_AT_ONCE = 8  # to give back a shard's cached pages takes a tenth of a second


def seal(out: Path, manifest: Manifest) -> None:
    """Put the staged shards in place of any earlier build; the manifest goes first and comes last.

    So a folder with a manifest is whole; one without is no dataset, and building again finishes it. Raises
    FlancollectError, with the earlier build untouched, when a shard is not staged.
    """
    unstaged = [shard.file for shard in manifest.shards if not (staging(out) / shard.file).is_file()]
    if unstaged:
        raise FlancollectError(
            f"{staging(out)}: not there, though listed for the manifest: {', '.join(unstaged)}"
        )
    (out / MANIFEST).unlink(missing_ok=True)
    # Shards of another number have other names, so none may stay behind.
    with ThreadPoolExecutor(DELETED_AT_ONCE) as threads:
        list(threads.map(Path.unlink, sorted(out.glob(SHARD_FILES))))
    for shard in manifest.shards:
        (staging(out) / shard.file).replace(out / shard.file)
    refresh(out, manifest)


def refresh(out: Path, manifest: Manifest) -> None:
    """Bring the manifest of a finished build up to date whose shards stay as they are."""
    for name, text in dataset_files(manifest).items():
        write_atomically(out / name, text.encode())
    write_artifact(out / MANIFEST, manifest)


def dataset_files(manifest: Manifest) -> dict[str, str]:
    """Name and text of the files that `datasets.load_from_disk` reads beside the shards."""
    features = {field.name: _feature(field.type) for field in schema_of(manifest.kind)}
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    state: dict[str, Any] = {
        "_data_files": [{"filename": shard.file} for shard in manifest.shards],
        # It names the rows in the caches of `datasets`: equal rows, equal caches.
        "_fingerprint": manifest.content_hash[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    return {
        name: json.dumps(value, indent=2, sort_keys=True) + "\n"
        for name, value in (("dataset_info.json", info), ("state.json", state))
    }


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """An Arrow type as datasets' Features write it."""
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    return {"_type": "Value", "dtype": str(kind)}
