"""From the bytes of a file to its text: unpacking, character encoding, lines.

Everything streams with bounds, and every error says where in the file: nothing is replaced or skipped.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

import zstandard

from flancollect.errors import SourceError

CHUNK_BYTES = 1 << 20
ZST_FEED_BYTES = 8 << 10  # one fed byte may unpack to 32 KB and more: small feeds bound the memory
MAX_LINE_CHARS = 1 << 28


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file on this machine. `name` is its location as messages show it; `packing` is gz, zst or empty."""

    name: str
    path: Path
    sha256: str
    packing: str
    max_bytes: int


def packing_of(location: str) -> str:
    """How a location says that its file is packed; a query after a URL's path does not count."""
    name = location.partition("?")[0] if "://" in location else location
    return next((kind for kind in ("gz", "zst") if name.lower().endswith(f".{kind}")), "")


def chunks_of(file: LocalFile) -> Iterator[bytes]:
    """The unpacked bytes of a file. Raises SourceError when it is damaged or larger than its bound."""
    total = 0
    try:
        with file.path.open("rb") as raw:
            for chunk in _UNPACK[file.packing](raw):
                total += len(chunk)
                if total > file.max_bytes:
                    raise SourceError(f"{file.name}: unpacks to more than {file.max_bytes:,} bytes")
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{file.name}: a damaged {file.packing} file: {error}") from error
    except OSError as error:
        raise SourceError(f"{file.name}: cannot be read: {error.strerror or error}") from error


def _plain(raw: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: raw.read(CHUNK_BYTES), b"")


def _gunzip(raw: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=raw) as unpacked:
        yield from _plain(unpacked)  # type: ignore[arg-type] # GzipFile reads like a file, but is no IO[bytes]


def _unzst(raw: IO[bytes]) -> Iterator[bytes]:
    """Unpack frame after frame. The library's stream reader would take a cut-off frame for the end."""
    frame, within_frame = zstandard.ZstdDecompressor().decompressobj(), False
    try:
        for packed in iter(lambda: raw.read(ZST_FEED_BYTES), b""):
            rest = packed
            while rest:
                yield frame.decompress(rest)
                within_frame, rest = True, b""
                # One feed may end a frame and begin the next: what lies after the end is `unused_data`.
                if frame.eof:
                    rest, within_frame = frame.unused_data, False
                    frame = zstandard.ZstdDecompressor().decompressobj()
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from error
    if within_frame:
        raise EOFError("it ends in the middle")


_UNPACK = {"": _plain, "gz": _gunzip, "zst": _unzst}


def text_of(file: LocalFile, encoding: str) -> Iterator[str]:
    """The text of a file piece by piece, without a byte order mark.

    Raises:
        SourceError: for an unknown encoding, or a byte that does not decode, with its offset and line.
    """
    try:
        "".encode(encoding)  # refuses codecs that are not for text, such as zlib
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except (LookupError, ValueError) as error:
        raise SourceError(
            f'{file.name}: no text encoding "{encoding}". Known are those of Python, such as utf-8, latin-1, '
            f"cp1252, utf-16, shift_jis, gb18030"
        ) from error
    bytes_fed, line, at_start = 0, 1, True
    # An empty chunk ends the text for the decoder, so none may come before the one that is appended here.
    for chunk in chain(filter(None, chunks_of(file)), [b""]):
        # The decoder keeps the first bytes of a character that a chunk cuts, and puts them before the next
        # chunk: with 4 bytes fed and 1 of them pending, offset 0 of what it decodes is byte 3 of the file.
        offset = bytes_fed - len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].decode(encoding, "replace").count("\n")
            raise SourceError(
                f"{file.name}:{line}: byte 0x{error.object[error.start]:02x} at offset {offset + error.start} "
                f"is not {encoding} ({error.reason}). "
                f"State the file's encoding in the source, for example `encoding: latin-1`"
            ) from error
        except UnicodeError as error:
            raise SourceError(f"{file.name}: is not {encoding}: {error}") from error
        bytes_fed += len(chunk)
        if at_start and text:
            text, at_start = text.removeprefix("\ufeff"), False
        line += text.count("\n")
        yield text


def whole_text(file: LocalFile, encoding: str, max_chars: int) -> str:
    """The text of a file at once, up to a bound."""
    pieces, total = [], 0
    for text in text_of(file, encoding):
        total += len(text)
        if total > max_chars:
            raise SourceError(f"{file.name}: one document of more than {max_chars:,} characters; use jsonl")
        pieces.append(text)
    return "".join(pieces)


def raw_lines(file: LocalFile, encoding: str) -> Iterator[str]:
    r"""Lines without their `\n` but with a `\r` before it. Text after the last `\n` is a line too."""
    pending: list[str] = []  # pieces of a line whose end has not come yet, joined once: it may be long
    size = 0
    for text in text_of(file, encoding):
        # Not str.splitlines: it also breaks lines at U+2028, form feeds and others that stand inside values.
        *ended, rest = text.split("\n")
        if ended:
            ended[0] = "".join((*pending, ended[0]))
            yield from ended
            pending, size = [], 0
        pending.append(rest)
        size += len(rest)
        if size > MAX_LINE_CHARS:
            raise SourceError(f"{file.name}: a line of more than {MAX_LINE_CHARS:,} characters")
    if size:
        yield "".join(pending)


def lines_of(file: LocalFile, encoding: str) -> Iterator[str]:
    r"""Lines as people mean them: ended by `\n` or `\r\n` and by nothing else."""
    return (line.removesuffix("\r") for line in raw_lines(file, encoding))
