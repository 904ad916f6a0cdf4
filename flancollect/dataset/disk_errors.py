"""What the system says of a full or failing disk, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flancollect.errors import FlancollectError


@contextmanager
def disk_errors(out: Path, saved: str) -> Iterator[None]:
    """Turn an OSError into one that names the folder and says what is saved in it for the next run."""
    try:
        yield
    except OSError as error:
        raise FlancollectError(
            f"{out}: {error.strerror or error}; {saved}: make room and run it again"
        ) from error
