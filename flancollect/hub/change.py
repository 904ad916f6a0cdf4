"""What differs between the files here and those of a repository, by sizes and hashes alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flancollect.artifacts import file_sha256
from flancollect.errors import CheckError
from flancollect.hub.remote import Remote, list_files
from flancollect.hub.repository import RepositoryState

if TYPE_CHECKING:
    from huggingface_hub import RepoFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file of the export: its path in the repository, where it lies, and its size and hash."""

    name: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryChange:
    """What makes the repository hold the export: files to upload, files of earlier exports to remove."""

    upload: tuple[ExportedFile, ...]
    remove: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.upload or self.remove)


def compare(files: Sequence[ExportedFile], state: RepositoryState) -> RepositoryChange:
    """What differs. Files that no export ever listed stay untouched."""
    names = {file.name for file in files}
    return RepositoryChange(
        upload=tuple(file for file in files if not _is_equal(file, state.files.get(file.name))),
        remove=tuple(sorted((state.exported_files & state.files.keys()) - names)),
    )


def _is_equal(file: ExportedFile, remote_file: RepoFile | None) -> bool:
    """Whether the Hub holds these bytes: by SHA-256 for large files, by git's hash for those in git itself."""
    if remote_file is None or remote_file.size != file.bytes:
        return False
    if remote_file.lfs is not None:
        return bool(remote_file.lfs.sha256 == file.sha256)
    # git hashes a file behind a header: "a\n" is the SHA-1 of b"blob 2\0a\n"
    content = file.path.read_bytes()
    git_sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return bool(remote_file.blob_id == git_sha1)


def refuse_changed_files(files: Sequence[ExportedFile]) -> None:
    """Raise CheckError for a file that is not what the export lists."""
    for file in files:
        if file_sha256(file.path) != file.sha256:
            raise CheckError(
                f"{file.path}: changed since it was exported; delete {file.path.parent} and run again"
            )


def verify_commit(remote: Remote, files: Sequence[ExportedFile], commit: str) -> None:
    """Raise CheckError unless a commit holds every file, with its size and hash."""
    remote_files = list_files(remote, commit)
    wrong = [file.name for file in files if not _is_equal(file, remote_files.get(file.name))]
    if wrong:
        lines = "\n".join(f"{remote.repo}: {name}: not what was sent" for name in wrong)
        raise CheckError(f"{lines}\n{remote.url}/commit/{commit} is wrong; publish again, or revert it")
