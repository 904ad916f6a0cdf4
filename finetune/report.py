"""What a run says while it goes and when it ends: lines, metrics.jsonl, losses by row, trackers, curves."""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import write_atomically
from flancollect.draw import Ints
from flancollect.errors import UsageError

METRICS = "metrics.jsonl"
LOSSES = "losses"
LOSS_COLUMNS = ("step", "row", "loss", "target_tokens")
PLAIN_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleLosses:
    """The summed loss and the target tokens of examples, and the steps and row numbers that they are of."""

    steps: Ints
    rows: Ints
    losses: npt.NDArray[np.float64]
    tokens: Ints

    @classmethod
    def of(cls, table: npt.NDArray[np.float64]) -> ExampleLosses:
        """Out of [E, 4]: step, row, loss, target tokens; sorted by step and row, whichever rank had them."""
        ordered = table[np.lexsort((table[:, 1], table[:, 0]))]
        steps, rows, tokens = (ordered[:, column].astype(np.int64) for column in (0, 1, 3))
        return cls(steps=steps, rows=rows, losses=ordered[:, 2], tokens=tokens)

    def by(self, names: list[str], groups: Ints) -> dict[str, dict[str, float]]:
        """Loss per target token by group: `names` of the groups that have any, in their order."""
        losses = np.bincount(groups, weights=self.losses, minlength=len(names))
        tokens = np.bincount(groups, weights=self.tokens, minlength=len(names))
        return {
            name: {"loss": round(float(losses[n] / tokens[n]), 6), "target_tokens": int(tokens[n])}
            for n, name in enumerate(names)
            if tokens[n]
        }


class Tracker(Protocol):
    """Where metrics go besides metrics.jsonl."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Take some numbers of one step."""


def tracker(name: str, out: Path, run: str) -> Tracker:
    """TensorBoard, trackio or Weights & Biases. Raises UsageError where it is not installed."""
    try:
        if name == "tensorboard":
            return _TensorBoard(out)
        if name == "trackio":
            import trackio  # type: ignore[import-not-found]  # noqa: PLC0415 (optional)

            trackio.init(project="flancollect", name=run)
            return _Logging(trackio)
        import wandb  # type: ignore[import-not-found]  # noqa: PLC0415 (optional)

        wandb.init(project="flancollect", name=run, dir=str(out))
        return _Logging(wandb)
    except ImportError as error:
        raise UsageError(f"saving.track {name}: is not installed: pip install {name}") from error


