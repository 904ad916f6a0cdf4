"""What commands write: text of strangers, which a terminal must not obey, and which it may have no letters for."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

# Control characters but tab and line feed, what turns the direction of writing, and halves of surrogate pairs.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters written out, as Python does."""
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


class TerminalStream(io.TextIOBase):
    """A text stream that writes only what can be seen, in letters that the stream under it has."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute of the base class
        """That of the stream; what has none takes any text."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a text; letters that the stream's encoding lacks are escaped, too."""
        escaped = visible(text).encode(self.encoding, "backslashreplace").decode(self.encoding)
        self.stream.write(escaped)
        return len(text)

    def flush(self) -> None:
        """Write out what waits in the stream."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream. Raises OSError where it has none."""
        return self.stream.fileno()

    def writable(self) -> bool:
        """Always."""
        return True


@contextmanager
def visible_output() -> Iterator[None]:
    """Send stdout and stderr through a TerminalStream each."""
    with redirect_stdout(TerminalStream(sys.stdout)), redirect_stderr(TerminalStream(sys.stderr)):
        yield
