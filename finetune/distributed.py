"""One process or many: torchrun's environment, FSDP2, and the few numbers that all ranks must agree on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import nn

from finetune.models.t5 import T5


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This process among all: `rank` of `ranks`, on its device."""

    rank: int = 0
    ranks: int = 1
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes what all share."""
        return self.rank == 0

    def sum(self, values: list[float]) -> list[float]:
        """Numbers added up over all ranks, in float64; every rank gets the same."""
        if self.ranks == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def gather(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The [n, k] arrays of all ranks, one behind the other; every rank gets the same."""
        if self.ranks == 1:
            return values
        own = torch.from_numpy(values).to(self.device)
        sizes = [torch.zeros(1, dtype=torch.int64, device=self.device) for _ in range(self.ranks)]
        dist.all_gather(sizes, torch.tensor([len(own)], device=self.device))
        # Ranks have examples of their own, and so different numbers of them: padded to the most, and cut again.
        counts = [int(size) for size in sizes]
        padded = own.new_zeros(max(counts), own.shape[1])
        padded[: len(own)] = own
        parts = [torch.zeros_like(padded) for _ in range(self.ranks)]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)]).cpu().numpy()

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.ranks > 1:
            dist.barrier()


@contextmanager
def world() -> Iterator[World]:
    """The processes that torchrun started, or this one alone; on GPUs where there are any."""
    ranks, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    if ranks == 1:
        yield World(device=device)
        return
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield World(rank=rank, ranks=ranks, device=device)
        # The first rank writes the model when the others are done; torchrun ends all as soon as one is gone wrong.
        dist.barrier()
    finally:
        dist.destroy_process_group()


def shard(module: nn.Module, place: World, *, precision: str) -> None:
    """Spread the weights over all ranks (FSDP2), layer by layer; nothing for one rank.

    T5's table of position biases lies in block 0 of each stack and is read outside of it, so that block stays in the
    root's group, which is whole during the forward pass.
    """
    if place.ranks == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard  # noqa: PLC0415

    # One dimension: every rank has a slice of every weight.
    mesh = init_device_mesh(place.device.type, (place.ranks,))
    # Gradients of many ranks are added up in float32 whatever they are computed in.
    half = None if precision == "float32" else torch.bfloat16
    policy = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32)
    for layer in _layers(module):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(module, mesh=mesh, mp_policy=policy)


def _layers(module: nn.Module) -> list[nn.Module]:
    t5 = [inner for inner in module.modules() if isinstance(inner, T5)]
    if t5:
        return [*list(t5[0].encoder.block)[1:], *list(t5[0].decoder.block)[1:]]
    # What transformers calls modules that must not be split are its layers.
    names = set(getattr(module, "_no_split_modules", None) or ())
    return [inner for inner in module.modules() if type(inner).__name__ in names]
