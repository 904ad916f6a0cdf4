"""Decoder-only models of transformers on flat tokens, by one registered attention function.

The model's own code runs as it is: it sees one row of N tokens with positions that begin anew with each example.
Only its attention is ours, and reads each example by itself: padded groups with a causal kernel, or on a GPU torch's
varlen kernel. (Handing over attention_mask=ones, or leaving use_cache on, lets examples see each other in silence.)
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name that every reader of torch knows)
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from finetune.attention import Layout, groups_of
from finetune.batches import Batch

ATTENTION = "flancollect_flat"


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalInputs:
    """A batch as a decoder-only model reads it: each example without its last token, which predicts nothing."""

    input_ids: Tensor  # [N]
    positions: Tensor  # [N]
    predictors: Tensor  # [M] places whose output predicts a target token
    labels: Tensor  # [M]
    layout: Layout
    starts: Tensor  # [E + 1] int32
    longest: int

    @classmethod
    def of(cls, batch: Batch) -> CausalInputs:
        """Arrange a batch; on the CPU."""
        lengths = batch.lengths - 1
        is_last = np.zeros(len(batch.ids), dtype=bool)
        is_last[batch.starts[1:] - 1] = True
        # Token t of example e stands at t - e once the last tokens of the examples before it are gone, and is
        # predicted one place before: of [a b c | d e], c (2) is predicted at 1, e (4) at 4 - 1 - 1 = 2.
        return cls(
            input_ids=torch.from_numpy(batch.ids[~is_last]),
            positions=torch.from_numpy(batch.positions[~is_last]),
            predictors=torch.from_numpy(batch.target_positions - batch.target_examples - 1),
            labels=torch.from_numpy(batch.labels),
            layout=Layout.of(lengths, groups_of(lengths)),
            starts=torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)),
            longest=int(lengths.max()),
        )


# What the attention function reads, as transformers' models hand no argument of ours down to it in every
# architecture. It stays set until the next batch: recomputing in the backward pass calls the function again.
_current: CausalInputs | None = None

attended_windows: set[int] = set()
"""The sliding windows that models asked for, which were kept."""


def causal_logits(module: nn.Module, inputs: CausalInputs) -> Tensor:
    """[M, V]: the logits of each target token."""
    global _current  # noqa: PLW0603
    _current = inputs
    logits: Tensor = module(
        input_ids=inputs.input_ids[None],
        position_ids=inputs.positions[None],
        use_cache=False,
        logits_to_keep=inputs.predictors,
    ).logits[0]
    return logits


def causal_losses(module: nn.Module, inputs: CausalInputs) -> Tensor:
    """[M]: the loss of each target token."""
    return F.cross_entropy(causal_logits(module, inputs).float(), inputs.labels, reduction="none")


def flat_attention(  # noqa: PLR0917 (transformers' signature)
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 (the same)
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each example; [1, H, N, d] in, [1, N, H, d] out.

    Raises NotImplementedError for what would change the scores and is not done here.
    """
    if others.get("softcap") is not None or others.get("s_aux") is not None:
        raise NotImplementedError(f"{type(module).__name__} caps its scores or has attention sinks")
    if others.get("is_causal") is False or getattr(module, "is_causal", True) is False:
        raise NotImplementedError(f"{type(module).__name__} is not causal")
    inputs = _current
    if inputs is None or query.shape[2] != len(inputs.input_ids):
        raise NotImplementedError(
            f"{type(module).__name__} attends to something else than the batch's tokens"
        )
    if sliding_window is not None:
        attended_windows.add(sliding_window)
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
    # The varlen kernel knows no dropout: who wants that of attention gets it from padded groups.
    if query.is_cuda and query.dtype in {torch.bfloat16, torch.float16} and not dropout:
        return _varlen(q, k, v, inputs, scaling, sliding_window)[None], None
    grouped = k.shape[1] != q.shape[1]
    outputs = []
    layout = inputs.layout
    for q_group, k_group, v_group in zip(layout.split(q), layout.split(k), layout.split(v), strict=True):
        length = q_group.shape[2]
        mask = None
        if sliding_window is not None and length > sliding_window:
            far = torch.arange(length, device=q.device)
            distance = far[:, None] - far[None]
            mask = (distance >= 0) & (distance < sliding_window)
        outputs.append(
            F.scaled_dot_product_attention(
                q_group,
                k_group,
                v_group,
                attn_mask=mask,
                is_causal=mask is None,
                dropout_p=dropout,
                scale=scaling,
                enable_gqa=grouped,
            )
        )
    return layout.join(outputs)[None], None


def _varlen(
    q: Tensor, k: Tensor, v: Tensor, inputs: CausalInputs, scaling: float | None, sliding_window: int | None
) -> Tensor:
    """The varlen kernel. [N, H, d] in and out."""
    from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415 (torch for CPUs may lack it)

    # A window of (w - 1, 0) is causal and w tokens wide, (-1, 0) causal alone. Releases before had a flag for it.
    parameters = inspect.signature(varlen_attn).parameters
    settings: dict[str, Any] = {"scale": scaling}
    if "window_size" in parameters:
        settings["window_size"] = (-1 if sliding_window is None else sliding_window - 1, 0)
    else:
        settings["is_causal"] = True
    if k.shape[1] != q.shape[1]:
        if "enable_gqa" in parameters:
            settings["enable_gqa"] = True
        else:
            k, v = (states.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for states in (k, v))
    starts, longest = inputs.starts, inputs.longest
    out: Any = varlen_attn(
        q.contiguous(), k.contiguous(), v.contiguous(), starts, starts, longest, longest, **settings
    )
    attended: Tensor = out
    return attended


def _no_mask(*_: Any, **__: Any) -> None:
    """No mask at all: the attention function knows where examples begin."""


AttentionInterface.register(ATTENTION, flat_attention)
AttentionMaskInterface.register(ATTENTION, _no_mask)
