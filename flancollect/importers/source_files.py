"""Reading a stranger's checkout: bounded files that lie inside it, also when links are followed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flancollect.errors import UsageError

MAX_FILES = 20_000


class Unreadable(Exception):  # noqa: N818
    """A file that cannot be taken; the text is the reason."""


def files_matching(src: Path, patterns: Iterable[str]) -> list[Path]:
    """The files of a checkout that match any of the patterns, once each, sorted by their path in it.

    Raises UsageError for more files than any checkout of the kind has.
    """
    paths = {path for pattern in patterns for path in src.glob(pattern) if path.is_file()}
    if len(paths) > MAX_FILES:
        raise UsageError(f"{src}: holds {len(paths):,} files to import; more than {MAX_FILES:,} are refused")
    # By parts, not by text: "a/b" sorts before "a-b/c" on every system, whatever separates folders.
    return sorted(paths, key=lambda path: path.relative_to(src).parts)


def read_text(path: Path, src: Path, max_bytes: int) -> str:
    """The text of one file. Raises Unreadable."""
    if not path.resolve().is_relative_to(src.resolve()):
        raise Unreadable("the link leaves the checkout")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)  # one more tells a file that is too large from one that just fits
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise Unreadable(f"larger than {max_bytes:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8 text") from error
