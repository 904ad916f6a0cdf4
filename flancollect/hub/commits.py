"""Bring a branch to hold given files: send large contents first, then one commit, and look whether it is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flancollect.artifacts import Progress
from flancollect.hub.change import Change, LocalFile, check, compare, refuse_rotten
from flancollect.hub.remote import UPLOAD_TRIES, Remote, Trouble, attempt, patiently, pause
from flancollect.hub.repository import MAIN, RepositoryState, repository_state

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

ROUNDS = 6
BATCH_FILES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a branch shall hold, and how the commit is called."""

    branch: str
    files: tuple[LocalFile, ...]
    message: str
    description: str


def create(remote: Remote, there: RepositoryState, branch: str, *, private: bool) -> None:
    """Make the repository and the branch if they are not there."""
    common: dict[str, Any] = {"repo_type": "dataset", "exist_ok": True}
    if not there.exists:
        hidden = True if private else None  # None: as the organization has it by default
        patiently(remote, partial(remote.api.create_repo, remote.repo, private=hidden, **common))
    if branch != MAIN and not there.branch:
        patiently(remote, partial(remote.api.create_branch, remote.repo, branch=branch, **common))


def bring(remote: Remote, wanted: Submission, seen: RepositoryState, progress: Progress | None) -> str:
    """Look, compare and commit until the branch holds the files; the commit that does.

    `seen` is how it stood at first, worth looking again where the branch was not there yet.
    A commit whose answer is lost is not repeated blindly: it names its parent, and looking again tells.
    Raises CheckError when the commit holds something else than was sent.
    """
    trouble = Trouble(reason="the branch keeps changing", again=True)
    for tried in range(1, ROUNDS + 1):
        there = seen if tried == 1 and seen.branch else repository_state(remote, wanted.branch)
        change = compare(wanted.files, there)
        if not change:
            return there.head
        outcome = _commit(remote, wanted, change, there, progress)
        if isinstance(outcome, str):
            check(remote, wanted.files, outcome)
            return outcome
        trouble = outcome
        if not trouble.again:
            break
        pause(remote, trouble, tried)
    raise trouble.error(remote, ROUNDS)


def tag_commit(remote: Remote, commit: str, tags: Sequence[str]) -> None:
    """Name a commit. A tag that is there already stays: content tags name equal rows wherever they point."""
    for tag in tags:
        call = partial(remote.api.create_tag, remote.repo, tag=tag, revision=commit)
        patiently(remote, partial(call, repo_type="dataset", exist_ok=True))


def _commit(
    remote: Remote, wanted: Submission, change: Change, there: RepositoryState, progress: Progress | None
) -> str | Trouble:
    """Send what changed and commit it on top of what was looked at."""
    from huggingface_hub import CommitOperationDelete  # noqa: PLC0415 (slow to import)

    additions = _sent(remote, change.send, wanted.branch, progress)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationDelete(path_in_repo=name) for name in change.remove),
        *additions,
    ]

    def once() -> str:
        made = remote.api.create_commit(
            remote.repo,
            operations,
            commit_message=wanted.message,
            commit_description=wanted.description,
            repo_type="dataset",
            revision=wanted.branch,
            parent_commit=there.head,
        )
        return str(made.oid)

    return attempt(remote, once)


def _sent(
    remote: Remote, files: Sequence[LocalFile], branch: str, progress: Progress | None
) -> list[CommitOperationAdd]:
    """Send the contents of large files, few at a time; the Hub says which it has already."""
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415 (slow to import)

    refuse_rotten(files)
    total, done = sum(file.bytes for file in files), 0
    additions: list[CommitOperationAdd] = []
    for start in range(0, len(files), BATCH_FILES):
        batch = files[start : start + BATCH_FILES]
        new = [CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=file.path) for file in batch]
        call = partial(remote.api.preupload_lfs_files, remote.repo, new, repo_type="dataset", revision=branch)
        patiently(remote, call, UPLOAD_TRIES)
        additions += new
        done += sum(file.bytes for file in batch)
        if progress is not None:
            progress("upload, kB", done // 1000, total // 1000)
    return additions
