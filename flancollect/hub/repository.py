"""What a dataset repository on the Hub holds now, and whether it is flancollect's."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flancollect.artifacts import Export, read_artifact
from flancollect.errors import CheckError
from flancollect.exports.folder import EXPORT
from flancollect.hub.remote import Remote, list_files, request

if TYPE_CHECKING:
    from huggingface_hub import GitRefs, RepoFile

FILES_OF_THE_HUB = frozenset({".gitattributes"})  # in every repository from its first commit on
MAIN = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryState:
    """A branch as it is now. `export`: what its export.json lists, None where there is no such list.

    `head` is the branch's commit, and `files` are those of that commit. Of a branch that does not exist yet
    they are those of main, from which it will be made. `tags` maps names to commits.
    """

    exists: bool = False
    branch_exists: bool = False
    private: bool = False
    head: str = ""
    files: Mapping[str, RepoFile] = field(default_factory=dict)
    export: Export | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def exported_files(self) -> frozenset[str]:
        """Files that an export put there."""
        if self.export is None:
            return frozenset()
        return frozenset([EXPORT, *(file.file for file in self.export.files)])

    @property
    def foreign_files(self) -> tuple[str, ...]:
        """The files, where no export of flancollect is."""
        return () if self.export is not None else tuple(sorted(self.files.keys() - FILES_OF_THE_HUB))


def repository_state(remote: Remote, branch: str) -> RepositoryState:
    """Look at a branch of a repository; neither needs to exist."""
    from huggingface_hub import errors  # noqa: PLC0415 (slow to import)

    def is_private() -> bool | None:
        try:
            return bool(remote.api.dataset_info(remote.repo).private)
        except errors.GatedRepoError:  # the repository is there, and is no kind of "not found" to us
            raise
        except errors.RepositoryNotFoundError:
            return None

    private = request(remote, is_private)
    if private is None:
        return RepositoryState()
    refs: GitRefs = request(remote, lambda: remote.api.list_repo_refs(remote.repo, repo_type="dataset"))
    branches = {ref.name: ref.target_commit for ref in refs.branches}
    head = branches.get(branch) or branches[MAIN]
    files = list_files(remote, head)
    return RepositoryState(
        exists=True,
        branch_exists=branch in branches,
        private=private,
        head=head,
        files=files,
        export=_export_of(remote, head) if EXPORT in files else None,
        tags={ref.name: ref.target_commit for ref in refs.tags},
    )


def _export_of(remote: Remote, commit: str) -> Export | None:
    """The export that a commit says it holds; None when its list is of something else."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return read_artifact(download_file(remote, commit, EXPORT, Path(folder)), Export, CheckError)
        except CheckError:
            return None


def download_file(remote: Remote, commit: str, name: str, folder: Path) -> Path:
    """Download one file of a commit into a folder; one that is there already is not downloaded again."""

    def call() -> Path:
        path = remote.api.hf_hub_download(
            remote.repo, name, repo_type="dataset", revision=commit, local_dir=folder
        )
        return Path(path)

    return request(remote, call)
