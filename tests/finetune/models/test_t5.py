from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from finetune.models.packed import as_model
from finetune.models.save import to_transformers
from finetune.models.t5 import T5, T5Inputs, distance_buckets
from finetune.tokenizer import train_tokenizer
from tests.finetune.small import LENGTHS, VOCABULARY, batch_of, shifted, sides, t5

KINDS = [("relu", True), ("gated-gelu", True), ("gated-gelu", False), ("relu", False)]
ORDER = batch_of().rows.tolist()


def alone(model: Any) -> torch.Tensor:
    """The logits of transformers' model, example by example, in the order of the batch."""
    parts = []
    for number in ORDER:
        source, target = sides(number)
        parts.append(model(input_ids=source[None], decoder_input_ids=shifted(target)[None]).logits[0])
    return torch.cat(parts)


def noise(model: Any) -> float:
    """How far two attention kernels of transformers are apart."""
    model.set_attn_implementation("eager")
    eager = alone(model)
    model.set_attn_implementation("sdpa")
    return float((alone(model) - eager).abs().max())


def own(model: Any) -> T5:
    module = as_model(model).module
    assert isinstance(module, T5)
    return module


@pytest.mark.parametrize(("feed_forward", "tied"), KINDS)
def test_logits_of_a_packed_batch_are_those_of_transformers_example_by_example(
    feed_forward: str, tied: bool
) -> None:
    model = t5(feed_forward, tied=tied)
    with torch.no_grad():
        packed = own(model).logits(T5Inputs.of(batch_of(), 0))
        difference = float((packed - alone(model)).abs().max())
        assert difference <= 2 * max(noise(model), 1e-6)


@pytest.mark.parametrize(("feed_forward", "tied"), KINDS)
def test_gradients_of_a_packed_batch_are_those_of_its_examples(feed_forward: str, tied: bool) -> None:
    model = t5(feed_forward, tied=tied)
    for number in ORDER:
        source, target = sides(number)
        logits = model(input_ids=source[None], decoder_input_ids=shifted(target)[None]).logits[0]
        torch.nn.functional.cross_entropy(logits, target, reduction="sum").backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    module = own(model)
    module(T5Inputs.of(batch_of(), 0)).sum().backward()
    gradients = {name: weight.grad for name, weight in module.named_parameters()}
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert gradient is not None
        assert float((gradient - expected[name]).norm()) <= 1e-5 * float(expected[name].norm()) + 1e-6, name


def test_an_example_does_not_see_the_others() -> None:
    module = own(t5("relu", tied=True))
    with torch.no_grad():
        losses = module(T5Inputs.of(batch_of(), 0))
        one = batch_of([ORDER[1]])
        assert torch.allclose(
            losses[LENGTHS[ORDER[0]][1] :][: len(one.target_positions)],
            module(T5Inputs.of(one, 0)),
            atol=1e-5,
        )


def test_buckets_are_those_of_transformers() -> None:
    attention = transformers.models.t5.modeling_t5.T5Attention
    distances = torch.arange(-400, 401)
    for two_sided in (True, False):
        ours = distance_buckets(distances, 32, 128, two_sided=two_sided)
        theirs = attention._relative_position_bucket(distances, bidirectional=two_sided)
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("feed_forward", "tied"), [*KINDS, ("mt5", True), ("mt5", False)])
def test_transformers_opens_what_we_save_and_generates_the_same(
    feed_forward: str, tied: bool, tmp_path: Any
) -> None:
    if feed_forward == "mt5":
        torch.manual_seed(0)
        config = transformers.MT5Config(
            vocab_size=VOCABULARY,
            d_model=64,
            d_kv=16,
            num_heads=4,
            d_ff=128,
            num_layers=2,
            decoder_start_token_id=0,
        )
        model = transformers.MT5ForConditionalGeneration(config).eval()
        if not tied:
            model.lm_head.weight = torch.nn.Parameter(torch.randn(VOCABULARY, 64))
    else:
        model = t5(feed_forward, tied=tied)
    model.save_pretrained(tmp_path / "before")
    loaded = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "before")
    ours = as_model(loaded)
    assert isinstance(ours.module, T5)
    assert ours.module.tied == tied
    tokenizer = train_tokenizer(["a b c"] * 3, vocabulary=300, single_digits=False)
    state = {name: weight.detach() for name, weight in ours.module.state_dict().items()}
    to_transformers(ours, state, tmp_path / "after", tokenizer)
    again = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "after").eval()
    with torch.no_grad():
        # Weights and logits to the bit; the model that was never on a disk lies otherwise in memory, and may differ by
        # the order in which a kernel adds.
        for name, weight in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], weight), name
        unchanged = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "before").eval()
        assert torch.equal(alone(again), alone(unchanged))
        assert (
            float((ours.module.eval().logits(T5Inputs.of(batch_of(), 0)) - alone(model)).abs().max()) < 1e-3
        )
        source, _ = sides(0)
        expected = model.generate(source[None], max_new_tokens=12, do_sample=False)
        assert torch.equal(again.generate(source[None], max_new_tokens=12, do_sample=False), expected)


def test_recomputing_changes_no_gradient() -> None:
    gradients = []
    for recompute in (False, True):
        module = own(t5("gated-gelu", tied=True))
        module.train()
        module.recompute = recompute
        torch.manual_seed(1)
        module(T5Inputs.of(batch_of(), 0)).sum().backward()
        gradients.append([weight.grad for weight in module.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
