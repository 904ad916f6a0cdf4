"""Attention over flat tokens: examples are padded for attention alone, and only to those of about their length.

Everything else of a model sees [N, d] without padding. Examples of similar length share a group; a group is padded
to its longest. On a GPU decoder-only models take torch's varlen kernel, which needs no padding at all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from flancollect.draw import Ints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Inputs = TypeVar("Inputs", bound="DataclassInstance")

SIMILAR = 0.75  # an example joins a group of which it has this share of the longest's length


def groups_of(lengths: Ints) -> list[Ints]:
    """Example numbers in groups of similar length, the longest first."""
    # Lengths [100, 80, 74, 30]: 80 >= 75 joins 100; 74 begins a group of its own, as does 30.
    order = np.lexsort((np.arange(len(lengths)), -lengths))
    groups: list[Ints] = []
    first = 0
    for place in range(1, len(order) + 1):
        if place == len(order) or lengths[order[place]] < SIMILAR * lengths[order[first]]:
            groups.append(order[first:place])
            first = place
    return groups


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each of N flat tokens stands when groups are padded, one group's [B, L] slots behind the other's.

    `slots` is [N]; `shapes` the (B, L) of each group; `lengths` the [B] true lengths in each group.
    """

    slots: Tensor
    shapes: tuple[tuple[int, int], ...]
    lengths: tuple[Tensor, ...]

    @classmethod
    def of(cls, lengths: Ints, groups: list[Ints]) -> Layout:
        """The layout of examples of these lengths, which lie end to end in order of their numbers."""
        # Lengths [3, 1, 2], groups [0, 2] and [1]: the first is 2 x 3 slots, 0..5, the second slot 6.
        # Example 0 begins at slot 0, example 2 at slot 3, example 1 at slot 6: slots [0, 1, 2, 6, 3, 4].
        begins = np.zeros(len(lengths), dtype=np.int64)
        shapes = []
        offset = 0
        for group in groups:
            longest = int(lengths[group].max())
            begins[group] = offset + np.arange(len(group)) * longest
            shapes.append((len(group), longest))
            offset += len(group) * longest
        starts = np.cumsum(lengths) - lengths
        slots = np.repeat(begins - starts, lengths) + np.arange(int(lengths.sum()))
        return cls(
            torch.from_numpy(slots),
            tuple(shapes),
            tuple(torch.from_numpy(lengths[group]) for group in groups),
        )

    def to(self, device: torch.device) -> Layout:
        """The same on a device."""
        return Layout(
            self.slots.to(device, non_blocking=True),
            self.shapes,
            tuple(length.to(device, non_blocking=True) for length in self.lengths),
        )

    def padding_masks(self, dtype: torch.dtype) -> list[Tensor]:
        """[B, 1, 1, L] of each group: nothing for tokens, as good as minus infinity for padding."""
        masks = []
        for lengths, (_, longest) in zip(self.lengths, self.shapes, strict=True):
            is_padding = torch.arange(longest, device=lengths.device) >= lengths[:, None]
            mask = torch.zeros(is_padding.shape, dtype=dtype, device=lengths.device)
            masks.append(mask.masked_fill(is_padding, torch.finfo(dtype).min)[:, None, None])
        return masks

    @property
    def padded(self) -> int:
        """How many slots there are."""
        return sum(examples * length for examples, length in self.shapes)

    def split(self, flat: Tensor) -> list[Tensor]:
        """Pad [N, heads, d] and give [B, heads, L, d] for each group."""
        padded: Tensor = _Pad.apply(flat, self.slots, self.padded)  # type: ignore[no-untyped-call]
        parts = torch.split(padded, [examples * length for examples, length in self.shapes])
        return [
            part.view(examples, length, *flat.shape[1:]).transpose(1, 2)
            for part, (examples, length) in zip(parts, self.shapes, strict=True)
        ]

    def join(self, parts: list[Tensor]) -> Tensor:
        """The inverse: [B, heads, L, d] of each group to [N, heads, d]."""
        padded = torch.cat([part.transpose(1, 2).flatten(0, 1) for part in parts])
        flat: Tensor = _Unpad.apply(padded, self.slots)  # type: ignore[no-untyped-call]
        return flat


def moved(inputs: Inputs, device: torch.device) -> Inputs:
    """The inputs of a model on a device: its tensors and layouts, and what else it holds."""
    parts: dict[str, Any] = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    for name, part in parts.items():
        if isinstance(part, Tensor):
            parts[name] = part.to(device, non_blocking=True)
        elif isinstance(part, Layout):
            parts[name] = part.to(device)
    return replace(inputs, **parts)


class _Pad(torch.autograd.Function):
    """Flat tokens to their slots, zeros elsewhere.

    Slots are distinct, so its gradient is a plain look-up: faster than autograd's own of an index, and without the
    atomic additions that differ from run to run on a GPU.
    """

    @staticmethod
    def forward(ctx: Any, flat: Tensor, slots: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(slots)
        return flat.new_zeros(size, *flat.shape[1:]).index_copy_(0, slots, flat)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slots,) = ctx.saved_tensors
        return gradient.index_select(0, slots), None, None


class _Unpad(torch.autograd.Function):
    """Slots to flat tokens."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, slots: Tensor) -> Tensor:
        ctx.save_for_backward(slots)
        ctx.size = len(padded)
        return padded.index_select(0, slots)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slots,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.size, *gradient.shape[1:]).index_copy_(0, slots, gradient), None
