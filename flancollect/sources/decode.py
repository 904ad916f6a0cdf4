"""From the bytes of a file to its text: unpacking, character encoding, lines.

Everything streams with bounds, and every error says where in the file: nothing is replaced or skipped.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from flancollect.errors import SourceError

CHUNK_BYTES = 1 << 20
ZST_FEED_BYTES = 8 << 10  # one fed byte may unpack to 32 KB and more: small feeds bound the memory
MAX_LINE_CHARS = 1 << 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
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


def chunks_of(file: Opened) -> Iterator[bytes]:
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
    frame, begun = zstandard.ZstdDecompressor().decompressobj(), False
    try:
        for packed in iter(lambda: raw.read(ZST_FEED_BYTES), b""):
            rest = packed
            while rest:
                yield frame.decompress(rest)
                begun, rest = True, b""
                if frame.eof:
                    rest, begun = frame.unused_data, False
                    frame = zstandard.ZstdDecompressor().decompressobj()
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from error
    if begun:
        raise EOFError("it ends in the middle")


_UNPACK = {"": _plain, "gz": _gunzip, "zst": _unzst}


def text_of(file: Opened, encoding: str) -> Iterator[str]:
    """The text of a file piece by piece, without a byte order mark.

    Raises:
        SourceError: for an unknown encoding, or a byte that does not decode, with its offset and line.
    """
    decoder = _decoder(file, encoding)
    fed, line, first = 0, 1, True
    for chunk in _closed(chunks_of(file)):
        begin = fed - len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].decode(encoding, "replace").count("\n")
            raise _undecodable(file, encoding, begin + error.start, line, error) from error
        except UnicodeError as error:
            raise SourceError(f"{file.name}: is not {encoding}: {error}") from error
        fed += len(chunk)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        line += text.count("\n")
        yield text


def _closed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks that are not empty, and one that is: the decoder's sign that no more comes."""
    yield from filter(None, chunks)
    yield b""


def _decoder(file: Opened, encoding: str) -> codecs.IncrementalDecoder:
    try:
        "".encode(encoding)  # refuses codecs that are not for text, such as zlib
        return codecs.getincrementaldecoder(encoding)("strict")
    except (LookupError, ValueError) as error:
        raise SourceError(
            f'{file.name}: no text encoding "{encoding}". Known are those of Python, such as utf-8, latin-1, '
            f"cp1252, utf-16, shift_jis, gb18030"
        ) from error


def _undecodable(
    file: Opened, encoding: str, offset: int, line: int, error: UnicodeDecodeError
) -> SourceError:
    byte = error.object[error.start]
    return SourceError(
        f"{file.name}:{line}: byte 0x{byte:02x} at offset {offset} is not {encoding} ({error.reason}). "
        f"State the file's encoding in the source, for example `encoding: latin-1`"
    )


def whole_text(file: Opened, encoding: str, max_chars: int) -> str:
    """The text of a file at once, up to a bound."""
    pieces, total = [], 0
    for text in text_of(file, encoding):
        total += len(text)
        if total > max_chars:
            raise SourceError(f"{file.name}: one document of more than {max_chars:,} characters; use jsonl")
        pieces.append(text)
    return "".join(pieces)


def raw_lines(file: Opened, encoding: str) -> Iterator[str]:
    r"""Lines without their `\n` but with a `\r` before it. Text after the last `\n` is a line too."""
    held: list[str] = []
    size = 0
    for text in text_of(file, encoding):
        *ended, rest = text.split("\n")
        if ended:
            ended[0] = "".join((*held, ended[0]))
            yield from ended
            held, size = [], 0
        held.append(rest)
        size += len(rest)
        if size > MAX_LINE_CHARS:
            raise SourceError(f"{file.name}: a line of more than {MAX_LINE_CHARS:,} characters")
    if size:
        yield "".join(held)


def lines_of(file: Opened, encoding: str) -> Iterator[str]:
    r"""Lines as people mean them: ended by `\n` or `\r\n` and by nothing else."""
    return (line.removesuffix("\r") for line in raw_lines(file, encoding))
