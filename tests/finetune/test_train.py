from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
import transformers
from filelock import FileLock
from safetensors.torch import load_file
from torch.distributed.checkpoint.api import CheckpointException

import finetune.checkpoint
import finetune.train
import flancollect as fc
from finetune.config import load_run
from finetune.export import model_card
from finetune.train import train
from flancollect.dataset.reader import open_build
from flancollect.errors import CheckError, FlancollectError, UsageError
from tests.finetune.small import T5_SETTINGS, run_card

# 400 rows are some 10 packed rows of 1,200 tokens: six steps of two rows go past the end of an epoch.
SHORT = (
    "schedule.steps=6",
    "schedule.warmup_steps=0",
    "data.batch_rows=2",
    "saving.every=3",
    "model.tokenizer={vocabulary: 400}",
)
KINDS = {"causal": (), "t5": T5_SETTINGS}

# Runs in a process of its own, and is killed as soon as the checkpoint of step 3 is there if it is told to.
SCRIPT = """
import os, sys
from pathlib import Path
import torch
import finetune.checkpoint as checkpoint
from finetune.config import load_run
from finetune.train import train
build, out, cache, kill, threads, *settings = sys.argv[1:]
torch.set_num_threads(int(threads))
real = checkpoint.save
def save(*arguments, **options):
    real(*arguments, **options)
    if kill == "kill" and arguments[3].step == 3:
        os.kill(os.getpid(), 9)
checkpoint.save = save
train(load_run("starter", [f"data.build={build}", *settings]), Path(out), cache=Path(cache))
"""


