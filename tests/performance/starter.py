"""What the starter's model learns: `python -m tests.performance.starter --out DIR [--seeds 5]`.

Trains the starter preset on its three mixtures, and starter-chain on both chain mixtures, with several seeds each,
and prints the exact match on benchmarks: the whole target, end token included, as the model would write it greedily.
Chance beside it: an operation drawn at random for the grid, the commonest answer for chains.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

import flancollect as fc
from finetune.batches import as_batch
from finetune.config import load_run
from finetune.models.causal import ATTENTION, CausalInputs, causal_logits
from finetune.tokenizer import load_tokenizer, text_encoder
from finetune.train import train

GRID = ("starter-8", "starter-16", "starter")
CHAINS = {"chain-direct": "chain-direct-examples", "chain-cot": "chain-cot-examples"}
OPERATIONS: Mapping[str, Any] = {
    "first": lambda items: items[:1],
    "last": lambda items: items[-1:],
    "second": lambda items: items[1:2],
    "next_to_last": lambda items: items[-2:-1],
    "reverse": lambda items: items[::-1],
    "swap_ends": lambda items: [items[-1], *items[1:-1], items[0]],
    "drop_first": lambda items: items[1:],
    "drop_last": lambda items: items[:-1],
}


def main() -> None:
    """Build, train, score, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.starter", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="where builds and runs go; what is there is reused"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=[*GRID, *CHAINS], action="append", help="some mixtures")
    arguments = parser.parse_args()
    mixtures = arguments.only or [*GRID, *CHAINS]
    for mixture in mixtures:
        build(mixture, arguments.out)
        suites = [CHAINS[mixture]] if mixture in CHAINS else [f"{mixture}-examples", "starter-cells"]
        for suite in suites:
            build(suite, arguments.out)
        scores: dict[str, list[float]] = defaultdict(list)
        for seed in range(arguments.seeds if mixture in {"starter", *CHAINS} else min(3, arguments.seeds)):
            began = time.process_time()
            run = arguments.out / "runs" / f"{mixture}-{seed}"
            preset = "starter-chain" if mixture in CHAINS else "starter"
            settings = [f"data.build={arguments.out / mixture}", f"schedule.seed={seed}"]
            train(load_run(preset, settings), run, cache=arguments.out / "cache")
            for suite in suites:
                scores[suite].append(exact_match(run / "model", arguments.out / suite))
            print(
                f"{mixture}, seed {seed}: "
                + ", ".join(f"{suite} {scores[suite][-1]:.1%}" for suite in suites)
                + f", {time.process_time() - began:.0f} CPU-s",
                file=sys.stderr,
                flush=True,
            )
        for suite, values in scores.items():
            print(
                f"{mixture} on {suite}: median {statistics.median(values):.1%} "
                f"({', '.join(f'{value:.1%}' for value in values)}); chance {chance(arguments.out / suite):.1%}",
                flush=True,
            )


def build(name: str, out: Path) -> None:
    """Build a mixture or benchmark, unless it lies there."""
    if not (out / name / "manifest.json").is_file():
        fc.build(fc.BuildRequest(name), out / name, fc.BuildOptions(workers=1))


def exact_match(model_folder: Path, suite: Path) -> float:
    """The share of rows whose target the model writes, mean over tasks; by one forward pass over the target."""
    model: Any = AutoModelForCausalLM.from_pretrained(model_folder)
    model.set_attn_implementation(ATTENTION)
    model.eval()
    encoder = text_encoder(load_tokenizer(str(model_folder)), encoder_decoder=False, separator="<sep>")
    table = fc.open_build(suite).take(
        range(len(fc.open_build(suite))), columns=["inputs", "targets", "task_name"]
    )
    names = table["task_name"].to_pylist()
    examples = encoder.encode(
        np.arange(len(names)), table["inputs"].to_pylist(), table["targets"].to_pylist()
    )
    right: dict[str, list[bool]] = defaultdict(list)
    with torch.no_grad():
        for first in range(0, len(names), 64):
            batch = as_batch(examples, np.arange(first, min(first + 64, len(names))))
            predicted = causal_logits(model, CausalInputs.of(batch)).argmax(-1).numpy()
            wrong = np.unique(batch.target_examples[predicted != batch.ids[batch.target_positions]])
            for number, row in enumerate(batch.rows.tolist()):
                right[names[row]].append(number not in wrong)
    return statistics.mean(statistics.mean(values) for values in right.values())


def chance(suite: Path) -> float:
    """What a guesser gets: an operation drawn at random on the grid, the commonest answer of chains."""
    rows = list(fc.open_build(suite))
    if not rows[0]["task_name"].startswith("select_"):
        answers = Counter(row["provenance"]["answer"] for row in rows)
        return answers.most_common(1)[0][1] / len(rows)
    by_task: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        items = _items(row)
        same = sum(operation(items) == row["targets"].split() for operation in OPERATIONS.values())
        by_task[row["task_name"]].append(same / len(OPERATIONS))
    return statistics.mean(statistics.mean(values) for values in by_task.values())


def _items(row: Mapping[str, Any]) -> list[str]:
    """The list that a prompt is about: the run of three to five words that has all words of the target."""
    target: list[str] = row["targets"].split()
    for line in str(row["inputs"]).replace(":", "\n").split("\n"):
        words = line.split()
        for size in (5, 4, 3):
            for part in (words[-size:], words[:size]):
                if len(part) == size and all(word in part for word in target) and _applies(part, target):
                    return part
    return target


def _applies(items: list[str], target: list[str]) -> bool:
    return any(operation(items) == target for operation in OPERATIONS.values())


if __name__ == "__main__":
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), file=sys.stderr)
    main()
