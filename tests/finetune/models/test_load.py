from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from finetune.config import ModelSettings
from finetune.models.load import load_model, set_dropout
from finetune.models.packed import as_model, check_packing
from finetune.models.save import merged_state
from finetune.tokenizer import train_tokenizer
from flancollect.errors import UsageError
from tests.finetune.models.test_t5gemma2 import t5gemma2
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


@pytest.mark.parametrize(
    ("model_type", "more", "window"),
    [
        (
            "phimoe",
            {"num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 8},
            "sliding_window = 8",
        ),
        ("doge", {"keep_window_size": 8}, "keep_window_size = 8"),
    ],
)
def test_a_window_that_packing_cannot_keep_is_refused(
    model_type: str, more: dict[str, Any], window: str, tokenizer: Any
) -> None:
    init = {
        "model_type": model_type, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 128, **more,
    }  # fmt: skip
    with pytest.raises(UsageError, match=f"{window}|losses are not those of transformers"):
        load_model(settings(init=init, tokenizer="x"), tokenizer, longest=100)


def test_positions_of_its_own_are_noticed(tokenizer: Any) -> None:
    # RoBERTa counts positions from behind its padding token.
    init = {
        "model_type": "roberta", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "max_position_embeddings": 200, "is_decoder": True,
    }  # fmt: skip
    with pytest.raises(UsageError, match=r"losses are not those of transformers|cannot be packed"):
        load_model(settings(init=init, tokenizer="x"), tokenizer)


def test_a_window_that_is_kept_is_no_obstacle(tokenizer: Any) -> None:
    init = {
        "model_type": "mistral", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "sliding_window": 8,
    }  # fmt: skip
    assert load_model(settings(init=init, tokenizer="x"), tokenizer, longest=100)


def test_examples_longer_than_the_positions_are_refused(tokenizer: Any) -> None:
    init = {"model_type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64}
    with pytest.raises(UsageError, match=r"has positions for 64 tokens; .* are 65"):
        load_model(settings(init=init, tokenizer="x"), tokenizer, longest=65)


def test_a_misspelt_key_of_a_config_is_told(tokenizer: Any) -> None:
    init = {"model_type": "llama", "hiden_size": 32}
    with pytest.raises(
        UsageError, match=r'model\.init\.hiden_size: a llama has no such key.*Did you mean "hidden_size"'
    ):
        load_model(settings(init=init, tokenizer="x"), tokenizer)


@pytest.mark.parametrize(
    "init",
    [
        {"model_type": "llama", "hidden_size": "abc"},
        {"model_type": "llama", "num_attention_heads": 0},
        {"model_type": "llama", "hidden_size": 48, "num_attention_heads": 3, "num_key_value_heads": 2},
        {"model_type": "llama", "vocab_size": None},
        {"model_type": "t5", "feed_forward_proj": "gated-silu", "d_model": 16, "num_layers": 1},
    ],
)
def test_values_that_make_no_model_are_refused(init: dict[str, Any], tokenizer: Any) -> None:
    with pytest.raises(UsageError):
        load_model(
            settings(
                init={"num_hidden_layers": 1, **init} if init["model_type"] == "llama" else init,
                tokenizer="x",
            ),
            tokenizer,
        )


def test_a_cut_file_of_weights_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    causal("llama", vocab_size=300).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UsageError, match="no weights can be read"):
        load_model(settings(**{"from": str(tmp_path)}), tokenizer)


@pytest.mark.parametrize(
    ("model_type", "more"),
    [
        ("opt", {"ffn_dim": 32, "word_embed_proj_dim": 32}),
        ("biogpt", {"intermediate_size": 32}),
        ("gpt2", {}),
    ],
)
def test_every_dropout_of_an_architecture_is_set(model_type: str, more: dict[str, Any]) -> None:
    config = transformers.AutoConfig.for_model(
        model_type, vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, **more
    )
    set_dropout(config, 0.37)
    model: Any = transformers.AutoModelForCausalLM.from_config(config)
    modules = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    plain = {
        float(module.dropout)
        for module in model.modules()
        if isinstance(getattr(module, "dropout", None), float)
    }
    assert (modules | plain) == {0.37}


def test_dropouts_of_the_parts_of_a_model_are_set() -> None:
    model = t5gemma2()
    names = set_dropout(model.config, 0.37)
    assert {"encoder.text_config.dropout_rate", "decoder.dropout_rate"} <= set(names)
    assert model.config.decoder.dropout_rate == model.config.encoder.text_config.dropout_rate == 0.37


@pytest.mark.parametrize("model_type", ["llama", "gpt2"])
def test_an_adapter_merged_from_its_state_is_that_of_peft(
    model_type: str, tokenizer: Any, tmp_path: Path
) -> None:
    causal(model_type, vocab_size=len(tokenizer)).save_pretrained(tmp_path)
    model = load_model(settings(**{"from": str(tmp_path), "lora": 4}), tokenizer)
    adapted: Any = model.module
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if ".lora_" in name:
                weight.normal_()
    merged = merged_state(model, dict(adapted.state_dict()))
    expected = adapted.merge_and_unload().state_dict()
    assert merged.keys() == expected.keys()
    assert all(torch.allclose(merged[name], expected[name], atol=1e-5) for name in expected)
