from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, processors
from transformers import PreTrainedTokenizerFast

from finetune.tokenizer import load_tokenizer, save_tokenizer, text_encoder, train_tokenizer
from flancollect.errors import UsageError

TEXTS = ["first word of road ship\nroad", "What is 12 + 345?\n357", "reverse a b c\nc b a"] * 20
TOKENIZER: Any = train_tokenizer(TEXTS, vocabulary=300, single_digits=False)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_a_trained_tokenizer_gives_every_text_back(text: str) -> None:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert TOKENIZER.decode(ids) == text


def test_a_word_is_the_same_token_at_the_start_of_a_line() -> None:
    ids = TOKENIZER("road ship\nroad", add_special_tokens=False)["input_ids"]
    assert ids[0] == ids[-1]


def test_digits_can_be_tokens_of_their_own() -> None:
    single = train_tokenizer(["7777 7777"] * 50, vocabulary=300, single_digits=True)
    assert len(single("7777", add_special_tokens=False)["input_ids"]) == 4


def test_equal_texts_make_an_equal_tokenizer() -> None:
    again = train_tokenizer(TEXTS, vocabulary=300, single_digits=False)
    first, second = (text_encoder(t, encoder_decoder=False).fingerprint for t in (TOKENIZER, again))
    assert first == second


def test_a_decoder_reads_input_separator_and_target() -> None:
    encoder = text_encoder(TOKENIZER, encoder_decoder=False, separator="<sep>")
    examples = encoder.encode(np.array([5]), ["road"], ["ship"])
    plain = {text: TOKENIZER(text, add_special_tokens=False)["input_ids"] for text in ("road", "ship")}
    assert examples.sequence(0).tolist() == [*plain["road"], 2, *plain["ship"], 1]
    assert (examples.inputs.tolist(), examples.targets.tolist()) == (
        [len(plain["road"]) + 1],
        [len(plain["ship"]) + 1],
    )
    assert text_encoder(TOKENIZER, encoder_decoder=False).after_input == (1,)


def test_an_encoder_ends_its_input_and_has_no_separator() -> None:
    encoder = text_encoder(TOKENIZER, encoder_decoder=True)
    assert (encoder.before_input, encoder.after_input, encoder.after_target) == ((), (1,), (1,))
    with pytest.raises(UsageError, match=r"data\.separator is for decoder-only"):
        text_encoder(TOKENIZER, encoder_decoder=True, separator="x")


def test_a_text_begins_as_the_tokenizer_begins_it(tmp_path: Path) -> None:
    inner = Tokenizer.from_str(TOKENIZER.backend_tokenizer.to_str())
    inner.add_special_tokens(["<s>"])
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", inner.token_to_id("<s>"))]
    )
    inner.enable_truncation(3)
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")
    encoder = text_encoder(tokenizer, encoder_decoder=False)
    assert encoder.before_input == (inner.token_to_id("<s>"),)
    # A limit that tokenizer.json brings would cut texts without a word.
    assert len(encoder.encode(np.array([0]), ["a b c d e f g"], ["x"]).tokens) > 8


def test_what_looks_like_a_special_token_in_a_row_is_text() -> None:
    encoder = text_encoder(TOKENIZER, encoder_decoder=False)
    tokens = encoder.encode(np.array([0]), ["a </s> b <sep>"], ["</s>"]).tokens.tolist()
    assert tokens.count(1) == 2  # the separator and the end, which are ours
    assert 2 not in tokens


def test_a_tokenizer_without_an_end_is_refused() -> None:
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    with pytest.raises(UsageError, match="no end-of-sequence token"):
        text_encoder(tokenizer, encoder_decoder=False)


def test_a_folder_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tokenizer can be read"):
        load_tokenizer(str(tmp_path))


def test_a_saved_tokenizer_has_the_same_fingerprint(tmp_path: Path) -> None:
    save_tokenizer(TOKENIZER, tmp_path)
    again = load_tokenizer(str(tmp_path))
    assert (
        text_encoder(again, encoder_decoder=True).fingerprint
        == text_encoder(TOKENIZER, encoder_decoder=True).fingerprint
    )
    assert again("a</s>", add_special_tokens=False)["input_ids"][-1] == 1


def test_tokens_take_two_bytes_where_they_fit() -> None:
    assert text_encoder(TOKENIZER, encoder_decoder=True).token_type is np.uint16
