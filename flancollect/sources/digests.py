"""Digests of files, computed once while a file stays the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

FileIdentity = tuple[str, int, int, int]
"""Path, inode, size in bytes, and time of the last change in ns: what changes when a file's content does."""


class DigestCache:
    """SHA-256 (hex) by file identity. Safe to share between threads; pickled as a copy."""

    def __init__(self, digests: Mapping[FileIdentity, str] | None = None) -> None:
        self._digests = dict(digests or {})
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[DigestCache], tuple[dict[FileIdentity, str]]]:
        """A lock cannot travel to another process; what it guards can."""
        with self._lock:
            return type(self), (dict(self._digests),)

    def digest(self, identity: FileIdentity, compute: Callable[[], str]) -> str:
        """The digest of a file that has not changed since it was last computed, else computed now."""
        with self._lock:
            digest = self._digests.get(identity)
        if digest is None:
            # Outside the lock: hashing a large file takes seconds, and two threads that hash one agree.
            digest = compute()
            with self._lock:
                self._digests[identity] = digest
        return digest
