"""Bring a branch to hold given files: send large contents first, then one commit, and look whether it is so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flancollect.hub.change import Change, LocalFile, check, compare, refuse_rotten
from flancollect.hub.remote import UPLOAD_TRIES, Remote, Trouble, attempt, patiently, pause
from flancollect.hub.standing import MAIN, Standing, standing_of

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

ROUNDS = 6
BATCH_FILES = 8

Progress = Callable[[str, int, int], None]


def create(remote: Remote, there: Standing, options: PublishOptions) -> None:
    """Make the repository and the branch if they are not there."""
    if not there.exists:
        private = True if options.private else None  # None: as the organization has it by default
        patiently(
            remote,
            partial(remote.api.create_repo, remote.repo, repo_type="dataset", private=private, exist_ok=True),
        )
    if options.revision != MAIN and not there.branch:
        patiently(
            remote,
            partial(
                remote.api.create_branch,
                remote.repo,
                branch=options.revision,
                repo_type="dataset",
                exist_ok=True,
            ),
        )


def bring(
    remote: Remote,
    manifest: Manifest,
    local: Sequence[LocalFile],
    options: PublishOptions,
    progress: Progress | None,
) -> str:
    """Look, compare and commit until the branch holds the export; the commit that does.

    A commit whose answer is lost is not repeated blindly: it names its parent, and looking again tells.
    """
    trouble = Trouble(reason="somebody else keeps committing", again=True)
    for tried in range(1, ROUNDS + 1):
        there = standing_of(remote, options.revision)
        change = compare(local, there)
        if not change:
            return there.head
        outcome = _commit(remote, manifest, change, there, options, progress)
        if isinstance(outcome, str):
            check(remote, local, outcome)
            return outcome
        trouble = outcome
        if not trouble.again:
            break
        pause(remote, trouble, tried)
    raise trouble.error(remote, ROUNDS)


def _commit(
    remote: Remote,
    manifest: Manifest,
    change: Change,
    there: Standing,
    options: PublishOptions,
    progress: Progress | None,
) -> str | Trouble:
    """Send what changed and commit it on top of what was looked at."""
    from huggingface_hub import CommitOperationDelete  # noqa: PLC0415 (slow to import)

    additions = _sent(remote, change.send, options.revision, progress)
    operations = [*(CommitOperationDelete(path_in_repo=name) for name in change.remove), *additions]

    def once() -> str:
        return str(
            remote.api.create_commit(
                remote.repo,
                operations,
                commit_message=f"{manifest.mixture}: {manifest.rows:,} rows",
                commit_description=f"content {manifest.content_hash}, recipe {manifest.recipe_hash}",
                repo_type="dataset",
                revision=options.revision,
                parent_commit=there.head,
            ).oid
        )

    return attempt(remote, once)


def _sent(
    remote: Remote, files: Sequence[LocalFile], revision: str, progress: Progress | None
) -> list[CommitOperationAdd]:
    """Send the contents of large files, few at a time; the Hub says which it has already."""
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415 (slow to import)

    refuse_rotten(files)
    total, done = sum(file.bytes for file in files), 0
    additions: list[Any] = []
    for start in range(0, len(files), BATCH_FILES):
        batch = files[start : start + BATCH_FILES]
        new = [CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=file.path) for file in batch]
        upload = partial(
            remote.api.preupload_lfs_files, remote.repo, new, repo_type="dataset", revision=revision
        )
        patiently(remote, upload, UPLOAD_TRIES)
        additions += new
        done += sum(file.bytes for file in batch)
        if progress is not None:
            progress("upload, kB", done // 1000, total // 1000)
    return additions


def tag_commit(remote: Remote, commit: str, tags: Sequence[str]) -> None:
    """Name the commit. A tag that is there already stays: content tags name equal rows wherever they are."""
    for tag in tags:
        make = partial(
            remote.api.create_tag,
            remote.repo,
            tag=tag,
            revision=commit,
            repo_type="dataset",
            exist_ok=True,
        )
        patiently(remote, make)
