"""Adafactor with steps scaled by the weights, as T5 and Flan were trained (Shazeer and Stern 2018, algorithms 4 and 8).

In float32 it is, to the bit, that of transformers with `scale_parameter=True, relative_step=False`. In bfloat16 it
rounds at random: a step is some learning rate times the weight, and with 1e-3 or less of it, below half of what
bfloat16 can tell apart, rounding to the nearest would leave the weight as it was, step after step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from finetune.sharded import local, whole

SQUARE_EPS = 1e-30  # added to squared gradients
SCALE_EPS = 1e-3  # weights near zero step as if their root mean square were this
DECAY = -0.8  # of the second moments: 1 - step ** DECAY
CLIP = 1.0  # the highest root mean square of an update before it is scaled


class Adafactor(Optimizer):
    """State of a weight: `step`, and `exp_avg_sq`, or of matrices its means over rows and columns."""

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 (torch's signature)
        """One update of every weight that has a gradient. Rounding draws from torch's generator."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad.float(), self.state[weight], group)

    def _update(self, weight: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        values = weight.float()
        state["step"] += 1
        rate = _rms(values).clamp(min=SCALE_EPS) * group["lr"]
        decay = 1.0 - state["step"] ** DECAY
        squares = gradient**2 + SQUARE_EPS
        if weight.ndim >= 2:
            rows, columns = state["exp_avg_sq_row"], state["exp_avg_sq_col"]
            rows.mul_(decay).add_(squares.mean(dim=-1), alpha=1.0 - decay)
            columns.mul_(decay).add_(squares.mean(dim=-2), alpha=1.0 - decay)
            # The product of both means, by the mean of all, stands for the matrix of second moments.
            row_factor = (rows / rows.mean(dim=-1, keepdim=True)).rsqrt_().unsqueeze(-1)
            update = torch.mul(row_factor, columns.unsqueeze(-2).rsqrt()).mul_(gradient)
        else:
            moments = state["exp_avg_sq"]
            moments.mul_(decay).add_(squares, alpha=1.0 - decay)
            update = moments.rsqrt().mul_(gradient)
        update.div_((_rms(update) / CLIP).clamp_(min=1.0)).mul_(rate)
        if group["weight_decay"]:
            values = values.add(values, alpha=-group["weight_decay"] * float(whole(rate)))
        values = values - update
        if weight.dtype == torch.bfloat16:
            local(weight).copy_(rounded_at_random(local(values)))
        else:
            weight.copy_(values)


def rounded_at_random(values: Tensor) -> Tensor:
    """Float32 to bfloat16, up or down so that the mean is the value; what bfloat16 can tell stays as it is."""
    # bfloat16 is the upper half of a float32: 1.00390625 is 0x3F808000, halfway between 0x3F80 (1.0) and 0x3F81. With
    # a random number below 0x10000 added, the upper half is 0x3F81 in one case of two.
    bits = values.contiguous().view(torch.int32)
    noise = torch.randint(0, 1 << 16, bits.shape, dtype=torch.int32, device=bits.device)
    return ((bits + noise) & ~0xFFFF).view(torch.float32).to(torch.bfloat16)


def _rms(tensor: Tensor) -> Tensor:
    """The root mean square of all of a tensor, wherever its parts lie."""
    norm: Tensor = tensor.norm(2)
    mean: Tensor = norm / tensor.numel() ** 0.5
    return mean
