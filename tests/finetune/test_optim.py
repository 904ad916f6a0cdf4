from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers.optimization import Adafactor

from finetune.adafactor import rounded_at_random
from finetune.config import OptimizerSettings, ScheduleSettings
from finetune.optim import learning_rate_factor, make_optimizers, set_learning_rate, state_bytes, state_items
from flancollect.errors import UsageError


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(7, 4)
        self.inner = nn.Linear(4, 6)
        self.lm_head = nn.Linear(6, 7, bias=False)


def settings(name: str, **values: Any) -> OptimizerSettings:
    return OptimizerSettings.model_validate({"name": name, "learning_rate": 0.01, **values})


def step(module: nn.Module, optimizers: list[Any], times: int = 3) -> None:
    for number in range(times):
        torch.manual_seed(number)
        for weight in module.parameters():
            weight.grad = torch.randn_like(weight)
        for optimizer in optimizers:
            optimizer.step()


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in module.parameters()]


def test_adafactor_is_the_parameter_scaled_one_of_transformers() -> None:
    ours, theirs = Small(), Small()
    step(ours, make_optimizers(ours, settings("adafactor")))
    step(
        theirs,
        [
            Adafactor(
                theirs.parameters(), lr=0.01, scale_parameter=True, relative_step=False, warmup_init=False
            )
        ],
    )
    assert all(torch.equal(a, b) for a, b in zip(weights(ours), weights(theirs), strict=True))


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adafactor_decays_as_that_of_transformers(weight_decay: float) -> None:
    ours, theirs = nn.Linear(6, 5, bias=False), nn.Linear(6, 5, bias=False)
    theirs.load_state_dict(ours.state_dict())
    step(ours, make_optimizers(ours, settings("adafactor", weight_decay=weight_decay)), times=5)
    peer = Adafactor(
        theirs.parameters(),
        lr=0.01,
        scale_parameter=True,
        relative_step=False,
        warmup_init=False,
        weight_decay=weight_decay,
    )
    step(theirs, [peer], times=5)
    assert torch.equal(ours.weight, theirs.weight)


def test_in_bfloat16_small_steps_are_not_lost() -> None:
    # A step is 1e-4 of a weight, and bfloat16 tells apart what differs by 1 / 256.
    moved = {}
    for dtype in (torch.float32, torch.bfloat16):
        module = nn.Linear(64, 64, bias=False).to(dtype)
        nn.init.constant_(module.weight, 1.0)
        (optimizer,) = make_optimizers(module, settings("adafactor", learning_rate=1e-4))
        for number in range(50):
            torch.manual_seed(number)
            module.weight.grad = torch.ones_like(module.weight)
            optimizer.step()
        moved[dtype] = 1 - float(module.weight.detach().double().mean())
    assert moved[torch.float32] == pytest.approx(50e-4, rel=0.02)
    assert moved[torch.bfloat16] == pytest.approx(moved[torch.float32], rel=0.1)


@given(st.floats(-(2.0**127), 2.0**127, width=32))
def test_rounding_at_random_takes_one_of_the_two_neighbours(value: float) -> None:
    exact = torch.full((2000,), value)
    rounded = rounded_at_random(exact).float()
    down = (exact.view(torch.int32) & ~0xFFFF).view(torch.float32)
    up = ((exact.view(torch.int32) & ~0xFFFF) + 0x10000).view(torch.float32)
    assert bool(((rounded == down) | (rounded == up)).all())
    if float(down[0]) == value:
        assert bool((rounded == exact).all())


def test_a_state_of_zeros_is_what_the_optimizers_would_make() -> None:
    for name in ("adamw", "muon"):
        with_state, without = Small(), Small()
        prepared, bare = (make_optimizers(module, settings(name)) for module in (with_state, without))
        for optimizer in bare:
            optimizer.state.clear()
        step(with_state, prepared)
        step(without, bare)
        assert all(torch.equal(a, b) for a, b in zip(weights(with_state), weights(without), strict=True))


def test_matrices_decay_and_biases_do_not() -> None:
    module = Small()
    (optimizer,) = make_optimizers(module, settings("adamw", weight_decay=0.1))
    decayed = {
        id(weight) for group in optimizer.param_groups if group["weight_decay"] for weight in group["params"]
    }
    assert decayed == {id(weight) for weight in module.parameters() if weight.ndim == 2}


def test_muon_takes_the_matrices_but_embeddings_and_head() -> None:
    module = Small()
    muon, adamw = make_optimizers(module, settings("muon", rest_learning_rate=0.003))
    assert [id(weight) for weight in muon.param_groups[0]["params"]] == [id(module.inner.weight)]
    assert muon.param_groups[0]["weight_decay"] == 0
    assert len(adamw.param_groups[0]["params"]) == 3
    set_learning_rate([muon, adamw], 0.5)
    assert (muon.param_groups[0]["lr"], adamw.param_groups[0]["lr"]) == (0.005, 0.0015)


def test_muon_on_several_processes_is_refused() -> None:
    with pytest.raises(UsageError, match="muon runs in one process"):
        make_optimizers(Small(), settings("muon"), ranks=2)


@pytest.mark.parametrize("name", ["adafactor", "adamw", "muon"])
def test_the_plan_of_memory_counts_the_states_as_they_are(name: str) -> None:
    module = nn.Sequential(nn.Linear(32, 16), nn.Linear(16, 8))
    tensors = [
        value
        for _, state in state_items(make_optimizers(module, settings(name)), module)
        for value in state.values()
        if isinstance(value, torch.Tensor) and value.ndim
    ]
    assert sum(value.numel() * value.element_size() for value in tensors) == state_bytes(
        module, settings(name)
    )


def test_the_learning_rate_rises_stays_and_falls() -> None:
    schedule = ScheduleSettings.model_validate(
        {"steps": 100, "warmup_steps": 10, "shape": "linear", "decay_share": 0.5}
    )
    factors = [learning_rate_factor(n, schedule) for n in range(100)]
    assert factors[0] == 0.1
    assert factors[9:51] == [1.0] * 42
    assert factors[75] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(0.02)
    cosine = schedule.model_copy(update={"shape": "cosine", "warmup_steps": 0})
    assert learning_rate_factor(75, cosine) == pytest.approx(0.5)
    constant = schedule.model_copy(update={"shape": "constant", "warmup_steps": 0})
    assert {learning_rate_factor(n, constant) for n in range(100)} == {1.0}
