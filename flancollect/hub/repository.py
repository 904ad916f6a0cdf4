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
from flancollect.hub.remote import Remote, patiently, tree

if TYPE_CHECKING:
    from huggingface_hub import GitRefs, RepoFile

MADE_BY_THE_HUB = frozenset({".gitattributes"})
MAIN = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryState:
    """A branch as it is. `ours`: the files that its export.json lists; None where there is no such list.

    Of a branch that is not there yet it is main that is told, from which the branch will be made.
    """

    exists: bool = False
    branch: bool = False
    private: bool = False
    head: str = ""
    files: Mapping[str, RepoFile] = field(default_factory=dict)
    listed: Export | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> frozenset[str]:
        """Files that an export put there."""
        return (
            frozenset() if self.listed is None else frozenset([EXPORT, *(f.file for f in self.listed.files)])
        )

    @property
    def foreign(self) -> tuple[str, ...]:
        """The files, where no export of flancollect is."""
        return () if self.listed is not None else tuple(sorted(self.files.keys() - MADE_BY_THE_HUB))


def repository_state(remote: Remote, branch: str) -> RepositoryState:
    """Look at a branch of a repository that may not exist."""
    private = patiently(remote, lambda: _private(remote))
    if private is None:
        return RepositoryState()
    refs: GitRefs = patiently(remote, lambda: remote.api.list_repo_refs(remote.repo, repo_type="dataset"))
    branches = {ref.name: ref.target_commit for ref in refs.branches}
    head = branches.get(branch) or branches[MAIN]
    files = tree(remote, head)
    return RepositoryState(
        exists=True,
        branch=branch in branches,
        private=private,
        head=head,
        files=files,
        listed=_listed(remote, head) if EXPORT in files else None,
        tags={ref.name: ref.target_commit for ref in refs.tags},
    )


def _private(remote: Remote) -> bool | None:
    """Whether the repository is private; None when it is not there, or not for this token."""
    from huggingface_hub import errors  # noqa: PLC0415 (slow to import)

    try:
        return bool(remote.api.dataset_info(remote.repo).private)
    except errors.GatedRepoError:
        raise
    except errors.RepositoryNotFoundError:
        return None


def _listed(remote: Remote, commit: str) -> Export | None:
    """The export that a commit says it holds; None when its list is of something else."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return read_artifact(document(remote, commit, EXPORT, Path(folder)), Export, CheckError)
        except CheckError:
            return None


def document(remote: Remote, commit: str, name: str, folder: Path) -> Path:
    """Download one file of a commit into a folder; what is there already is not downloaded again."""

    def once() -> Path:
        return Path(
            remote.api.hf_hub_download(
                remote.repo, name, repo_type="dataset", revision=commit, local_dir=folder
            )
        )

    return patiently(remote, once)
