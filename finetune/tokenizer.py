"""From text to tokens: a tokenizer of transformers with the marks around inputs and targets, or one trained here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from finetune.examples import Examples, Tokens
from finetune.library_messages import first_line
from flancollect.artifacts import canonical_json
from flancollect.draw import Ints
from flancollect.errors import UsageError

PAD, END, SEPARATOR = "<pad>", "</s>", "<sep>"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoder:
    """A tokenizer, and the tokens that go before and behind inputs and behind targets.

    `fingerprint` names all that the tokens of a text depend on.
    """

    tokenizer: PreTrainedTokenizerBase
    before_input: tuple[int, ...]
    after_input: tuple[int, ...]
    after_target: tuple[int, ...]
    fingerprint: str

    @property
    def token_type(self) -> type[np.uint16] | type[np.uint32]:
        """The smallest type that every token fits."""
        return np.uint16 if len(self.tokenizer) <= 2**16 else np.uint32

    def encode(self, rows: Ints, inputs: Sequence[str], targets: Sequence[str]) -> Examples:
        """The examples of some rows. What looks like a special token in their text is text."""
        inner = self.tokenizer.backend_tokenizer
        input_ids = inner.encode_batch_fast(list(inputs), add_special_tokens=False)
        target_ids = inner.encode_batch_fast(list(targets), add_special_tokens=False)
        sequences: list[list[int]] = []
        for source, target in zip(input_ids, target_ids, strict=True):
            sequences.append(
                [*self.before_input, *source.ids, *self.after_input, *target.ids, *self.after_target]
            )
        marks = len(self.before_input) + len(self.after_input)
        input_lengths = np.array([len(source.ids) + marks for source in input_ids], dtype=np.int64)
        target_lengths = np.array(
            [len(target.ids) + len(self.after_target) for target in target_ids], dtype=np.int64
        )
        tokens: Tokens = np.array([token for ids in sequences for token in ids], dtype=self.token_type)
        return Examples.end_to_end(rows=rows, tokens=tokens, inputs=input_lengths, targets=target_lengths)


def text_encoder(
    tokenizer: PreTrainedTokenizerBase, *, encoder_decoder: bool, separator: str | None = None
) -> TextEncoder:
    """How rows become tokens with a tokenizer.

    An encoder reads the input and an end token; a decoder-only model reads what the tokenizer begins a text with,
    the input, `separator` (the end token where it is None, as in Chung et al. 2022, section 2.2) and the target. Both
    learn to write the target and an end token. Raises UsageError for a tokenizer without what that needs.
    """
    inner = getattr(tokenizer, "backend_tokenizer", None)
    name = tokenizer.name_or_path or "the tokenizer"
    if inner is None:
        raise UsageError(
            f"{name}: needs a tokenizer.json (a fast tokenizer); convert it with transformers first"
        )
    end = tokenizer.eos_token_id
    if end is None:
        raise UsageError(
            f"{name}: has no end-of-sequence token, so a model could not learn to stop. Set eos_token in its "
            "tokenizer_config.json"
        )
    # A limit kept in tokenizer.json would cut texts in silence; text of strangers must not become control tokens.
    inner.no_truncation()
    inner.no_padding()
    inner.encode_special_tokens = False
    begins = tokenizer("x", add_special_tokens=True)["input_ids"][:1]
    begin = tuple(begins) if begins and begins[0] == tokenizer.bos_token_id else ()
    if encoder_decoder:
        if separator is not None:
            raise UsageError("data.separator is for decoder-only models: an encoder's input ends by itself")
        before, after = (), (end,)
    else:
        before = begin
        after = (end,) if separator is None else tuple(inner.encode(separator, add_special_tokens=False).ids)
    inner.encode_special_tokens = True
    described = canonical_json([inner.to_str(), before, after, end])
    return TextEncoder(
        tokenizer=tokenizer,
        before_input=before,
        after_input=after,
        after_target=(end,),
        fingerprint=hashlib.sha256(described.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """A tokenizer by folder or Hub id; no code of it is run. Raises UsageError where there is none."""
    try:
        loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UsageError(f"{name}: no tokenizer can be read: {first_line(error)}") from error
    return loaded


def train_tokenizer(texts: Iterable[str], *, vocabulary: int, single_digits: bool) -> PreTrainedTokenizerBase:
    """A byte-level BPE of at most `vocabulary` tokens; equal texts in equal order give an equal tokenizer.

    A word is the same token at the start of a line and inside it, because every line is made to start with a space;
    with `single_digits` every digit is a token, which arithmetic needs.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("\n", "\n "), normalizers.Prepend(" ")])
    digits = r" ?\p{N}" if single_digits else r" ?\p{N}+"
    words = Regex(r" ?\p{L}+|" + digits + r"|[^\S\n]?[^\s\p{L}\p{N}]|\n|\s")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace("\n ", "\n"), decoders.Strip(" ", 1, 0)]
    )
    # All 256 bytes are letters of it, so that no text is unknown.
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, END, SEPARATOR],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SEPARATOR],
        clean_up_tokenization_spaces=False,
    )


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save it as transformers reads it, with special tokens recognised in text again."""
    inner = tokenizer.backend_tokenizer
    inner.encode_special_tokens = False
    try:
        tokenizer.save_pretrained(folder)
    finally:
        inner.encode_special_tokens = True
