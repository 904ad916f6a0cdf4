"""`python sft_step.py FOLDER`: one step of TRL's SFTTrainer, on a tiny random model, over an exported folder."""

import sys
from pathlib import Path

from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

CHAT = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte, and an end."""
    signs = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<end>"]
    tokenizer = Tokenizer(models.BPE(vocab={sign: number for number, sign in enumerate(signs)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>", chat_template=CHAT
    )


def main() -> None:
    folder = Path(sys.argv[1])
    work = folder.parent / "sft"
    rows = load_dataset(str(folder), split="train", cache_dir=str(work / "cache"))
    config = GPT2Config(vocab_size=257, n_positions=256, n_embd=8, n_layer=1, n_head=2, eos_token_id=256)
    trainer = SFTTrainer(
        model=GPT2LMHeadModel(config),
        train_dataset=rows,
        processing_class=byte_tokenizer(),
        args=SFTConfig(
            output_dir=str(work),
            max_steps=1,
            per_device_train_batch_size=2,
            max_length=128,
            report_to=[],
            use_cpu=True,
            bf16=False,
            save_strategy="no",
        ),
    )
    print(f"columns {rows.column_names} loss {trainer.train().training_loss:.3f}")


if __name__ == "__main__":
    main()
