"""Bring a branch to hold given files: upload large contents first, then one commit, and verify it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flancollect.artifacts import Progress
from flancollect.hub.change import (
    ExportedFile,
    RepositoryChange,
    compare,
    refuse_changed_files,
    verify_commit,
)
from flancollect.hub.remote import UPLOADS, Remote, request
from flancollect.hub.repository import MAIN, RepositoryState, repository_state

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

BATCH_FILES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a branch shall hold, and how the commit is called."""

    branch: str
    files: tuple[ExportedFile, ...]
    message: str
    description: str


def create_branch(remote: Remote, state: RepositoryState, branch: str, *, private: bool) -> None:
    """Make the repository and the branch if they do not exist."""
    common: dict[str, Any] = {"repo_type": "dataset", "exist_ok": True}
    if not state.exists:
        visibility = True if private else None  # None: as the organization has it by default
        request(remote, partial(remote.api.create_repo, remote.repo, private=visibility, **common))
    if branch != MAIN and not state.branch_exists:
        request(remote, partial(remote.api.create_branch, remote.repo, branch=branch, **common))


def synchronize(
    remote: Remote, submission: Submission, state: RepositoryState, progress: Progress | None
) -> str:
    """Look, compare and commit until the branch holds the files; the commit that does.

    `state` is what the branch was at first. Raises CheckError when the commit holds something else than was
    sent.
    """
    # A branch that did not exist then has been made since: there is nothing to go by but to look again.
    states = [state] if state.branch_exists else []

    def look_and_commit() -> str:
        # A commit whose answer is lost is not repeated blindly: it names its parent, so a second one fails, and
        # the attempt after that looks again and finds nothing left to do.
        current = states.pop() if states else repository_state(remote, submission.branch)
        change = compare(submission.files, current)
        if not change:
            return current.head
        commit = _commit(remote, submission, change, current, progress)
        verify_commit(remote, submission.files, commit)
        return commit

    return request(remote, look_and_commit)


def tag_commit(remote: Remote, commit: str, tags: Sequence[str]) -> None:
    """Name a commit. A tag that is there already stays: content tags name equal rows wherever they point."""
    for tag in tags:
        call = partial(remote.api.create_tag, remote.repo, tag=tag, revision=commit)
        request(remote, partial(call, repo_type="dataset", exist_ok=True))


def _commit(
    remote: Remote,
    submission: Submission,
    change: RepositoryChange,
    state: RepositoryState,
    progress: Progress | None,
) -> str:
    """Upload what changed and commit it on top of what was looked at; whatever the client raises passes."""
    from huggingface_hub import CommitOperationDelete  # noqa: PLC0415 (slow to import)

    additions = _upload(remote, change.upload, submission.branch, progress)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationDelete(path_in_repo=name) for name in change.remove),
        *additions,
    ]
    info = remote.api.create_commit(
        remote.repo,
        operations,
        commit_message=submission.message,
        commit_description=submission.description,
        repo_type="dataset",
        revision=submission.branch,
        parent_commit=state.head,
    )
    return str(info.oid)


def _upload(
    remote: Remote, files: Sequence[ExportedFile], branch: str, progress: Progress | None
) -> list[CommitOperationAdd]:
    """Upload the contents of large files, few at a time; the Hub says which it has already."""
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415 (slow to import)

    refuse_changed_files(files)
    total, done = sum(file.bytes for file in files), 0
    additions: list[CommitOperationAdd] = []
    for start in range(0, len(files), BATCH_FILES):
        batch = files[start : start + BATCH_FILES]
        new = [CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=file.path) for file in batch]
        call = partial(remote.api.preupload_lfs_files, remote.repo, new, repo_type="dataset", revision=branch)
        request(remote, call, UPLOADS)
        # What is uploaded is marked so in `new`, and the commit only names it. Small files travel in the commit.
        additions += new
        done += sum(file.bytes for file in batch)
        if progress is not None:
            progress("upload, kB", done // 1000, total // 1000)
    return additions
