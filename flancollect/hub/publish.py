"""Put a build on the Hub as a dataset: only what changed, in one commit, checked, and tagged by its content.

Everything is look, compare, act: what the repository holds decides what is sent. So the same command, run
again after it was stopped anywhere, goes on, and publishing equal content twice makes no second commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flancollect.artifacts import Manifest, Progress
from flancollect.dataset.folder import acquire_build_folder
from flancollect.dataset.reader import WORK_FOLDER, read_manifest
from flancollect.dataset.shards import file_sha256
from flancollect.dataset.verify import verify
from flancollect.errors import UsageError
from flancollect.exports.export import ExportOptions, export
from flancollect.exports.folder import EXPORT
from flancollect.hub.change import Change, LocalFile, compare
from flancollect.hub.commits import Submission, bring, create, tag_commit
from flancollect.hub.remote import Remote, Say, connect, quiet
from flancollect.hub.repository import MAIN, RepositoryState, repository_state


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
    """What was published or, in a dry run, would be; sizes in bytes by file.

    `commit` is what the branch names, None if it is not there; `committed`: this run, or one before it that
    was stopped, put it there.
    """

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


def publish(build: Path, options: PublishOptions, say: Say, progress: Progress | None = None) -> Published:
    """Verify a build, export it as Parquet, and make a dataset repository hold exactly that.

    `say` is given a line whenever there is something to wait for. Raises UsageError without a token, without
    the right to write there, and for a repository that is not flancollect's; SourceError when the Hub cannot
    be reached or stops answering; CheckError when the build or, afterwards, the repository is not what it
    should be.
    """
    with quiet():
        remote = connect(options.repo, say, writing=True)
        verify(build)
        manifest = read_manifest(build)
        there = repository_state(remote, options.revision)
        _refuse(remote, there, options)
        with acquire_build_folder(build, manifest.recipe, overwrite=False):
            files = _exported(build, options.repo, progress)
            change = compare(files, there)
            _refuse_moving(remote, there, change, options)
            commit = there.head if there.branch else None
            if not options.dry_run:
                create(remote, there, options.revision, private=options.private)
                commit = bring(remote, _submission(manifest, files, options.revision), there, progress)
                tag_commit(remote, commit, [tag for tag in _tags(manifest, options) if tag not in there.tags])
    return Published(
        repo=options.repo,
        revision=options.revision,
        url=f"{remote.url}/tree/{options.revision}",
        commit=commit,
        committed=bool(change) and not options.dry_run,
        rows=manifest.rows,
        content_hash=manifest.content_hash,
        uploaded={file.name: file.bytes for file in change.send},
        removed=change.remove,
        unchanged=len(files) - len(change.send),
        tags=_tags(manifest, options),
        dry_run=options.dry_run,
    )


def _exported(build: Path, repo: str, progress: Progress | None) -> tuple[LocalFile, ...]:
    """Export the build beside its rendered tables; the files, their list last."""
    folder = build / WORK_FOLDER / "publish"
    made = export(build, ExportOptions(out=folder, format="parquet", address=repo), progress).export
    listed = [(entry.file, entry.bytes, entry.sha256) for entry in made.files]
    own = (EXPORT, (folder / EXPORT).stat().st_size, file_sha256(folder / EXPORT))
    return tuple(
        LocalFile(name=name, path=folder / name, bytes=size, sha256=sha256)
        for name, size, sha256 in [*listed, own]
    )


def _submission(manifest: Manifest, files: tuple[LocalFile, ...], branch: str) -> Submission:
    return Submission(
        branch=branch,
        files=files,
        message=f"{manifest.mixture}: {manifest.rows:,} rows, content {manifest.content_hash[:12]}",
        description=f"content {manifest.content_hash}\nrecipe {manifest.recipe_hash}",
    )


def _tags(manifest: Manifest, options: PublishOptions) -> tuple[str, ...]:
    own = (f"content-{manifest.content_hash[:12]}",)
    return own if options.tag in (None, *own) else (*own, str(options.tag))


def _refuse(remote: Remote, there: RepositoryState, options: PublishOptions) -> None:
    """Raise UsageError where publishing would do what nobody asked for."""
    owner = remote.repo.partition("/")[0]
    if not there.exists and owner not in remote.namespaces:
        raise UsageError(
            f"{remote.repo}: there is no such dataset, and your token may not make one under {owner}. "
            f"It is of {remote.namespaces[0]}; namespaces: {', '.join(remote.namespaces)}"
        )
    if there.foreign:
        shown = ", ".join(there.foreign[:5]) + (", ..." if len(there.foreign) > 5 else "")
        raise UsageError(
            f"{remote.repo}: is no dataset of flancollect: it holds {shown}, and no {EXPORT} that this version "
            f"can read. Choose another name, or first delete its files at {remote.url}/tree/{options.revision}"
        )
    if there.exists and options.private and not there.private:
        raise UsageError(
            f"{remote.repo}: exists and is public: make it private at {remote.url}/settings, "
            "or leave out --private"
        )
    if options.revision in there.tags:
        raise UsageError(f"--revision {options.revision}: is a tag of {remote.repo}; name a branch")


def _refuse_moving(remote: Remote, there: RepositoryState, change: Change, options: PublishOptions) -> None:
    """Raise UsageError when --tag names another commit: what a tag names never changes."""
    named = there.tags.get(options.tag or "")
    if named is not None and (change or named != there.head):
        raise UsageError(
            f"--tag {options.tag}: names commit {named[:12]} of {remote.repo} already; choose another tag"
        )
