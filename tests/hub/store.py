"""What a Hub holds: dataset repositories of commits, branches, tags and large files. No HTTP here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

GITATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
LARGE_BYTES = 10_000_000
POINTER_BYTES = 134


@dataclass(frozen=True, slots=True)
class File:
    """A file of a commit. `oid` is what the Hub compares by: SHA-256 of a large file, git's SHA-1 of others."""

    content: bytes
    large: bool = False

    @property
    def blob(self) -> str:
        return git_sha1(f"pointer {self.sha256}".encode()) if self.large else git_sha1(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        return self.sha256 if self.large else self.blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit: all files of the repository at that time."""

    sha: str
    title: str
    files: Mapping[str, File]
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whose token it is; `orgs` may be written to like the user's own namespace."""

    name: str
    orgs: tuple[str, ...] = ()

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.name, *self.orgs)


class ConflictError(Exception):
    """The branch is not where the client believes it to be."""


class AbsentError(Exception):
    """A commit names a file that is not there."""


@dataclass(slots=True, kw_only=True)
class Repo:
    """A dataset repository. `objects` are the large files that were uploaded, committed or not, by SHA-256."""

    id: str
    private: bool = False
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    def resolve(self, revision: str) -> Commit | None:
        """The commit that a branch, tag or hash names."""
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        return self.commits.get(sha)

    def head(self, branch: str = "main") -> Commit:
        return self.commits[self.branches[branch]]

    def history(self, revision: str = "main") -> list[Commit]:
        """A commit and its ancestors, the newest first."""
        commit, found = self.resolve(revision), []
        while commit is not None:
            found.append(commit)
            commit = self.commits.get(commit.parent)
        return found

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """Path and content of every file."""
        commit = self.resolve(revision)
        assert commit is not None
        return {path: file.content for path, file in commit.files.items()}

    def add(
        self, branch: str, title: str, operations: Iterable[tuple[str, dict]], parent: str | None
    ) -> Commit:
        """Commit operations (key, value) of a commit request, in whole or not at all."""
        head = self.head(branch)
        if parent is not None and parent != head.sha:
            raise ConflictError
        files = dict(head.files)
        for key, value in operations:
            self._apply(files, key, value)
        sha = _sha(head.sha, title, files)
        self.commits[sha] = Commit(sha=sha, title=title, files=files, parent=head.sha)
        self.branches[branch] = sha
        return self.commits[sha]

    def _apply(self, files: dict[str, File], key: str, value: dict) -> None:
        path = value["path"]
        if key == "file":
            files[path] = File(value["content"])
        elif key == "lfsFile":
            if value["oid"] not in self.objects:
                raise AbsentError(f"{path}: no large file {value['oid']} was uploaded")
            files[path] = File(self.objects[value["oid"]], large=True)
        elif key == "deletedFile":
            if path not in files:
                raise AbsentError(f"{path}: a file with this name doesn't exist")
            del files[path]
        else:
            raise AbsentError(f"no operation {key}")


def new_repo(name: str, *, private: bool = False) -> Repo:
    """A repository as the Hub creates it, with one commit."""
    files = {".gitattributes": File(GITATTRIBUTES)}
    first = Commit(sha=_sha(name, "initial commit", files), title="initial commit", files=files)
    return Repo(id=name, private=private, commits={first.sha: first}, branches={"main": first.sha})


def repo_of(
    name: str, commits: Mapping[str, Mapping[str, bytes]], *, gated: bool = False, private: bool = False
) -> Repo:
    """A repository of given commits by hash, the oldest first; `main` is the newest."""
    repo, parent = Repo(id=name, gated=gated, private=private), ""
    for sha, contents in commits.items():
        files = {path: File(content, is_large(path, len(content))) for path, content in contents.items()}
        repo.commits[sha] = Commit(sha=sha, title=f"commit {sha[:7]}", files=files, parent=parent)
        repo.objects |= {file.sha256: file.content for file in files.values() if file.large}
        parent = sha
    repo.branches["main"] = parent
    return repo


def is_large(path: str, size: int) -> bool:
    """Whether the Hub keeps a file outside git, by its name or size."""
    return path.endswith((".parquet", ".arrow")) or size > LARGE_BYTES


def git_sha1(content: bytes) -> str:
    """The name git gives a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _sha(parent: str, title: str, files: Mapping[str, File]) -> str:
    listing = "\n".join(f"{path} {file.oid}" for path, file in sorted(files.items()))
    return hashlib.sha1(f"{parent}\n{title}\n{listing}".encode()).hexdigest()
