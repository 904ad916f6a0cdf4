from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from finetune.config import ModelSettings
from finetune.models.load import as_model, check_packing, load_model
from finetune.tokenizer import train_tokenizer
from flancollect.errors import UsageError
from tests.finetune.small import causal, t5


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(["one two three"] * 3, vocabulary=300, single_digits=False)


def settings(**values: Any) -> ModelSettings:
    return ModelSettings.model_validate(values)


def test_a_folder_that_is_no_model_says_so(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model can be read"):
        load_model(settings(**{"from": str(tmp_path / "nowhere")}), tokenizer)


def test_a_model_without_all_its_weights_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    causal("llama", vocab_size=300).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UsageError, match=r"lacks 1 weights of a llama, such as model\.norm\.weight"):
        load_model(settings(**{"from": str(tmp_path)}), tokenizer)


def test_a_checkpoint_of_another_shape_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    model = causal("llama", vocab_size=300)
    model.save_pretrained(tmp_path)
    model.config.intermediate_size = 32
    model.config.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="no weights can be read"):
        load_model(settings(**{"from": str(tmp_path)}), tokenizer)


def test_pickled_weights_are_not_opened(tokenizer: Any, tmp_path: Path) -> None:
    model = causal("llama", vocab_size=300)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UsageError, match="no weights can be read"):
        load_model(settings(**{"from": str(tmp_path)}), tokenizer)


def test_a_tokenizer_larger_than_the_embeddings_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    t5("relu", tied=True).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"embeddings for 200 tokens, the tokenizer has \d+"):
        load_model(settings(**{"from": str(tmp_path)}), tokenizer)


@pytest.mark.parametrize(
    ("init", "says"),
    [
        ({"model_type": "nosuch"}, "transformers makes no nosuch"),
        ({"model_type": "mamba", "hidden_size": 32, "num_hidden_layers": 2}, "mamba"),
        ({"model_type": "bart", "d_model": 16, "encoder_layers": 1, "decoder_layers": 1}, "bart"),
    ],
)
def test_an_architecture_that_cannot_be_packed_is_refused(
    init: dict[str, Any], says: str, tokenizer: Any
) -> None:
    with pytest.raises(UsageError, match=says):
        load_model(settings(init=init, tokenizer="x"), tokenizer)


def test_examples_that_see_each_other_are_noticed() -> None:
    model = as_model(causal("llama"))
    model.module.set_attn_implementation("sdpa")  # type: ignore[operator]
    model.module.config._attn_implementation = "sdpa"  # type: ignore[union-attr]

    def careless(module: Any, inputs: Any) -> torch.Tensor:
        ones = torch.ones(1, len(inputs.input_ids), dtype=torch.long)
        logits = module(
            input_ids=inputs.input_ids[None],
            position_ids=inputs.positions[None],
            attention_mask=ones,
            use_cache=False,
        ).logits[0]
        return torch.nn.functional.cross_entropy(logits[inputs.predictors], inputs.labels, reduction="none")

    with pytest.raises(UsageError, match="examples of a batch see each other"):
        check_packing(replace(model, losses=careless), "llama", 120)


def test_dropout_is_set_where_the_architecture_has_it(tokenizer: Any) -> None:
    init = {"model_type": "t5", "d_model": 16, "d_kv": 4, "num_heads": 2, "d_ff": 16, "num_layers": 1}
    model = load_model(settings(init=init, tokenizer="x", dropout=0.05), tokenizer)
    assert model.dropouts == ("dropout_rate",)
    assert {m.p for m in model.module.modules() if isinstance(m, torch.nn.Dropout)} == {0.05}


def test_random_weights_hang_on_the_seed_alone(tokenizer: Any) -> None:
    init = {
        "model_type": "llama",
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    first, second, other = (
        load_model(settings(init=init, tokenizer="x"), tokenizer, seed=seed).module.state_dict()
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_an_adapter_trains_few_weights(tokenizer: Any, tmp_path: Path) -> None:
    causal("llama", vocab_size=len(tokenizer)).save_pretrained(tmp_path)
    model = load_model(settings(**{"from": str(tmp_path), "lora": 4}), tokenizer)
    names = [name for name, weight in model.module.named_parameters() if weight.requires_grad]
    assert names
    assert all("lora_" in name for name in names)
    check_packing(model, "llama with an adapter", 120)


def test_starting_conventions_are_those_of_the_card(tokenizer: Any) -> None:
    init = {
        "model_type": "qwen3", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "head_dim": 16,
        "num_attention_heads": 2, "num_key_value_heads": 2, "embedding_std": 0.5, "zero_outputs": True,
        "tie_word_embeddings": True,
    }  # fmt: skip
    model = load_model(settings(init=init, tokenizer="x"), tokenizer).module
    assert isinstance(model, transformers.Qwen3ForCausalLM)
    assert 0.4 < float(model.model.embed_tokens.weight.detach().std()) < 0.6
    layer = model.model.layers[0]
    assert not layer.self_attn.o_proj.weight.any()
    assert not layer.mlp.down_proj.weight.any()
    assert layer.self_attn.q_proj.weight.any()
