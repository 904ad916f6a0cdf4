from __future__ import annotations

from pathlib import Path

import torch

from finetune.memory import memory_plan
from finetune.models.packed import as_model
from tests.finetune.small import causal, run_card


def test_the_plan_adds_up_and_many_processes_share_it(tmp_path: Path) -> None:
    model = as_model(causal("llama", hidden_size=1024, intermediate_size=4096, vocab_size=32000))
    card = run_card(tmp_path, "optimizer={name: adamw, learning_rate: 0.01}")
    (one,) = memory_plan(model, card, 1, torch.device("cpu"))
    (four,) = memory_plan(model, card, 4, torch.device("cpu"))
    weights = sum(weight.numel() for weight in model.module.parameters())
    gib = 4 * weights / 2**30
    assert one.startswith(f"{weights / 1e6:,.1f} M weights")
    assert f"weights {gib:.2f}, gradients {gib:.2f}, adamw states {2 * gib:.2f}" in one
    assert f"weights {gib / 4:.2f}" in four