class _TensorBoard:
    def __init__(self, out: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (optional)

        self._writer = SummaryWriter(str(out / "tensorboard"))

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()


class _Logging:
    def __init__(self, module: Any) -> None:
        self._module = module

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._module.log(dict(values), step=step)


class Metrics:
    """metrics.jsonl, one line per step and one per validation; and losses/, one Arrow file per checkpoint.

    A run that goes on from step s first forgets what was written of later steps, so both are those of a run that was
    never stopped.
    """

    def __init__(self, out: Path, resumed_step: int, trackers: list[Tracker]) -> None:
        self.path, self._losses, self._trackers = out / METRICS, out / LOSSES, trackers
        text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.is_file() else ""
        lines = text.splitlines()
        # A step that is trained again writes its line again.
        past = [line for line in lines if _step_of(line) <= resumed_step]
        write_atomically(self.path, "".join(f"{line}\n" for line in past).encode())
        self._losses.mkdir(exist_ok=True)
        for file, _, last_step in self._loss_files():
            if last_step > resumed_step:
                file.unlink()
        self._file = self.path.open("a", encoding="utf-8")

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """One line; numbers go to the trackers too."""
        self._file.write(json.dumps({"step": step, **values}, ensure_ascii=False) + "\n")
        self._file.flush()
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        for place in self._trackers:
            place.log(numbers, step)

    def resume_losses(self, after: int) -> npt.NDArray[np.float64]:
        """The losses of rows of steps after one, as `ExampleLosses.of` takes them, and no longer in files.

        They are those of a checkpoint that a signal made between two regular ones.
        """
        parts = [np.zeros((0, 4))]
        for file, first_step, _ in self._loss_files():
            if first_step > after:
                with pa.ipc.open_file(file) as reader:
                    table = reader.read_all()
                parts.append(np.column_stack([table[name].to_numpy() for name in LOSS_COLUMNS]))
                file.unlink()
        return np.concatenate(parts)

    def _loss_files(self) -> list[tuple[Path, int, int]]:
        """Files of losses/, and the first and last step of each."""
        matches = [
            (file, re.fullmatch(r"steps-(\d+)-(\d+)\.arrow", file.name)) for file in self._losses.iterdir()
        ]
        return sorted((file, int(match[1]), int(match[2])) for file, match in matches if match)

    def write_losses(self, step: int, losses: ExampleLosses) -> None:
        """The losses of rows since the last checkpoint, as one file."""
        if not len(losses.rows):
            return
        table = pa.table(
            {
                "step": losses.steps.astype(np.int32),
                "row": losses.rows,
                "loss": losses.losses,
                "target_tokens": losses.tokens.astype(np.int32),
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        name = f"steps-{int(losses.steps.min()):08d}-{step:08d}.arrow"
        write_atomically(self._losses / name, sink.getvalue().to_pybytes())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Lines:
    """Progress for people on stderr: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, steps: int, first_step: int) -> None:
        self._steps, self._first, self._began, self._last = steps, first_step, time.monotonic(), 0.0
        self._bar: Any = None
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 (piped runs need not wait for it)
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(file=sys.stderr))
            self._bar.start()
            self._task = self._bar.add_task("training", total=steps, completed=first_step)

    def step(self, step: int, loss: float, tokens_per_s: float, mfu: float | None) -> None:
        """Say how step number `step`, counted from 1, went."""
        speed = f"{tokens_per_s:,.0f} tokens/s" + (f", MFU {mfu:.0%}" if mfu is not None else "")
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=f"loss {loss:.3f}, {speed}")
            return
        now = time.monotonic()
        if step == self._steps or now - self._last >= PLAIN_EVERY_S:
            self._last = now
            remaining = (now - self._began) / max(1, step - self._first) * (self._steps - step)
            self.say(f"step {step}/{self._steps}: loss {loss:.3f}, {speed}, {remaining:,.0f} s to go")

    def say(self, text: str) -> None:
        """A line of its own."""
        print(text, file=self._bar.console.file if self._bar is not None else sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.stop()


def draw_curves(out: Path) -> bool:
    """curves.png from metrics.jsonl: loss by step, and the last loss of the tasks; False without matplotlib."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 (optional)

        mpl.use("Agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415 (optional)
    except ImportError:
        return False
    lines = [json.loads(line) for line in (out / METRICS).read_text(encoding="utf-8").splitlines()]
    steps = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    validations = [(line["step"], line["validation_loss"]) for line in lines if "validation_loss" in line]
    tasks = [line["tasks"] for line in lines if "tasks" in line]
    figure, (curve, bars) = plt.subplots(1, 2, figsize=(13, 5))
    curve.plot(*zip(*steps, strict=True), linewidth=0.7, label="training")
    if validations:
        curve.plot(*zip(*validations, strict=True), marker="o", label="validation")
    curve.set(xlabel="step", ylabel="loss per target token", title="Loss")
    curve.legend()
    if tasks:
        losses = {task: entry["loss"] for task, entry in tasks[-1].items()}
        worst = sorted(losses, key=lambda task: (-losses[task], task))[:30]
        # parse_math off: a task may be called $x$.
        bars.barh(range(len(worst)), [losses[task] for task in worst])
        bars.set_yticks(range(len(worst)), worst, fontsize=7, parse_math=False)
        bars.invert_yaxis()
        bars.set(xlabel="loss per target token", title="Tasks of the highest loss, since the last checkpoint")
    figure.tight_layout()
    figure.savefig(out / "curves.png", dpi=110)
    plt.close(figure)
    return True


def last_loss(out: Path) -> float:
    """The loss of the last step in metrics.jsonl; NaN where there is none."""
    path = out / METRICS
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in reversed(text.splitlines()):
        if _step_of(line) < math.inf and "loss" in (values := json.loads(line)):
            return float(values["loss"])
    return math.nan


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return math.inf  # a line that a killed run left half written
