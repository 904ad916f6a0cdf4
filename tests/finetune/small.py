"""Small models, examples and runs for the tests of finetune."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from finetune.batches import Batch, as_batch
from finetune.config import RunCard, load_run
from finetune.examples import Examples

VOCABULARY = 200
LENGTHS = [(30, 20), (17, 3), (90, 40), (33, 7), (5, 1), (31, 2)]
"""Input and target tokens of six examples, two of about one length."""

CAUSAL = {
    "llama": {"num_key_value_heads": 2},
    "gpt2": {},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 16},
    "gpt_neox": {},
}


def examples(lengths: Sequence[tuple[int, int]] = LENGTHS, seed: int = 0) -> Examples:
    """Examples of random tokens, numbered from row 0."""
    inputs, targets = (np.array(side, dtype=np.int64) for side in zip(*lengths, strict=True))
    total = int((inputs + targets).sum())
    tokens = np.random.default_rng(seed).integers(3, 120, total).astype(np.uint16)
    return Examples.end_to_end(rows=np.arange(len(lengths)), tokens=tokens, inputs=inputs, targets=targets)


def batch_of(numbers: Sequence[int] | None = None, lengths: Sequence[tuple[int, int]] = LENGTHS) -> Batch:
    """Some of the examples as a batch."""
    return as_batch(examples(lengths), np.arange(len(lengths)) if numbers is None else np.array(numbers))


def sides(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Input and target tokens of one example."""
    all_of_them = examples()
    sequence = torch.from_numpy(all_of_them.sequence(number).astype(np.int64))
    return sequence[: all_of_them.inputs[number]], sequence[all_of_them.inputs[number] :]


def shifted(target: torch.Tensor, start: int = 0) -> torch.Tensor:
    """What a decoder reads to write a target."""
    return torch.cat([torch.tensor([start]), target[:-1]])


def t5(feed_forward: str, *, tied: bool, **settings: Any) -> Any:
    """A T5 of transformers with random weights, in evaluation mode."""
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=64, d_kv=16, num_heads=4, d_ff=128, num_layers=3,
        feed_forward_proj=feed_forward, tie_word_embeddings=tied, decoder_start_token_id=0, **settings,
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config)
    if not tied:
        # transformers ties the head of a new v1.1 whatever its config says.
        model.lm_head.weight = torch.nn.Parameter(torch.randn(VOCABULARY, 64) * 0.1)
    return model.eval()


def causal(model_type: str, **settings: Any) -> Any:
    """A decoder-only model of transformers with random weights, in evaluation mode."""
    torch.manual_seed(0)
    sizes = {
        "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 4, "max_position_embeddings": 512,
    }  # fmt: skip
    config = transformers.AutoConfig.for_model(
        model_type, **{**sizes, **CAUSAL.get(model_type, {}), **settings}
    )
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    return model.eval()


def run_card(build: Path, *settings: str, preset: str = "starter") -> RunCard:
    """A preset on a build, made small."""
    return load_run(preset, [f"data.build={build}", *settings])


T5_SETTINGS = (
    "model.init={model_type: t5, d_model: 32, d_kv: 8, num_heads: 4, d_ff: 48, num_layers: 2, "
    "feed_forward_proj: gated-gelu, dropout_rate: 0.1}",
    "data.separator=null",
    "optimizer={name: adafactor, learning_rate: 0.01, clip: 1.0}",
)
"""What makes of the starter preset a T5 with dropout, trained as in the paper."""
