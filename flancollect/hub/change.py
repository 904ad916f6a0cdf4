"""What differs between the files here and those of a repository, told by sizes and hashes alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flancollect.dataset.shards import file_sha256
from flancollect.errors import CheckError
from flancollect.hub.remote import Remote, tree
from flancollect.hub.repository import RepositoryState

if TYPE_CHECKING:
    from huggingface_hub import RepoFile


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file of the export: its path in the repository, where it lies, and what it is."""

    name: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What makes the repository hold the export: files to send, files of earlier exports to remove."""

    send: tuple[LocalFile, ...]
    remove: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.send or self.remove)


def compare(local: Sequence[LocalFile], there: RepositoryState) -> Change:
    """What differs. Files that no export ever listed are left alone."""
    names = {file.name for file in local}
    return Change(
        send=tuple(file for file in local if not _same(file, there.files.get(file.name))),
        remove=tuple(sorted((there.ours & there.files.keys()) - names)),
    )


def _same(local: LocalFile, remote: RepoFile | None) -> bool:
    """Whether the Hub holds these bytes: by SHA-256 for large files, by git's hash for those in git itself."""
    if remote is None or remote.size != local.bytes:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == local.sha256)
    return bool(remote.blob_id == _git_sha1(local.path))


def _git_sha1(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def refuse_rotten(files: Sequence[LocalFile]) -> None:
    """Raise CheckError for a file that is not what the export lists."""
    for file in files:
        if file_sha256(file.path) != file.sha256:
            raise CheckError(
                f"{file.path}: changed since it was exported; delete {file.path.parent} and run again"
            )


def check(remote: Remote, local: Sequence[LocalFile], commit: str) -> None:
    """Raise CheckError unless a commit holds every file, with its size and hash."""
    files = tree(remote, commit)
    wrong = [file.name for file in local if not _same(file, files.get(file.name))]
    if wrong:
        shown = "\n".join(f"{remote.repo}: {name}: not what was sent" for name in wrong)
        raise CheckError(f"{shown}\n{remote.url}/commit/{commit} is wrong; publish again, or revert it")
