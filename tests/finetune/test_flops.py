"""Operations as torch counts them, by an example run alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from finetune import flops
from finetune.distributed import World
from finetune.models.packed import as_model
from tests.finetune.small import batch_of, causal, t5


def counted(model: Any, batch: Any) -> float:
    with FlopCounterMode(display=False) as counter:
        model.losses(model.module, model.arrange(batch)).sum().backward()
    return float(counter.get_total_flops())


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox"])
def test_a_decoder_takes_what_torch_counts_and_half_of_a_square_of_attention(model_type: str) -> None:
    model = as_model(causal(model_type))
    batch = batch_of([2])  # 130 tokens, of which the last is not read
    # torch does not count the kernel of CPUs that attends without a mask.
    attention = 12.0 * 64 * 3 * 129**2 / 2
    assert flops.training_flops(flops.sizes_of(model), batch) - attention == pytest.approx(
        counted(model, batch), rel=1e-3
    )


def test_a_t5_takes_its_encoder_for_inputs_and_its_decoder_for_targets() -> None:
    model = as_model(t5("gated-gelu", tied=False))
    batch = batch_of([2])  # 90 tokens in, 40 out
    # torch counts the whole square of the decoder's attention, of which half is masked, and nothing of the kernel of
    # CPUs that cross-attention takes, whose mask has no gradient.
    masked, crossing = (12.0 * 64 * 3 * pairs for pairs in (40**2 / 2, 40 * 90))
    assert flops.training_flops(flops.sizes_of(model), batch) + masked - crossing == pytest.approx(
        counted(model, batch), rel=1e-3
    )


def test_no_share_of_a_peak_is_claimed_where_none_is_known() -> None:
    assert flops.utilisation(1e12, 1.0, World(device=torch.device("cpu"))) is None
