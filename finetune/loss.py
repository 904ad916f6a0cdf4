"""The loss of each target token. The head runs at target positions alone: some 8 % of the tokens of a Flan mixture."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every reader of torch knows)
from torch import Tensor
from torch.utils.checkpoint import checkpoint

CHUNK_LOGITS = (
    2**27
)  # more logits than these are made in chunks, and again for the gradients: 512 MB in float32


def token_losses(hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    """[M] cross-entropies in float32 of [M, d] hidden states under a [V, d] head."""
    chunk = max(1, CHUNK_LOGITS // head.shape[0])
    if len(labels) <= chunk:
        return _losses(hidden, head, labels)
    parts = [
        checkpoint(_losses, part, head, part_labels, use_reentrant=False)
        for part, part_labels in zip(torch.split(hidden, chunk), torch.split(labels, chunk), strict=True)
    ]
    return torch.cat(parts)


def _losses(hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(hidden, head.to(hidden.dtype)).float(), labels, reduction="none")
