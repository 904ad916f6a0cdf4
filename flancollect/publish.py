"""Put a build on the Hub as a dataset: only what changed, in one commit, checked, and tagged by its content.

Everything is look, compare, act: what the repository holds decides what is sent. So the same command, run
again after it was stopped anywhere, goes on, and publishing equal content twice makes no second commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flancollect.artifacts import Export, Manifest
from flancollect.errors import CheckError, UsageError
from flancollect.export import ExportOptions, Progress, export
from flancollect.folder import claim
from flancollect.remote import (
    UPLOAD_TRIES,
    Remote,
    Say,
    Trouble,
    attempt,
    connect,
    patiently,
    pause,
    quiet,
    tree,
)
from flancollect.standing import Standing, standing_of
from flancollect.verify import verify
from flancollect.writing.exports.folder import EXPORT
from flancollect.writing.reading import WORK_FOLDER, read_manifest
from flancollect.writing.shards import file_sha256

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, RepoFile

@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """Where to. `revision` is a branch, made from main if it is not there; `tag` is a further tag."""

    repo: str
    revision: str = MAIN
    tag: str | None = None
    private: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was published or, with `dry_run`, would be. `commit` is None where nothing has been committed."""

    repo: str
    revision: str
    url: str
    commit: str | None
    committed: bool
    rows: int
    content_hash: str
    uploaded: dict[str, int]
    removed: tuple[str, ...]
    unchanged: int
    tags: tuple[str, ...]
    dry_run: bool


def publish(
    build: Path, options: PublishOptions, progress: Progress | None = None, say: Say = print
) -> Published:
    """Verify a build, export it as Parquet, and make a dataset repository hold exactly that.

    Raises:
        UsageError: no token, no right to write there, a repository that is not flancollect's.
        SourceError: the Hub cannot be reached, or stops answering; running again goes on.
        CheckError: the build or, afterwards, the repository is not what it should be.
    """
    with quiet():
        remote = connect(options.repo, say, writing=True)
        verify(build)
        manifest = read_manifest(build)
        before = standing_of(remote, options.revision)
        _refuse(remote, before, options)
        with claim(build, manifest.recipe, overwrite=False):
            made = _exported(build, options.repo, progress)
            local = _local_files(build, made)
            change = compare(local, before)
            tags = tuple(dict.fromkeys([f"content-{manifest.content_hash[:12]}", *filter(None, [options.tag])]))
            _refuse_moving(remote, before, change, options)
            commit = before.head if before.exists else None
            if not options.dry_run:
                _create(remote, before, options)
                commit = _bring(remote, manifest, local, options, progress)
                _tag(remote, commit, tags)
    return Published(
        repo=options.repo,
        revision=options.revision,
        url=f"{remote.url}/tree/{options.revision}",
        commit=commit,
        committed=commit != before.head,
        rows=manifest.rows,
        content_hash=manifest.content_hash,
        uploaded={file.name: file.bytes for file in change.send},
        removed=change.remove,
        unchanged=len(local) - len(change.send),
        tags=tags,
        dry_run=options.dry_run,
    )


# --- what there is -----------------------------------------------------------------------------------------


def _exported(build: Path, repo: str, progress: Progress | None) -> Export:
    return export(build, ExportOptions(out=_folder(build), format="parquet", address=repo), progress).export


def _folder(build: Path) -> Path:
    """Where the export of a build lies between runs."""
    return build / WORK_FOLDER / "publish"


def _local_files(build: Path, made: Export) -> list[LocalFile]:
    """The files of the export, the list of them last."""
    folder = _folder(build)
    own = LocalFile(
        name=EXPORT,
        path=folder / EXPORT,
        bytes=(folder / EXPORT).stat().st_size,
        sha256=file_sha256(folder / EXPORT),
    )
    files = [
        LocalFile(name=entry.file, path=folder / entry.file, bytes=entry.bytes, sha256=entry.sha256)
        for entry in made.files
    ]
    return [*files, own]


# --- what is refused ---------------------------------------------------------------------------------------


def _refuse(remote: Remote, there: Standing, options: PublishOptions) -> None:
    """Raise UsageError where publishing would do what nobody asked for."""
    if there.exists and there.foreign:
        shown = ", ".join(there.foreign[:5]) + (", ..." if len(there.foreign) > 5 else "")
        raise UsageError(
            f"{remote.repo}: holds files that are no dataset of flancollect ({shown}): it has no {EXPORT}. "
            f"Choose another name, or delete those files at {remote.url}/tree/{options.revision} first"
        )
    if there.exists and options.private and not there.private:
        raise UsageError(
            f"{remote.repo}: exists and is public: make it private at {remote.url}/settings, "
            "or leave out --private"
        )
    if options.revision in there.tags:
        raise UsageError(f"--revision {options.revision}: is a tag of {remote.repo}; name a branch")
    owner = remote.repo.partition("/")[0]
    if not there.exists and owner not in remote.namespaces:
        raise UsageError(
            f"{remote.repo}: there is no such dataset, and your token may not make one under {owner}. "
            f"It is of {remote.namespaces[0]}; namespaces: {', '.join(remote.namespaces)}"
        )


def _refuse_moving(remote: Remote, there: Standing, change: Change, options: PublishOptions) -> None:
    """Raise UsageError when --tag names another commit: what a tag names never changes."""
    named = there.tags.get(options.tag or "")
    if named is not None and (change or named != there.head):
        raise UsageError(
            f"--tag {options.tag}: names commit {named[:12]} of {remote.repo} already; choose another tag"
        )


