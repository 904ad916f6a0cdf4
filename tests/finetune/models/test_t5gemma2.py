from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers.models.t5gemma2.configuration_t5gemma2 import T5Gemma2DecoderConfig, T5Gemma2EncoderConfig

from finetune.models.packed import as_model, check_packing
from finetune.models.t5gemma2 import T5Gemma2Inputs, t5gemma2_logits
from tests.finetune.small import batch_of, shifted, sides

ORDER = batch_of().rows.tolist()


def t5gemma2() -> Any:
    torch.manual_seed(0)
    text = {
        "vocab_size": 128, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"] * 2, "pad_token_id": 0, "bos_token_id": 2,
        "eos_token_id": 1, "query_pre_attn_scalar": 16,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    encoder = T5Gemma2EncoderConfig(
        text_config=text, vision_config=vision, mm_tokens_per_image=1, image_token_index=127, boi_token_index=125,
        eoi_token_index=126,
    )  # fmt: skip
    config = transformers.T5Gemma2Config(
        encoder=encoder, decoder=T5Gemma2DecoderConfig(**text), image_token_index=127, eoi_token_index=126,
        pad_token_id=0,
    )  # fmt: skip
    model = transformers.AutoModelForSeq2SeqLM.from_config(config)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.08)
    return model.eval()


def alone(model: Any, number: int) -> torch.Tensor:
    source, target = sides(number)
    logits: torch.Tensor = model(
        input_ids=source[None], decoder_input_ids=shifted(target, 2)[None], use_cache=False
    ).logits[0]
    return logits


def test_logits_and_gradients_of_a_packed_batch_are_those_of_its_examples() -> None:
    model = t5gemma2()
    expected = torch.cat([alone(model, number) for number in ORDER])
    labels = torch.cat([sides(number)[1] for number in ORDER])
    torch.nn.functional.cross_entropy(expected, labels, reduction="sum").backward()
    gradients = {n: w.grad.clone() for n, w in model.named_parameters() if w.grad is not None}
    model.zero_grad()
    packed = t5gemma2_logits(model, T5Gemma2Inputs.of(batch_of(), 2))
    assert float((packed - expected).detach().abs().max()) < 1e-5
    torch.nn.functional.cross_entropy(packed, labels, reduction="sum").backward()
    for name, gradient in gradients.items():
        own = dict(model.named_parameters())[name].grad
        assert own is not None
        assert float((own - gradient).norm()) <= 1e-4 * float(gradient.norm()) + 1e-6, name


def test_it_is_read_as_an_encoder_decoder_that_keeps_examples_apart() -> None:
    model = as_model(t5gemma2())
    assert model.encoder_decoder
    check_packing(model, "t5gemma2", 120)
