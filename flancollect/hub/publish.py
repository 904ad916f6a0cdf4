"""Put a build on the Hub as a dataset: only what changed, in one commit, checked, and tagged by its content.

Everything is look, compare, act: what the repository holds decides what is sent. So the same command, run
again after it was stopped anywhere, goes on, and publishing equal content twice makes no second commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flancollect.artifacts import PathLike, Progress, file_sha256
from flancollect.dataset.folder import acquire_build_folder
from flancollect.dataset.reader import WORK_FOLDER, read_manifest
from flancollect.dataset.verify import verify
from flancollect.errors import UsageError
from flancollect.exports.export import ExportOptions, export
from flancollect.exports.folder import EXPORT
from flancollect.hub.change import ExportedFile, RepositoryChange, compare
from flancollect.hub.commits import Submission, create_branch, synchronize, tag_commit
from flancollect.hub.remote import Remote, Say, connect, silenced_client
from flancollect.hub.repository import MAIN, RepositoryState, repository_state


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How to publish. `revision` is a branch, made from main if it is not there; `tag` is a further tag."""

    revision: str = MAIN
    tag: str | None = None
    private: bool = False
    dry_run: bool = False


DEFAULTS = PublishOptions()


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


def publish(
    build: PathLike,
    repo: str,
    options: PublishOptions = DEFAULTS,
    say: Say = print,
    progress: Progress | None = None,
) -> Published:
    """Verify a build, export it as Parquet, and make the dataset repository `repo` hold exactly that.

    `say` is given a line whenever there is something to wait for. Raises UsageError without a token, without
    the right to write there, and for a repository that is not flancollect's; SourceError when the Hub cannot
    be reached or stops answering; CheckError when the build or, afterwards, the repository is not what it
    should be.
    """
    with silenced_client():
        build = Path(build)
        remote = connect(repo, say, writing=True)
        verify(build)
        manifest = read_manifest(build)
        state = repository_state(remote, options.revision)
        _refuse_repository(remote, state, options)
        tags = [f"content-{manifest.content_hash[:12]}"]
        if options.tag is not None and options.tag not in tags:
            tags.append(options.tag)
        with acquire_build_folder(build, manifest.recipe, overwrite=False):
            files = _export(build, repo, progress)
            change = compare(files, state)
            _refuse_moved_tag(remote, state, change, options.tag)
            commit = state.head if state.branch_exists else None
            if not options.dry_run:
                create_branch(remote, state, options.revision, private=options.private)
                submission = Submission(
                    branch=options.revision,
                    files=files,
                    message=f"{manifest.mixture}: {manifest.rows:,} rows, content {manifest.content_hash[:12]}",
                    description=f"content {manifest.content_hash}\nrecipe {manifest.recipe_hash}",
                )
                commit = synchronize(remote, submission, state, progress)
                tag_commit(remote, commit, [tag for tag in tags if tag not in state.tags])
    return Published(
        repo=repo,
        revision=options.revision,
        url=f"{remote.url}/tree/{options.revision}",
        commit=commit,
        committed=bool(change) and not options.dry_run,
        rows=manifest.rows,
        content_hash=manifest.content_hash,
        uploaded={file.name: file.bytes for file in change.upload},
        removed=change.remove,
        unchanged=len(files) - len(change.upload),
        tags=tuple(tags),
        dry_run=options.dry_run,
    )


def _export(build: Path, repo: str, progress: Progress | None) -> tuple[ExportedFile, ...]:
    """Export the build beside its rendered tables; the files, their list last."""
    folder = build / WORK_FOLDER / "publish"
    result = export(build, folder, ExportOptions(address=repo), progress).export
    entries = [(entry.file, entry.bytes, entry.sha256) for entry in result.files]
    # export.json lists all files but itself, and the Hub shall hold it too.
    own = (EXPORT, (folder / EXPORT).stat().st_size, file_sha256(folder / EXPORT))
    return tuple(
        ExportedFile(name=name, path=folder / name, bytes=size, sha256=sha256)
        for name, size, sha256 in [*entries, own]
    )


def _refuse_repository(remote: Remote, state: RepositoryState, options: PublishOptions) -> None:
    """Raise UsageError where publishing would do what nobody asked for."""
    owner = remote.repo.partition("/")[0]
    if not state.exists and owner not in remote.namespaces:
        raise UsageError(
            f"{remote.repo}: there is no such dataset, and your token may not make one under {owner}. "
            f"It is of {remote.namespaces[0]}; namespaces: {', '.join(remote.namespaces)}"
        )
    foreign = state.foreign_files
    if foreign:
        names = ", ".join(foreign[:5]) + (", ..." if len(foreign) > 5 else "")
        raise UsageError(
            f"{remote.repo}: is no dataset of flancollect: it holds {names}, and no {EXPORT} that this version "
            f"can read. Choose another name, or first delete its files at {remote.url}/tree/{options.revision}"
        )
    if state.exists and options.private and not state.private:
        raise UsageError(
            f"{remote.repo}: exists and is public: make it private at {remote.url}/settings, "
            "or leave out --private"
        )
    if options.revision in state.tags:
        raise UsageError(f"--revision {options.revision}: is a tag of {remote.repo}; name a branch")


def _refuse_moved_tag(
    remote: Remote, state: RepositoryState, change: RepositoryChange, tag: str | None
) -> None:
    """Raise UsageError when --tag names another commit: what a tag names never changes."""
    commit = state.tags.get(tag or "")
    if commit is not None and (change or commit != state.head):
        raise UsageError(
            f"--tag {tag}: names commit {commit[:12]} of {remote.repo} already; choose another tag"
        )
