"""An output folder for one process at a time, with plain words where it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

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
    """Hold the lock file in `work`, which exists. Raises UsageError when another `what` holds it.

    The system drops the lock with the process, however that ends: the file itself means nothing and stays.
    """
    # Without `flock` in the file system, filelock would take the file's existence for a lock, which a killed process
    # leaves behind for good.
    lock = FileLock(work / "lock", blocking=False, fallback_to_soft=False)
    with writable(out):
        try:
            lock.acquire()
        except Timeout as error:  # an OSError too, but one that says more
            raise UsageError(f"--out {out}: another {what} is working in this folder") from error
    try:
        yield
    finally:
        lock.release()
