from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune import token_cache
from finetune.token_cache import TokenCache
from finetune.tokenizer import text_encoder, train_tokenizer
from flancollect.dataset.reader import open_build
from flancollect.errors import CheckError


@pytest.fixture
def cache(small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenCache:
    monkeypatch.setattr(token_cache, "CHUNK_ROWS", 64)
    tokenizer: Any = train_tokenizer(["a b"] * 3, vocabulary=300, single_digits=False)
    return TokenCache(open_build(small_build), text_encoder(tokenizer, encoder_decoder=False), tmp_path)


def expected(cache: TokenCache, rows: list[int]) -> list[list[int]]:
    table = cache.build.take(rows)
    examples = cache.encoder.encode(np.array(rows), table["inputs"].to_pylist(), table["targets"].to_pylist())
    return [examples.sequence(n).tolist() for n in range(len(rows))]


def test_rows_come_in_their_order_from_any_chunks(cache: TokenCache) -> None:
    rows = [399, 0, 65, 1, 64, 200, 0]
    examples = cache.examples(np.array(rows))
    assert examples.rows.tolist() == rows
    assert [examples.sequence(n).tolist() for n in range(len(rows))] == expected(cache, rows)


def test_windows_cover_the_build_in_order(cache: TokenCache) -> None:
    assert np.concatenate(cache.windows()).tolist() == list(range(400))


def test_only_what_is_read_is_made(cache: TokenCache) -> None:
    cache.examples(np.arange(64))
    assert len(list(cache.folder.iterdir())) == 1


def test_what_lies_in_the_cache_is_not_made_again(cache: TokenCache, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cache.examples(np.arange(64))
    again = TokenCache(cache.build, cache.encoder, cache.folder.parent.parent)
    monkeypatch.setattr(TokenCache, "_make", None)
    assert (again.examples(np.arange(64)).tokens == whole.tokens).all()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_file_is_made_anew(cache: TokenCache, damage: str) -> None:
    cache.examples(np.arange(64))
    (file,) = cache.folder.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes({"flip": bytes(data), "cut": bytes(data[:-9]), "empty": b""}[damage])
    again = TokenCache(cache.build, cache.encoder, cache.folder.parent.parent)
    examples = again.examples(np.arange(64))
    assert [examples.sequence(n).tolist() for n in (0, 63)] == expected(cache, [0, 63])


def test_another_tokenizer_has_files_of_its_own(cache: TokenCache) -> None:
    other: Any = train_tokenizer(["x y"] * 3, vocabulary=310, single_digits=True)
    assert (
        TokenCache(cache.build, text_encoder(other, encoder_decoder=False), Path("x")).folder != cache.folder
    )


def test_a_damaged_shard_is_noticed_before_it_is_read(
    cache: TokenCache, small_build: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(small_build, tmp_path / "copy")
    (shard, *_) = sorted(copy.glob("data-*.arrow"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    damaged = TokenCache(open_build(copy), cache.encoder, tmp_path / "other")
    with pytest.raises(CheckError, match=r"data-.*is damaged.*flancollect build"):
        damaged.examples(np.arange(10))
