import gzip
from pathlib import Path

import pytest
import zstandard

from flancollect.errors import SourceError
from flancollect.sources import decode
from flancollect.sources.decode import LocalFile, lines_of, packing_of, raw_lines, text_of, whole_text


def opened(path: Path, data: bytes, packing: str = "", max_bytes: int = 1 << 40) -> LocalFile:
    path.write_bytes(data)
    return LocalFile(name=path.name, path=path, sha256="", packing=packing, max_bytes=max_bytes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data"


def test_only_newline_and_crlf_end_lines(path):
    data = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\rh\r\ni\n\nlast"
    assert list(lines_of(opened(path, data.encode()), "utf-8")) == [
        "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\rh",
        "i",
        "",
        "last",
    ]


def test_a_final_newline_makes_no_line(path):
    assert list(lines_of(opened(path, b"a\n\n"), "utf-8")) == ["a", ""]
    assert list(lines_of(opened(path, b""), "utf-8")) == []


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "shift_jis", "gb18030", "utf-8-sig"])
def test_characters_and_lines_across_chunk_bounds_stay_whole(path, monkeypatch, chunk, encoding):
    monkeypatch.setattr(decode, "CHUNK_BYTES", chunk)
    text = "日本語\r\n第二行\n\n終"
    assert list(raw_lines(opened(path, text.encode(encoding)), encoding)) == ["日本語\r", "第二行", "", "終"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_byte_order_mark_is_not_part_of_the_text_but_only_at_the_head(path, encoding):
    assert whole_text(opened(path, "\ufeffa\ufeffb".encode(encoding)), encoding, 99) == "a\ufeffb"


@pytest.mark.parametrize("chunk", [1, 4, 1 << 20])
def test_a_byte_that_does_not_decode_is_placed(path, monkeypatch, chunk):
    monkeypatch.setattr(decode, "CHUNK_BYTES", chunk)
    with pytest.raises(SourceError) as caught:
        list(text_of(opened(path, "ä\nbc\nd".encode() + b"\xe9f"), "utf-8"))
    assert str(caught.value) == (
        "data:3: byte 0xe9 at offset 7 is not utf-8 (invalid continuation byte). "
        "State the file's encoding in the source, for example `encoding: latin-1`"
    )


def test_a_character_cut_off_at_the_end_is_an_error(path):
    with pytest.raises(SourceError, match=r"data:2: byte 0xc3 at offset 2 is not utf-8 \(unexpected end"):
        list(text_of(opened(path, b"a\n\xc3"), "utf-8"))


def test_a_stated_encoding_is_used(path):
    assert whole_text(opened(path, b"caf\xe9"), "latin-1", 99) == "café"


@pytest.mark.parametrize("encoding", ["utf-9", "zlib", "rot13", "undefined", "", "a\0b"])
def test_what_is_no_text_encoding_is_refused(path, encoding):
    with pytest.raises(SourceError, match="no text encoding"):
        list(text_of(opened(path, b"x"), encoding))


def test_utf16_without_its_mark_is_an_error(path):
    with pytest.raises(SourceError, match="is not utf-16"):
        list(text_of(opened(path, "ab".encode("utf-16-be")), "utf-16"))


def test_a_document_above_its_bound_is_refused(path):
    with pytest.raises(SourceError, match="one document of more than 3 characters; use jsonl"):
        whole_text(opened(path, b"abcd"), "utf-8", 3)


def test_an_endless_line_is_refused(path, monkeypatch):
    monkeypatch.setattr(decode, "MAX_LINE_CHARS", 5)
    with pytest.raises(SourceError, match="a line of more than 5 characters"):
        list(raw_lines(opened(path, b"short\nlonger"), "utf-8"))


# --- packed ------------------------------------------------------------------------------------------------

PACK = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}
LONG = "".join(f"line {i * i}\n" for i in range(20_000)).encode()


@pytest.mark.parametrize("packing", PACK)
def test_packed_files_are_unpacked_also_in_several_members(path, packing):
    data = PACK[packing](LONG) + PACK[packing](b"") + PACK[packing](b"end\n")
    assert whole_text(opened(path, data, packing), "utf-8", 1 << 30).encode() == LONG + b"end\n"


@pytest.mark.parametrize("packing", PACK)
def test_a_cut_off_packed_file_is_an_error(path, packing):
    packed = PACK[packing](LONG)
    for length in (len(packed) // 2, len(packed) - 1, 3):
        with pytest.raises(SourceError, match=f"data: a damaged {packing} file"):
            list(text_of(opened(path, packed[:length], packing), "utf-8"))


@pytest.mark.parametrize("packing", PACK)
def test_what_is_not_packed_is_an_error(path, packing):
    with pytest.raises(SourceError, match=f"data: a damaged {packing} file"):
        list(text_of(opened(path, b"plain text", packing), "utf-8"))


def test_a_flipped_bit_in_gz_is_an_error(path):
    packed = bytearray(gzip.compress(LONG, mtime=0))
    packed[len(packed) // 2] ^= 8
    with pytest.raises(SourceError, match="data: a damaged gz file"):
        list(text_of(opened(path, bytes(packed), "gz"), "latin-1"))


@pytest.mark.parametrize("packing", PACK)
def test_a_zip_bomb_is_stopped_at_the_bound(path, packing):
    bomb = PACK[packing](b"0" * 50_000_000)
    seen = []
    with pytest.raises(SourceError, match="data: unpacks to more than 1,000,000 bytes"):
        seen.extend(map(len, text_of(opened(path, bomb, packing, max_bytes=1_000_000), "utf-8")))
    assert len(bomb) < 100_000
    assert sum(seen) <= 1_000_000


@pytest.mark.parametrize(
    ("location", "packing"),
    [
        ("a.csv.gz", "gz"),
        ("a.jsonl.ZST", "zst"),
        ("a.csv", ""),
        ("https://h/a.csv.gz?x=1", "gz"),
        ("https://h/a.csv?name=b.gz", ""),
        ("odd?name.gz", "gz"),
    ],
)
def test_packing_follows_the_name(location, packing):
    assert packing_of(location) == packing
