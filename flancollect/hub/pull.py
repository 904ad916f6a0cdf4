"""Fetch a published mixture back as the build folder that it was: same rows, order, shards and manifest.

The repository carries the build's manifest; its `default` configuration holds all rows in mixture order.
Everything that comes is checked against the hashes in export.json, and the folder against its manifest.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flancollect.artifacts import Export, ExportFile, Manifest, Progress, read_artifact
from flancollect.dataset.dataset_files import seal
from flancollect.dataset.disk_errors import disk_errors
from flancollect.dataset.folder import acquire_build_folder
from flancollect.dataset.reader import MANIFEST, WORK_FOLDER, read_manifest
from flancollect.dataset.restore import restore_shards
from flancollect.dataset.shards import file_sha256
from flancollect.dataset.verify import verify
from flancollect.errors import CheckError
from flancollect.exports.configs import DEFAULT
from flancollect.exports.export import BUILD_MANIFEST
from flancollect.exports.folder import EXPORT
from flancollect.hub.remote import Remote, Say, connect, patiently, quiet
from flancollect.hub.repository import MAIN, document

READ_ROWS = 10_000
SHARD_NAME = re.compile(r"data-\d{5}-of-\d{5}\.arrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """From where (`revision`: branch, tag or commit) to where."""

    repo: str
    out: Path
    revision: str = MAIN
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A verified build folder. `reused`: it lay there already. `same_bytes`: shards are the very files."""

    repo: str
    commit: str
    out: Path
    rows: int
    shards: int
    content_hash: str
    reused: bool
    same_bytes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Published:
    """What a commit holds."""

    commit: str
    export: Export
    manifest: Manifest

    @property
    def rows_files(self) -> list[ExportFile]:
        """The files of all rows, in order."""
        return [file for file in self.export.files if file.config == DEFAULT]


def pull(options: PullOptions, say: Say, progress: Progress | None = None) -> Pulled:
    """Download a published mixture at one commit, restore its shards and verify the folder.

    Stopped, the same command goes on with the files that are there. Raises SourceError when the Hub cannot be
    reached or has no such dataset, CheckError when what it holds is no whole mixture of flancollect,
    UsageError when the folder holds something else.
    """
    with quiet():
        remote = connect(options.repo, say, writing=False)
        there = _published(remote, options.revision)
        with (
            acquire_build_folder(options.out, there.manifest.recipe, overwrite=options.overwrite),
            disk_errors(options.out, "what was downloaded is kept"),
        ):
            reused = _is_there(options.out, there.manifest)
            if not reused:
                _restore(remote, there, options.out, progress)
            manifest = read_manifest(options.out)
    return Pulled(
        repo=options.repo,
        commit=there.commit,
        out=options.out,
        rows=manifest.rows,
        shards=len(manifest.shards),
        content_hash=manifest.content_hash,
        reused=reused,
        same_bytes=manifest == there.manifest,
    )


def _published(remote: Remote, revision: str) -> _Published:
    """What a revision holds, of which only the lists are downloaded."""
    info = patiently(remote, lambda: remote.api.dataset_info(remote.repo, revision=revision))
    commit, names = str(info.sha), {sibling.rfilename for sibling in info.siblings or ()}
    missing = [name for name in (EXPORT, BUILD_MANIFEST) if name not in names]
    if missing:
        raise CheckError(
            f"{remote.repo}: is no mixture that `flancollect publish` put there: it has no {missing[0]} "
            f"at {revision}"
        )
    with tempfile.TemporaryDirectory() as folder:
        export = read_artifact(document(remote, commit, EXPORT, Path(folder)), Export, CheckError)
        path = document(remote, commit, BUILD_MANIFEST, Path(folder))
        _refuse_unlike(remote, export, path)
        manifest = read_artifact(path, Manifest, CheckError)
    found = _Published(commit=commit, export=export, manifest=manifest)
    _refuse_unfit(remote, found)
    return found


def _refuse_unlike(remote: Remote, export: Export, manifest: Path) -> None:
    wanted = {file.file: file.sha256 for file in export.files}.get(BUILD_MANIFEST)
    if file_sha256(manifest) != wanted:
        raise CheckError(f"{remote.repo}: {BUILD_MANIFEST} is not the one that {EXPORT} lists")


def _refuse_unfit(remote: Remote, found: _Published) -> None:
    """Raise CheckError where the lists do not amount to a build, or would write outside its folder."""
    if not found.export.provenance:
        raise CheckError(
            f"{remote.repo}: was exported without provenance: a build cannot be restored from it"
        )
    odd = [shard.file for shard in found.manifest.shards if not SHARD_NAME.fullmatch(shard.file)]
    if odd:
        raise CheckError(f"{remote.repo}: {BUILD_MANIFEST}: no name of a shard: {odd[0]!r}")
    rows = sum(file.rows for file in found.rows_files)
    if not rows == found.export.rows == found.manifest.rows:
        raise CheckError(
            f"{remote.repo}: {rows} rows in its files, {found.export.rows} in {EXPORT}, "
            f"{found.manifest.rows} in {BUILD_MANIFEST}"
        )


def _is_there(out: Path, manifest: Manifest) -> bool:
    """Whether the folder holds this very build already, whole."""
    if not (out / MANIFEST).is_file():
        return False
    found = read_manifest(out)
    if found.model_copy(update={"shards": manifest.shards}) != manifest:  # shards may differ in bytes alone
        return False
    try:
        verify(out)
    except CheckError:
        return False
    return True


def _restore(remote: Remote, there: _Published, out: Path, progress: Progress | None) -> None:
    folder = out / WORK_FOLDER / "pull"
    paths = _downloaded(remote, there, folder, progress)
    shards = restore_shards(_batches(paths), there.manifest.shards, out)
    wrong = [
        made.file
        for made, wanted in zip(shards, there.manifest.shards, strict=True)
        if made.rows_sha256 != wanted.rows_sha256
    ]
    if wrong:
        raise CheckError(f"{remote.repo}: rows of {', '.join(wrong)} are not those of {BUILD_MANIFEST}")
    seal(out, there.manifest.model_copy(update={"shards": shards}))
    verify(out)
    shutil.rmtree(folder)


def _downloaded(remote: Remote, there: _Published, folder: Path, progress: Progress | None) -> list[Path]:
    """The files of all rows, each as export.json says. A file that is not is downloaded once more."""
    paths = []
    for number, file in enumerate(there.rows_files, 1):
        path = document(remote, there.commit, file.file, folder)
        if file_sha256(path) != file.sha256:
            path.unlink()
            path = document(remote, there.commit, file.file, folder)
            if file_sha256(path) != file.sha256:
                raise CheckError(f"{remote.repo}: {file.file}: not the file that {EXPORT} lists")
        paths.append(path)
        if progress is not None:
            progress("download", number, len(there.rows_files))
    return paths


def _batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=READ_ROWS)
        except pa.ArrowInvalid as problem:
            raise CheckError(f"{path.name}: is no Parquet file: {problem}") from problem
