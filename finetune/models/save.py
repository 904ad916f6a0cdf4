"""A trained model as a folder that transformers opens, adapters merged."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from accelerate import init_empty_weights
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, PreTrainedTokenizerBase

from finetune.library_messages import quiet
from finetune.models.packed import Model
from finetune.tokenizer import save_tokenizer
from flancollect.errors import FlancollectError


def to_transformers(
    model: Model, state: dict[str, Tensor], folder: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Write a folder that transformers opens: config, safetensors in shards, tokenizer."""
    with quiet():
        _save_weights(model, state, folder)
    save_tokenizer(tokenizer, folder)


def _save_weights(model: Model, state: dict[str, Tensor], folder: Path) -> None:
    """By transformers' class, filled with `state` and nothing else: its names, shards and config."""
    config = copy.deepcopy(model.config)
    config._attn_implementation = None  # which would be named in the folder
    kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    with init_empty_weights():
        outer = kind.from_config(config)
    # A T5 with a head of its own is tied by transformers when it makes the model.
    has_own_head = {"lm_head.weight", "shared.weight"} <= state.keys()
    if has_own_head:
        outer.lm_head.weight = nn.Parameter(state["lm_head.weight"], requires_grad=False)
    outer.load_state_dict(state, assign=True, strict=False)
    if not has_own_head:
        outer.tie_weights()
    else:
        outer.encoder.embed_tokens.weight = outer.decoder.embed_tokens.weight = outer.shared.weight
    empty = [name for name, weight in outer.named_parameters() if weight.is_meta]
    if empty:
        raise FlancollectError(
            f"{folder}: the model lacks {len(empty)} weights, such as {empty[0]}; nothing is saved"
        )
    outer.save_pretrained(folder)


def merged_state(model: Model, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights without an adapter: each matrix plus what its adapter adds, under the name that it had before.

    `state` is that of the adapted module, gathered; equal to peft's own merging, and needs no module in one piece.
    """
    prefix, base = "base_model.model.", ".base_layer"
    out = {}
    layers: dict[str, Any] = dict(model.module.named_modules())
    for name, weight in state.items():
        if ".lora_" in name:
            continue
        plain = name.removeprefix(prefix).replace(base, "")
        out[plain] = weight
        if name.endswith(f"{base}.weight"):
            layer = name.removesuffix(f"{base}.weight")
            a, b = state[f"{layer}.lora_A.default.weight"], state[f"{layer}.lora_B.default.weight"]
            delta = (b.float() @ a.float()) * layers[layer].scaling["default"]
            # GPT-2 keeps its matrices the other way round.
            delta = delta.T if layers[layer].fan_in_fan_out else delta
            out[plain] = (weight.float() + delta).to(weight.dtype)
    return out
