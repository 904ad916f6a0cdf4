"""Tensors that may be spread over processes: in one piece, or the piece of this process."""

from __future__ import annotations

from torch import Tensor
from torch.distributed.tensor import DTensor


def whole(tensor: Tensor) -> Tensor:
    """A tensor in one piece; all ranks must ask together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def local(tensor: Tensor) -> Tensor:
    """The piece of this process, which is all of a tensor that is not spread."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
