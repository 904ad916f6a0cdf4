"""Optimizers and the learning rate, which is a function of the step alone.

An optimizer's state is there from the start, as zeros: so a checkpoint is read into what it was written from, and
shards of many processes are declared where an optimizer would make whole tensors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate, Shard, zeros
from torch.optim import Optimizer

from finetune.adafactor import Adafactor
from finetune.config import OptimizerSettings, ScheduleSettings
from flancollect.errors import UsageError

BETAS = (0.9, 0.95)  # AdamW's, as language models are trained with today; torch's default is 0.999
MUON_MOMENTUM = 0.95


def learning_rate_factor(step: int, schedule: ScheduleSettings) -> float:
    """What the learning rate is multiplied by at a step, counted from 0: in (0, 1]."""
    warmup = min(1.0, (step + 1) / schedule.warmup_steps) if schedule.warmup_steps else 1.0
    # 650 steps with a decay over the last 60 %: the last 390; at step 260 the factor is 1, at 649 it is 1 / 390.
    remaining = min(1.0, (schedule.steps - step) / (schedule.steps * schedule.decay_share))
    match schedule.shape:
        case "constant":
            return warmup
        case "linear":
            return warmup * remaining
        case "cosine":
            return warmup * 0.5 * (1 - math.cos(math.pi * remaining))


def make_optimizers(module: nn.Module, settings: OptimizerSettings, *, ranks: int = 1) -> list[Optimizer]:
    """The optimizers of all weights that train, their states at zero.

    Matrices decay, norms and biases do not. Muon takes the matrices but embeddings and the head, AdamW the rest.
    Raises UsageError for Muon on several processes.
    """
    weights = [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]
    embeddings = {
        id(inner.weight)
        for inner in module.modules()
        if isinstance(inner, nn.Embedding) and inner.weight is not None
    }
    # Biases and norms have one dimension; what has more is multiplied by, and may shrink.
    matrices = [weight for _, weight in weights if weight.ndim == 2]
    others = [weight for _, weight in weights if weight.ndim != 2]
    optimizers: list[Optimizer]
    match settings.name:
        case "adafactor":
            optimizers = [Adafactor(_groups(matrices, others, settings), lr=settings.learning_rate)]
        case "adamw":
            groups = _groups(matrices, others, settings)
            optimizers = [torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, fused=True)]
        case "muon":
            if ranks > 1:
                raise UsageError(
                    "optimizer.name muon runs in one process: it needs whole matrices. Take adamw or adafactor "
                    "on several"
                )
            outer = [
                weight
                for name, weight in weights
                if weight.ndim != 2 or id(weight) in embeddings or name.endswith("lm_head.weight")
            ]
            is_outer = {id(weight) for weight in outer}
            inner = [weight for weight in matrices if id(weight) not in is_outer]
            optimizers = [
                # torch's default decays by 0.1.
                torch.optim.Muon(
                    inner,
                    lr=settings.learning_rate,
                    momentum=MUON_MOMENTUM,
                    weight_decay=settings.weight_decay,
                    adjust_lr_fn="original",
                ),
                torch.optim.AdamW(
                    outer, lr=settings.rest_learning_rate, betas=BETAS, weight_decay=0.0, fused=True
                ),
            ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
            for weight in group["params"]:
                optimizer.state[weight] = _initial_state(optimizer, weight)
    return optimizers


def set_learning_rate(optimizers: list[Optimizer], factor: float) -> None:
    """Set every learning rate to its share of what it began with."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor


def state_items(optimizers: list[Optimizer], module: nn.Module) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every weight's name and its optimizer's state, in the order of the module."""
    for name, weight in module.named_parameters():
        for optimizer in optimizers:
            if weight in optimizer.state:
                yield name, optimizer.state[weight]


def state_bytes(module: nn.Module, settings: OptimizerSettings) -> int:
    """The memory that the optimizer's state takes for a module, in bytes."""
    total = 0
    for weight in module.parameters():
        if not weight.requires_grad:
            continue
        if settings.name == "adafactor" and weight.ndim >= 2:
            total += 4 * (weight.numel() // weight.shape[-1] + weight.numel() // weight.shape[-2])
        elif settings.name == "muon" and weight.ndim == 2:
            total += weight.numel() * weight.element_size()
        else:
            total += (1 if settings.name == "adafactor" else 2) * weight.numel() * weight.element_size()
    return total


def _groups(
    matrices: Sequence[Tensor], others: Sequence[Tensor], settings: OptimizerSettings
) -> list[dict[str, Any]]:
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _initial_state(optimizer: Optimizer, weight: Tensor) -> dict[str, Any]:
    match type(optimizer).__name__:
        case "AdamW":
            # Its step counts on the device, where the fused kernel reads it.
            return {
                "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
        case "Muon":
            return {"momentum_buffer": torch.zeros_like(weight)}
    state: dict[str, Any] = {"step": 0}
    if weight.ndim >= 2:
        state["exp_avg_sq_row"] = _mean_like(weight, -1)
        state["exp_avg_sq_col"] = _mean_like(weight, -2)
    else:
        state["exp_avg_sq"] = torch.zeros_like(weight, dtype=torch.float32)
    return state


def _mean_like(weight: Tensor, dim: int) -> Tensor:
    """Zeros of the shape of a mean over one dimension; spread over processes as that mean is."""
    shape = list(weight.shape)
    del shape[dim]
    if not isinstance(weight, DTensor):
        return torch.zeros(shape, dtype=torch.float32, device=weight.device)
    # Weights are cut by their first dimension. The mean of each row stays where its row is; of columns all have all.
    gone = len(weight.shape) + dim
    placements = [
        place if isinstance(place, Shard) and place.dim < gone else Replicate() for place in weight.placements
    ]
    return zeros(*shape, dtype=torch.float32, device_mesh=weight.device_mesh, placements=placements)