def own_process(
    build: Path, out: Path, *settings: str, kill: bool = False, threads: int = 1, ranks: int = 1
) -> int:
    script = out.parent / "run.py"
    script.write_text(SCRIPT, encoding="utf-8")
    launcher = [
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        str(ranks),
        "--master-port",
        "0",
        "--standalone",
    ]
    command = [
        sys.executable,
        *(launcher if ranks > 1 else []),
        str(script),
        str(build),
        str(out),
        str(out.parent / "cache"),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OMP_NUM_THREADS": str(threads),
    }
    ended = subprocess.run(
        [*command, "kill" if kill else "on", str(threads), *settings],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert kill or ended.returncode == 0, ended.stderr[-3000:]
    return ended.returncode


def weights_hash(out: Path) -> str:
    weights = load_file(out / "model" / "model.safetensors")
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(weights[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def steps_of(out: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, but for the time that they took."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("threads", "ranks"), [(1, 1), (2, 1), (1, 2)])
def test_a_run_that_was_killed_ends_with_the_same_weights(
    kind: str, threads: int, ranks: int, small_build: Path, tmp_path: Path
) -> None:
    settings = [*SHORT, *KINDS[kind]]
    if ranks > 1 and kind == "causal":
        settings.append("optimizer={name: adamw, learning_rate: 0.01}")
    own_process(small_build, tmp_path / "straight", *settings, threads=threads, ranks=ranks)
    assert (
        own_process(small_build, tmp_path / "killed", *settings, kill=True, threads=threads, ranks=ranks) != 0
    )
    assert not (tmp_path / "killed" / "model").exists()
    own_process(small_build, tmp_path / "killed", *settings, threads=threads, ranks=ranks)
    assert weights_hash(tmp_path / "killed") == weights_hash(tmp_path / "straight")
    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "straight")


def test_two_processes_learn_what_one_does(small_build: Path, tmp_path: Path) -> None:
    # Dropout would draw otherwise on each rank.
    settings = [*SHORT, *T5_SETTINGS, "model.dropout=0"]
    own_process(small_build, tmp_path / "one", *settings)
    own_process(small_build, tmp_path / "two", *settings, ranks=2)
    one, two = (
        [line["loss"] for line in steps_of(tmp_path / run) if "loss" in line] for run in ("one", "two")
    )
    assert one == pytest.approx(two, abs=1e-4)
    losses = [
        pa.concat_tables(
            [pa.ipc.open_file(file).read_all() for file in sorted((tmp_path / run / "losses").glob("*"))]
        )
        for run in ("one", "two")
    ]
    assert losses[0].drop_columns("loss").equals(losses[1].drop_columns("loss"))
    assert losses[0]["loss"].to_pylist() == pytest.approx(losses[1]["loss"].to_pylist(), abs=1e-3)
    first, second = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("one", "two"))
    assert all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


@pytest.fixture
def trained(small_build: Path, tmp_path: Path) -> Path:
    train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache")
    return tmp_path / "run"


def test_a_run_leaves_a_model_that_transformers_opens(trained: Path, small_build: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(trained / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(trained / "model")
    prompt = tokenizer("reverse a b c<sep>", return_tensors="pt", add_special_tokens=False)
    assert prompt["input_ids"][0, -1] == tokenizer.convert_tokens_to_ids("<sep>")
    assert len(model.generate(prompt["input_ids"], max_new_tokens=3, do_sample=False)[0])
    card = (trained / "model" / "README.md").read_text(encoding="utf-8")
    assert open_build(small_build).content_hash in card
    assert 'license: "apache-2.0"' in card
    assert (trained / "curves.png").stat().st_size > 1000


def test_losses_are_kept_by_task_and_by_row(trained: Path, small_build: Path) -> None:
    lines = [
        json.loads(line) for line in (trained / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
    by_task = next(line for line in lines if "tasks" in line and line["step"] == 3)
    tokens = sum(entry["target_tokens"] for entry in by_task["tasks"].values())
    assert tokens == sum(line["target_tokens"] for line in steps[:3])
    total = sum(entry["loss"] * entry["target_tokens"] for entry in by_task["tasks"].values())
    assert total == pytest.approx(sum(line["loss"] * line["target_tokens"] for line in steps[:3]), rel=1e-4)
    assert by_task["variants"].keys() == {"zs_opt"} | ({"fs_opt"} & by_task["variants"].keys())
    tables = [pa.ipc.open_file(file).read_all() for file in sorted((trained / "losses").glob("*.arrow"))]
    rows = pa.concat_tables(tables).to_pylist()
    assert {row["step"] for row in rows} == {1, 2, 3, 4, 5, 6}
    first = [row for row in rows if row["step"] == 1]
    assert sum(row["loss"] for row in first) == pytest.approx(
        steps[0]["loss"] * steps[0]["target_tokens"], rel=1e-4
    )
    build = open_build(small_build)
    assert {build.row(row["row"])["task_name"] for row in first} <= set(by_task["tasks"])


def test_what_was_read_is_accounted_for(small_build: Path, tmp_path: Path) -> None:
    settings = (*SHORT, "data.max_input_tokens=20", "data.max_target_tokens=4", "schedule.steps=20")
    train(run_card(small_build, *settings), tmp_path / "run", cache=tmp_path / "cache")
    reading = json.loads((tmp_path / "run" / "data.json").read_text(encoding="utf-8"))
    assert reading["rows"] == 400
    assert sum(reading["inputs_cut"].values()) > 0
    (dropped,) = reading["dropped"].values()
    assert 0 < sum(dropped.values()) < 400


def test_a_run_that_is_done_only_writes_its_model_again(trained: Path, small_build: Path) -> None:
    before = weights_hash(trained)
    shutil.rmtree(trained / "model")
    result = train(run_card(small_build, *SHORT), trained, cache=trained.parent / "cache")
    assert (result.step, weights_hash(trained)) == (6, before)
    steps = [line for line in steps_of(trained) if "learning_rate" in line]
    assert result.target_tokens == sum(line["target_tokens"] for line in steps)
    lines = (trained / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert result.loss == json.loads(next(line for line in lines if '"step": 6' in line))["loss"]


def test_a_folder_of_another_run_is_refused_and_can_be_replaced(trained: Path, small_build: Path) -> None:
    other = run_card(small_build, *SHORT, "optimizer.learning_rate=0.5")
    with pytest.raises(
        UsageError, match=r"another run: optimizer\.learning_rate: 0\.02 there, 0\.5 here.*--overwrite"
    ):
        train(other, trained, cache=trained.parent / "cache")
    train(other, trained, cache=trained.parent / "cache", overwrite=True)
    assert json.loads((trained / "run.json").read_text())["card"]["optimizer"]["learning_rate"] == 0.5


def test_a_folder_of_something_else_is_refused(small_build: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="no run of flancollect"):
        train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache", overwrite=True)


def test_two_runs_in_one_folder_are_one_too_many(small_build: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with (
        FileLock(tmp_path / "run" / "lock"),
        pytest.raises(UsageError, match="another run is working in this folder"),
    ):
        train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache")


def test_saving_may_change_when_a_run_goes_on(trained: Path, small_build: Path) -> None:
    card = run_card(small_build, *SHORT, "saving.every=2", "saving.keep=5")
    result = train(card, trained, cache=trained.parent / "cache")
    assert (result.step, result.model) == (6, trained / "model")


def test_a_damaged_checkpoint_is_noticed(trained: Path, small_build: Path) -> None:
    (file,) = sorted(trained.glob("checkpoints/step-00000006/*.safetensors"))
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckError, match=r"safetensors: is damaged.*Delete .*step-00000006"):
        train(run_card(small_build, *SHORT), trained, cache=trained.parent / "cache")


def test_a_full_disk_at_a_checkpoint_leaves_the_one_before(
    small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = finetune.checkpoint.save_sharded

    def save(tensors: Any, **options: Any) -> None:
        real(tensors, **options)
        if len(list((tmp_path / "run" / "checkpoints").glob("step-*"))) == 1:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(finetune.checkpoint, "save_sharded", save)
    with pytest.raises(FlancollectError, match=r"No space left on device; the checkpoint of step 3 is whole"):
        train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache")
    monkeypatch.undo()
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))
    resumed = train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache")
    straight = train(run_card(small_build, *SHORT), tmp_path / "other", cache=tmp_path / "cache")
    assert weights_hash(resumed.out) == weights_hash(straight.out)


def test_a_loss_that_is_not_finite_stops_before_the_update(
    small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = finetune.train._Run._arranged

    def arranged(self: Any, step: int) -> Any:
        if step == 2:
            with torch.no_grad():
                next(self.model.module.parameters()).fill_(float("nan"))
        return real(self, step)

    monkeypatch.setattr(finetune.train._Run, "_arranged", arranged)
    with pytest.raises(FlancollectError, match=r"is not finite; weights were not changed.*not_finite\.json"):
        train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache")
    refused = json.loads((tmp_path / "run" / "not_finite.json").read_text())
    assert refused["rows"]
    assert all(0 <= row["row"] < 400 for row in refused["rows"])


def test_a_signal_saves_and_ends(small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = finetune.train._Run._step

    def step(self: Any, number: int, arranged: Any) -> Any:
        if number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, number, arranged)

    monkeypatch.setattr(finetune.train._Run, "_step", step)
    result = train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache")
    assert (result.step, result.model) == (2, None)
    assert "stopped by a signal" in str(result.stopped)
    monkeypatch.undo()
    assert train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache").step == 6


def test_validation_rows_are_not_trained_on_and_stop_a_run_early(small_build: Path, tmp_path: Path) -> None:
    settings = (
        "data.validation=60",
        "saving.patience=2",
        "saving.every=1",
        "optimizer.learning_rate=5",
        "schedule.steps=30",
    )
    result = train(run_card(small_build, *SHORT, *settings), tmp_path / "run", cache=tmp_path / "cache")
    assert result.stopped is not None
    assert "has not fallen 2 times" in result.stopped
    assert result.best_step == result.step - 2
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [line["validation_loss"] for line in lines if "validation_loss" in line]
    assert min(losses) == result.best_loss
    trained_rows = {
        row
        for file in (tmp_path / "run" / "losses").glob("*.arrow")
        for row in pa.ipc.open_file(file).read_all()["row"].to_pylist()
    }
    assert len(trained_rows) <= 340
    again = train(run_card(small_build, *SHORT, *settings), tmp_path / "run", cache=tmp_path / "cache")
    assert (again.step, again.stopped) == (result.step, result.stopped)
    # What is exported is the best, not the last, and only if it is as it was written.
    best = tmp_path / "run" / "checkpoints" / f"step-{result.best_step:08d}"
    (file,) = best.glob("*.safetensors")
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckError, match="is damaged"):
        train(run_card(small_build, *SHORT, *settings), tmp_path / "run", cache=tmp_path / "cache")


def test_stages_come_one_after_the_other(small_build: Path, tmp_path: Path) -> None:
    settings = ("data.order=[[select_first_*], [select_reverse_*]]", "schedule.steps=3", "saving.every=1")
    train(run_card(small_build, *SHORT, *settings), tmp_path / "run", cache=tmp_path / "cache")
    tables = [
        pa.ipc.open_file(file).read_all() for file in sorted((tmp_path / "run" / "losses").glob("*.arrow"))
    ]
    build = open_build(small_build)
    steps: dict[str, set[int]] = {"first": set(), "reverse": set()}
    for entry in pa.concat_tables(tables).to_pylist():
        steps[build.row(entry["row"])["task_name"].split("_")[1]].add(entry["step"])
    # A step in which one stage ends and the next begins has rows of both.
    assert max(steps["first"]) <= min(steps["reverse"])
    with pytest.raises(UsageError, match=r"stage 2: no task of the build matches nosuch"):
        train(
            run_card(small_build, *SHORT, "data.order=[[select_*], [nosuch]]"),
            tmp_path / "x",
            cache=tmp_path / "cache",
        )


def test_short_examples_can_come_first(small_build: Path, tmp_path: Path) -> None:
    settings = (
        "data.order=short_to_long",
        "schedule.steps=4",
        "saving.every=1",
        "data.batch_rows=1",
        "data.row_tokens=300",
    )
    train(run_card(small_build, *SHORT, *settings), tmp_path / "run", cache=tmp_path / "cache")
    assert (tmp_path / "run" / "model").is_dir()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["data.row_tokens=100"], "cannot hold an example of max_input_tokens"),
        (["data.validation=400"], "the build has 400 rows in all"),
        (["data.max_target_tokens=1"], "no row can be trained on"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    settings: list[str], says: str, small_build: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=says):
        train(run_card(small_build, *SHORT, *settings), tmp_path / "run", cache=tmp_path / "cache")


def test_a_build_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        train(load_run("starter", [f"data.build={tmp_path / 'x'}"]), tmp_path / "run", cache=tmp_path)
    with pytest.raises(UsageError, match=r"data\.build: name the folder"):
        train(load_run("starter"), tmp_path / "run", cache=tmp_path)


def test_an_adapter_is_saved_beside_a_model_that_has_it_merged(
    trained: Path, small_build: Path, tmp_path: Path
) -> None:
    card = run_card(
        small_build,
        *SHORT,
        f"model.from={trained / 'model'}",
        "model.tokenizer=null",
        "model.lora=4",
        "optimizer={name: adamw, learning_rate: 0.01}",
    )
    result = train(card, tmp_path / "adapted", cache=tmp_path / "cache")
    assert (result.out / "adapter" / "adapter_model.safetensors").is_file()
    before, after = (load_file(folder / "model" / "model.safetensors") for folder in (trained, result.out))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert transformers.AutoModelForCausalLM.from_pretrained(result.out / "model")


def test_a_tensorboard_gets_the_curve(small_build: Path, tmp_path: Path) -> None:
    train(
        run_card(small_build, *SHORT, "saving.track=[tensorboard]"),
        tmp_path / "run",
        cache=tmp_path / "cache",
    )
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_a_signal_changes_nothing_of_the_outcome(
    small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (*SHORT, "data.validation=60", "saving.patience=2", "schedule.steps=9")
    straight = train(run_card(small_build, *settings), tmp_path / "straight", cache=tmp_path / "cache")
    real = finetune.train._Run._step

    def step(self: Any, number: int, arranged: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(self, number, arranged)

    monkeypatch.setattr(finetune.train._Run, "_step", step)
    for _ in range(9):
        result = train(run_card(small_build, *settings), tmp_path / "signals", cache=tmp_path / "cache")
    assert (result.step, result.best_loss, result.best_step) == (9, straight.best_loss, straight.best_step)
    assert weights_hash(tmp_path / "signals") == weights_hash(tmp_path / "straight")
    assert steps_of(tmp_path / "signals") == steps_of(tmp_path / "straight")
    names = [
        sorted(file.name for file in (tmp_path / run / "losses").iterdir()) for run in ("signals", "straight")
    ]
    assert names[0] == names[1]
    for name in names[0]:
        files = [tmp_path / run / "losses" / name for run in ("signals", "straight")]
        first, second = (pa.ipc.open_file(file).read_all() for file in files)
        assert first.equals(second)


def test_what_no_run_wrote_is_never_deleted(small_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    (out / "sub").mkdir(parents=True)
    (out / "run.json").write_text("{}")
    (out / "thesis.txt").write_text("gold")
    with pytest.raises(UsageError, match=r"no run of flancollect \(sub, thesis\.txt\)"):
        train(run_card(small_build, *SHORT), out, cache=tmp_path / "cache", overwrite=True)
    assert (out / "thesis.txt").read_text() == "gold"


def test_a_run_that_cannot_begin_leaves_the_one_before(
    trained: Path, small_build: Path, tmp_path: Path
) -> None:
    before = weights_hash(trained)
    (tmp_path / "elsewhere").mkdir()
    for setting in ("data.row_tokens=10", "model.from=/nowhere", "model.init.num_attention_heads=0"):
        with pytest.raises(UsageError):
            train(run_card(small_build, *SHORT, setting), trained, cache=tmp_path / "cache", overwrite=True)
    assert weights_hash(trained) == before
    assert train(run_card(small_build, *SHORT), trained, cache=tmp_path / "cache").step == 6


def test_a_failed_first_attempt_leaves_the_folder_free(small_build: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot hold an example"):
        train(run_card(small_build, *SHORT, "data.row_tokens=10"), tmp_path / "run", cache=tmp_path / "cache")
    (tmp_path / "run" / ".run.json.123.tmp").write_text("{")
    assert train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache").step == 6


def test_what_was_read_stays_told_when_a_run_is_done(trained: Path, small_build: Path) -> None:
    before = (trained / "data.json").read_text()
    train(run_card(small_build, *SHORT), trained, cache=trained.parent / "cache")
    assert (trained / "data.json").read_text() == before


def test_another_tokenizer_in_the_same_folder_is_another_run(
    trained: Path, small_build: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained / "tokenizer", tmp_path / "tokenizer")
    settings = (*SHORT, f"model.tokenizer={tmp_path / 'tokenizer'}")
    train(run_card(small_build, *settings), tmp_path / "other", cache=tmp_path / "cache")
    file = tmp_path / "tokenizer" / "tokenizer.json"
    file.write_text(file.read_text().replace('"prepend": " "', '"prepend": "x"'))
    with pytest.raises(UsageError, match=r"another run: tokenizer: "):
        train(run_card(small_build, *settings), tmp_path / "other", cache=tmp_path / "cache")


RECORDS = {
    "no json": "[" * 100_000,
    "a list": "[1]",
    "empty": "{}",
    "text for a number": '"step": "six"',
    "another step": '"step": 5',
    "no file": '"files": {}',
    "not a number": '"best_loss": NaN',
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_of_a_stranger_is_refused_by_its_name(kind: str, trained: Path, small_build: Path) -> None:
    record = trained / "checkpoints" / "step-00000006" / "checkpoint.json"
    text = RECORDS[kind]
    if text.startswith('"'):
        key, _, value = text.partition(": ")
        old = json.loads(record.read_text())
        new = {**old, "progressed": {**old["progressed"]}}
        (new if key == '"files"' else new["progressed"])[json.loads(key)] = json.loads(value)
        text = json.dumps(new)
    record.write_text(text)
    with pytest.raises(CheckError, match=r"checkpoint\.json|step-00000006"):
        train(run_card(small_build, *SHORT), trained, cache=trained.parent / "cache")


def test_other_things_in_a_run_folder_do_no_harm(trained: Path, small_build: Path) -> None:
    (trained / "checkpoints" / "step-abc").mkdir()
    (trained / "checkpoints" / "step-abc" / "checkpoint.json").write_text("{}")
    (trained / "losses" / "mine.arrow").write_text("x")
    with (trained / "metrics.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\n" + b"[" * 100_000 + b'\n{"step": 6, "loss"')
    result = train(run_card(small_build, *SHORT), trained, cache=trained.parent / "cache")
    assert result.step == 6
    assert result.loss > 0


def test_a_checkpoint_of_another_model_says_what_differs(trained: Path, small_build: Path) -> None:
    run = json.loads((trained / "run.json").read_text())
    run["card"]["model"]["init"]["intermediate_size"] = 64
    (trained / "run.json").write_text(json.dumps(run))
    with pytest.raises(CheckError, match=r"is not of this model: Size mismatch"):
        train(
            run_card(small_build, *SHORT, "model.init.intermediate_size=64"),
            trained,
            cache=trained.parent / "cache",
        )


def test_torch_errors_of_a_full_disk_are_told_as_such(
    small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch wraps what every rank says into an error of its own.
    def save(*_: Any, **__: Any) -> None:
        raise CheckpointException("write", {0: (OSError(28, "No space left on device"), None)})  # type: ignore[dict-item]

    monkeypatch.setattr(finetune.checkpoint, "save_sharded", save)
    with pytest.raises(FlancollectError, match="No space left on device; no checkpoint was written before"):
        train(run_card(small_build, *SHORT), tmp_path / "run", cache=tmp_path / "cache")
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


def test_an_adapter_of_two_processes_is_that_of_one(trained: Path, small_build: Path, tmp_path: Path) -> None:
    settings = (
        *SHORT, f"model.from={trained / 'model'}", "model.tokenizer=null", "model.lora=4",
        "optimizer={name: adamw, learning_rate: 0.01}",
    )  # fmt: skip
    own_process(small_build, tmp_path / "one", *settings)
    own_process(small_build, tmp_path / "two", *settings, ranks=2)
    one, two = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("one", "two"))
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], atol=1e-3) for name in one)


def test_the_model_card_takes_nobody_at_their_word(trained: Path, small_build: Path) -> None:
    card = run_card(small_build, *SHORT, "data.separator='```'")
    manifest = open_build(small_build).manifest.model_copy(
        update={"mixture": "a [click](http://evil)", "license_reason": "fine\n\n# Pwned\n<script>"}
    )
    summary = {
        "encoder_decoder": False,
        "step": 1,
        "target_tokens": 2,
        "loss": 3.0,
        "best_loss": None,
        "best_step": 0,
    }
    text = model_card(card, manifest, summary)
    assert "\n# Pwned" not in text
    assert "<script>" not in text
    assert "[click](" not in text
    assert "\n````json\n" in text
    assert str(small_build.parent) not in text
    derived = model_card(
        card.model_copy(update={"model": card.model.model_copy(update={"from_": "x/y"})}), manifest, summary
    )
    assert 'license: "other"' in derived
    assert 'base_model: "x/y"' in derived


def test_a_benchmark_is_not_trained_on(tmp_path: Path) -> None:
    fc.build(fc.BuildRequest("starter-cells", rows=20), tmp_path / "exam", fc.BuildOptions(workers=1))
    with pytest.raises(UsageError, match="is a benchmark"):
        train(run_card(tmp_path / "exam", *SHORT), tmp_path / "run", cache=tmp_path / "cache")
