"""An output folder for one process at a time, with plain words where it cannot be had."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flancollect.errors import UsageError


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Turn what the system says of a folder that cannot be used into a UsageError that names --out."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"--out {out}: cannot be written: {error.strerror}; choose another folder"
        ) from error


@contextmanager
def folder_lock(out: Path, work: Path, what: str) -> Iterator[None]:
    """Hold the lock file in `work`, which exists. Raises UsageError when another `what` holds it."""
    with writable(out):
        lock = (work / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"--out {out}: another {what} is working in this folder") from error
        yield
