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

from flancollect.artifacts import Export, ExportFile, Manifest, PathLike, Progress, file_sha256, read_artifact
from flancollect.dataset.dataset_files import seal
from flancollect.dataset.disk_errors import disk_errors
from flancollect.dataset.folder import acquire_build_folder
from flancollect.dataset.reader import MANIFEST, WORK_FOLDER, read_manifest
from flancollect.dataset.restore import restore_shards
from flancollect.dataset.schemas import schema_of
from flancollect.dataset.verify import verify
from flancollect.errors import CheckError
from flancollect.exports.configs import DEFAULT
from flancollect.exports.export import BUILD_MANIFEST
from flancollect.exports.folder import EXPORT
from flancollect.hub.remote import Remote, Say, connect, request, silenced_client
from flancollect.hub.repository import MAIN, download_file

READ_ROWS = 10_000
SHARD_NAME = re.compile(r"data-\d{5}-of-\d{5}\.arrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How to pull: at which branch, tag or commit, and whether another build in the folder is replaced."""

    revision: str = MAIN
    overwrite: bool = False


DEFAULTS = PullOptions()


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
class _Publication:
    """What a commit says it holds."""

    commit: str
    export: Export
    manifest: Manifest

    @property
    def files_of_rows(self) -> list[ExportFile]:
        """The files of all rows, in order."""
        return [file for file in self.export.files if file.config == DEFAULT]


def pull(
    repo: str,
    out: PathLike,
    options: PullOptions = DEFAULTS,
    say: Say = print,
    progress: Progress | None = None,
) -> Pulled:
    """Download a published mixture at one commit, restore its shards in the folder `out` and verify it.

    `say` is given a line whenever there is something to wait for.

    Stopped, the same command goes on with the files that are there. Raises SourceError when the Hub cannot be
    reached or has no such dataset, CheckError when what it holds is no whole mixture of flancollect,
    UsageError when the folder holds something else.
    """
    with silenced_client():
        out = Path(out)
        remote = connect(repo, say, writing=False)
        publication = _read_publication(remote, options.revision)
        with (
            acquire_build_folder(out, publication.manifest.recipe, overwrite=options.overwrite),
            disk_errors(out, "what was downloaded is kept"),
        ):
            reused = _is_restored(out, publication.manifest)
            if not reused:
                _restore(remote, publication, out, progress)
            manifest = read_manifest(out)
    return Pulled(
        repo=repo,
        commit=publication.commit,
        out=out,
        rows=manifest.rows,
        shards=len(manifest.shards),
        content_hash=manifest.content_hash,
        reused=reused,
        same_bytes=manifest == publication.manifest,
    )


def _read_publication(remote: Remote, revision: str) -> _Publication:
    """What a revision holds, of which only the lists are downloaded.

    Raises CheckError where the lists do not amount to a build, or would write outside its folder.
    """
    info = request(remote, lambda: remote.api.dataset_info(remote.repo, revision=revision))
    commit, names = str(info.sha), {sibling.rfilename for sibling in info.siblings or ()}
    missing = [name for name in (EXPORT, BUILD_MANIFEST) if name not in names]
    if missing:
        raise CheckError(
            f"{remote.repo}: is no mixture that `flancollect publish` put there: it has no {missing[0]} "
            f"at {revision}"
        )
    with tempfile.TemporaryDirectory() as folder:
        export = read_artifact(download_file(remote, commit, EXPORT, Path(folder)), Export, CheckError)
        path = download_file(remote, commit, BUILD_MANIFEST, Path(folder))
        # Before it is read: what it says is only worth something when it is the manifest that was exported.
        if file_sha256(path) != {file.file: file.sha256 for file in export.files}.get(BUILD_MANIFEST):
            raise CheckError(f"{remote.repo}: {BUILD_MANIFEST} is not the one that {EXPORT} lists")
        manifest = read_artifact(path, Manifest, CheckError)
    publication = _Publication(commit=commit, export=export, manifest=manifest)
    if not export.provenance:
        raise CheckError(
            f"{remote.repo}: was exported without provenance: a build cannot be restored from it"
        )
    odd = [shard.file for shard in manifest.shards if not SHARD_NAME.fullmatch(shard.file)]
    if odd:
        raise CheckError(f"{remote.repo}: {BUILD_MANIFEST}: no name of a shard: {odd[0]!r}")
    rows = sum(file.rows for file in publication.files_of_rows)
    if not rows == export.rows == manifest.rows:
        raise CheckError(
            f"{remote.repo}: {rows} rows in its files, {export.rows} in {EXPORT}, "
            f"{manifest.rows} in {BUILD_MANIFEST}"
        )
    return publication


def _is_restored(out: Path, manifest: Manifest) -> bool:
    """Whether the folder holds this very build already, whole."""
    if not (out / MANIFEST).is_file():
        return False
    # All but the shards' hashes: another version of Arrow writes the same rows in other bytes.
    if read_manifest(out).model_copy(update={"shards": manifest.shards}) != manifest:
        return False
    try:
        verify(out)
    except CheckError:
        return False
    return True


def _restore(remote: Remote, publication: _Publication, out: Path, progress: Progress | None) -> None:
    """Download the rows, write the shards of them, and seal the folder with the manifest when they are right."""
    folder = out / WORK_FOLDER / "pull"
    paths = _download(remote, publication, folder, progress)
    schema = schema_of(publication.manifest.kind)
    shards = restore_shards(_batches(paths), publication.manifest.shards, out, schema)
    wrong = [
        shard.file
        for shard, published in zip(shards, publication.manifest.shards, strict=True)
        if shard.rows_sha256 != published.rows_sha256
    ]
    if wrong:
        raise CheckError(f"{remote.repo}: rows of {', '.join(wrong)} are not those of {BUILD_MANIFEST}")
    seal(out, publication.manifest.model_copy(update={"shards": shards}))
    verify(out)
    shutil.rmtree(folder)


def _download(
    remote: Remote, publication: _Publication, folder: Path, progress: Progress | None
) -> list[Path]:
    """The files of all rows, each as export.json says. A file that is not is downloaded once more."""
    paths = []
    for number, file in enumerate(publication.files_of_rows, 1):
        path = download_file(remote, publication.commit, file.file, folder)
        # A run that was stopped may have put a file there that broke since: the client looks at its name alone.
        if file_sha256(path) != file.sha256:
            path.unlink()
            path = download_file(remote, publication.commit, file.file, folder)
            if file_sha256(path) != file.sha256:
                raise CheckError(f"{remote.repo}: {file.file}: not the file that {EXPORT} lists")
        paths.append(path)
        if progress is not None:
            progress("download", number, len(publication.files_of_rows))
    return paths


def _batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=READ_ROWS)
        except pa.ArrowInvalid as error:
            raise CheckError(f"{path.name}: is no Parquet file: {error}") from error
