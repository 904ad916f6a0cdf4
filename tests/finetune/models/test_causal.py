from __future__ import annotations

from typing import Any

import pytest
import torch

from finetune.models.causal import ATTENTION, CausalInputs, causal_logits, causal_losses
from tests.finetune.small import CAUSAL, batch_of, causal, sides

ORDER = batch_of().rows.tolist()


def alone(model: Any) -> torch.Tensor:
    """The logits of target tokens, example by example, by transformers alone."""
    parts = []
    for number in ORDER:
        source, target = sides(number)
        logits = model(input_ids=torch.cat([source, target])[None], use_cache=False).logits[0]
        parts.append(logits[len(source) - 1 : -1])
    return torch.cat(parts)


def alone_and_noise(model: Any) -> tuple[torch.Tensor, float]:
    model.set_attn_implementation("eager")
    eager = alone(model)
    model.set_attn_implementation("sdpa")
    sdpa = alone(model)
    return sdpa, max(float((sdpa - eager).detach().abs().max()), 1e-6)


@pytest.mark.parametrize("model_type", CAUSAL)
def test_logits_of_a_packed_batch_are_those_of_transformers_example_by_example(model_type: str) -> None:
    model = causal(model_type)
    with torch.no_grad():
        expected, noise = alone_and_noise(model)
        model.set_attn_implementation(ATTENTION)
        packed = causal_logits(model, CausalInputs.of(batch_of()))
        assert float((packed - expected).abs().max()) <= 2 * noise


@pytest.mark.parametrize("model_type", CAUSAL)
def test_gradients_of_a_packed_batch_are_those_of_its_examples(model_type: str) -> None:
    model = causal(model_type)
    labels = torch.cat([sides(number)[1] for number in ORDER])
    torch.nn.functional.cross_entropy(alone(model), labels, reduction="sum").backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    model.set_attn_implementation(ATTENTION)
    causal_losses(model, CausalInputs.of(batch_of())).sum().backward()
    for name, weight in model.named_parameters():
        assert float((weight.grad - expected[name]).norm()) <= 1e-5 * float(expected[name].norm()) + 1e-6, (
            name
        )


@pytest.mark.parametrize("careless", [{"use_cache": True}, {"attention_mask": True}])
def test_the_ways_in_which_examples_see_each_other_are_far_off(careless: dict[str, bool]) -> None:
    # What these tests are there to catch: packed rows handed to transformers as people do.
    model = causal("llama")
    inputs = CausalInputs.of(batch_of())
    with torch.no_grad():
        expected = alone(model)
        arguments: dict[str, Any] = {"use_cache": False, **careless}
        if "attention_mask" in careless:
            arguments["attention_mask"] = torch.ones(1, len(inputs.input_ids), dtype=torch.long)
        logits = model(
            input_ids=inputs.input_ids[None], position_ids=inputs.positions[None], **arguments
        ).logits[0]
    assert float((logits[inputs.predictors] - expected).abs().max()) > 0.05


def test_a_sliding_window_is_each_examples_own() -> None:
    model = causal("mistral", num_key_value_heads=2, sliding_window=8)
    with torch.no_grad():
        expected, noise = alone_and_noise(model)
        model.set_attn_implementation(ATTENTION)
        assert float((causal_logits(model, CausalInputs.of(batch_of())) - expected).abs().max()) <= 2 * noise


def test_recomputing_changes_no_gradient() -> None:
    gradients = []
    for recompute in (False, True):
        model = causal("qwen3")
        model.set_attn_implementation(ATTENTION)
        model.train()
        if recompute:
            model.activation_checkpointing_enable({"use_reentrant": False})
        causal_losses(model, CausalInputs.of(batch_of())).sum().backward()
        gradients.append([weight.grad for weight in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
