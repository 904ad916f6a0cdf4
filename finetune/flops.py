"""Floating-point operations of training, and what share of a GPU's peak they are."""

from __future__ import annotations

from typing import Any

import torch

from finetune.batches import Batch
from finetune.distributed import World
from finetune.models.load import Model

# Dense bfloat16 peaks in operations per second, from NVIDIA's data sheets (SXM versions, without sparsity).
PEAKS = {"H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}


def training_flops(model: Model, batch: Batch) -> float:
    """Operations of one pass forward and back over a batch: 6 per weight and token, no embeddings, no recomputing.

    Attention reads half of a causal square; the head runs at target positions alone.
    """
    sizes = _sizes(model)
    lengths, targets = batch.lengths.astype(float), batch.target_lengths.astype(float)
    inputs = lengths - targets
    # 2 operations per weight and token forward, 4 back: for its input's gradient and its own.
    head = 6.0 * sizes["head"] * targets.sum()
    if not model.encoder_decoder:
        lengths = lengths - 1  # the last token of an example predicts nothing, and is not read
        # Scores and values take 2 * 2 * d operations per pair of tokens, three times that with the gradients.
        attention = 12.0 * sizes["width"] * sizes["layers"] * (lengths**2 / 2).sum()
        return float(6.0 * sizes["layers_weights"] * lengths.sum() + attention + head)
    attention = (
        12.0
        * sizes["width"]
        * (
            sizes["layers"] * (inputs**2).sum()
            + sizes["decoder_layers"] * ((targets**2 / 2).sum() + (targets * inputs).sum())
        )
    )
    weights = 6.0 * (sizes["encoder_weights"] * inputs.sum() + sizes["decoder_weights"] * targets.sum())
    return float(weights + attention + head)


def utilisation(operations: float, seconds: float, place: World) -> float | None:
    """The share of the peak of all GPUs together; None where no peak is known, as on CPUs."""
    if place.device.type != "cuda" or not seconds:
        return None
    name = torch.cuda.get_device_name(place.device)
    peak = next((value for part, value in PEAKS.items() if part in name), None)
    return operations / seconds / peak if peak else None


def _sizes(model: Model) -> dict[str, float]:
    module: Any = model.module
    if not hasattr(module, "_flancollect_sizes"):
        config = model.config
        names = [(name, weight.numel()) for name, weight in module.named_parameters() if weight.ndim == 2]
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
        module._flancollect_sizes = {
            "head": float(vocabulary * width),
            "width": float(heads * head_size),
            "layers": float(getattr(config, "num_hidden_layers", 0) or 0),
            "decoder_layers": float(getattr(config, "num_decoder_layers", 0) or 0),
            "layers_weights": float(sum(size for _, size in inner)),
            "encoder_weights": float(sum(size for _, size in inner) - in_decoder),
            "decoder_weights": float(in_decoder),
        }
    sizes: dict[str, float] = module._flancollect_sizes
    return sizes


def _is_table(name: str) -> bool:
    return any(
        part in name for part in ("embed", "shared.", "lm_head", "wte.", "wpe.", "relative_attention_bias")
    )
