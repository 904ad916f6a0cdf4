"""Floating-point operations of training, and what share of a GPU's peak they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from finetune.batches import Batch
from finetune.distributed import World
from finetune.models.packed import Model

# Dense bfloat16 peaks in operations per second, from NVIDIA's data sheets (SXM versions, without sparsity).
PEAKS = {"H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What a model multiplies by: weights of its matrices but tables, the head's, and the width of its attention."""

    encoder_decoder: bool
    head: int
    width: int
    layers: int
    decoder_layers: int
    encoder_weights: int
    decoder_weights: int


def sizes_of(model: Model) -> Sizes:
    """The sizes of a model, whole: take them before its weights are spread."""
    config = model.config
    names = [(name, weight.numel()) for name, weight in model.module.named_parameters() if weight.ndim == 2]
    inner = [(name, size) for name, size in names if not _is_table(name)]
    vocabulary = getattr(config, "vocab_size", None) or getattr(config.decoder, "vocab_size", 0)
    width = getattr(config, "hidden_size", None) or config.decoder.hidden_size
    heads = getattr(config, "num_attention_heads", 1) or 1
    head_size = getattr(config, "head_dim", None) or width // heads
    # The keys and values of cross-attention are made of the inputs, whatever stack they belong to.
    of_inputs = ("EncDecAttention.k.", "EncDecAttention.v.")
    in_decoder = sum(
        size for name, size in inner if "decoder." in name and not any(part in name for part in of_inputs)
    )
    return Sizes(
        encoder_decoder=model.encoder_decoder,
        head=vocabulary * width,
        width=heads * head_size,
        layers=getattr(config, "num_hidden_layers", 0) or 0,
        decoder_layers=getattr(config, "num_decoder_layers", 0) or 0,
        encoder_weights=sum(size for _, size in inner) - in_decoder,
        decoder_weights=in_decoder,
    )


def training_flops(sizes: Sizes, batch: Batch) -> float:
    """Operations of one pass forward and back over a batch: 6 per weight and token, no embeddings, no recomputing.

    Attention reads half of a causal square; the head runs at target positions alone.
    """
    lengths, targets = batch.lengths.astype(float), batch.target_lengths.astype(float)
    inputs = lengths - targets
    # 2 operations per weight and token forward, 4 back: for its input's gradient and its own.
    head = 6.0 * sizes.head * targets.sum()
    # Scores and values take 2 * 2 * d operations per pair of tokens, three times that with the gradients.
    per_pair = 12.0 * sizes.width
    if not sizes.encoder_decoder:
        lengths = lengths - 1  # the last token of an example predicts nothing, and is not read
        attention = per_pair * sizes.layers * (lengths**2 / 2).sum()
        return float(6.0 * (sizes.encoder_weights + sizes.decoder_weights) * lengths.sum() + attention + head)
    in_decoder = (targets**2 / 2).sum() + (targets * inputs).sum()
    attention = per_pair * (sizes.layers * (inputs**2).sum() + sizes.decoder_layers * in_decoder)
    weights = 6.0 * (sizes.encoder_weights * inputs.sum() + sizes.decoder_weights * targets.sum())
    return float(weights + attention + head)


def utilisation(operations: float, seconds: float, place: World) -> float | None:
    """The share of the peak of all GPUs together; None where no peak is known, as on CPUs."""
    if place.device.type != "cuda" or not seconds:
        return None
    name = torch.cuda.get_device_name(place.device)
    peak = next((value for part, value in PEAKS.items() if part in name), None)
    return operations / seconds / peak if peak else None


def _is_table(name: str) -> bool:
    return any(
        part in name for part in ("embed", "shared.", "lm_head", "wte.", "wpe.", "relative_attention_bias")
    )
