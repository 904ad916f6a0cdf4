"""The memory that a run will take, said before it begins."""

from __future__ import annotations

from typing import Any

import torch

from finetune.config import RunCard
from finetune.models.packed import Model
from finetune.optim import state_bytes

GIB = 2**30
LAYER_STATES = (
    34  # numbers that one layer keeps per token and unit of width for its gradients (Korthikanti et al. 2022)
)


def memory_plan(model: Model, card: RunCard, ranks: int, device: torch.device) -> list[str]:
    """Weights, gradients, optimizer and activations in GiB per process, and advice where a GPU is too small."""
    weights = sum(weight.numel() * weight.element_size() for weight in model.module.parameters())
    trained = sum(
        weight.numel() * weight.element_size() for weight in model.module.parameters() if weight.requires_grad
    )
    states = state_bytes(model.module, card.optimizer)
    activations = _activations(model, card)
    parts = {
        "weights": weights / ranks,
        "gradients": trained / ranks,
        f"{card.optimizer.name} states": states / ranks,
        "activations, about": activations,
    }
    count = sum(weight.numel() for weight in model.module.parameters())
    listing = ", ".join(f"{name} {size / GIB:.2f}" for name, size in parts.items())
    total = sum(parts.values())
    lines = [f"{count / 1e6:,.1f} M weights; GiB per process: {listing}; together {total / GIB:.2f}"]
    if device.type == "cuda":
        room = torch.cuda.get_device_properties(device).total_memory
        if total > room:
            lines.append(
                f"that is more than this GPU's {room / GIB:.0f} GiB: lower data.micro_rows, set model.recompute: true, "
                "take optimizer.name: adafactor or model.precision: bfloat16, or more GPUs with torchrun"
            )
    return lines


def _activations(model: Model, card: RunCard) -> float:
    config: Any = model.config
    width = getattr(config, "hidden_size", None) or config.decoder.hidden_size
    layers = (getattr(config, "num_hidden_layers", 0) or 0) + (getattr(config, "num_decoder_layers", 0) or 0)
    tokens = card.data.micro_rows * card.data.row_tokens
    size = 4 if card.model.precision == "float32" else 2
    # Recomputing keeps what goes into each layer, and all of one layer at a time.
    states = layers + LAYER_STATES if card.model.recompute else layers * LAYER_STATES / 2
    return float(tokens * width * size * states)
