"""TRL itself trains on the exports, unchanged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flancollect.exports.export import ExportOptions, export
from tests.builds import build, small_jobs

STEP = Path(__file__).with_name("sft_step.py")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "columns"), [("trl", "['prompt', 'completion']"), ("messages", "['messages']")]
)
def test_sft_trainer_takes_a_step(tmp_path, form, columns):
    pytest.importorskip("trl", reason="TRL is not installed: pip install trl torch")
    build(tmp_path / "build", small_jobs())
    export(tmp_path / "build", tmp_path / form, ExportOptions(format=form))
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, str(STEP), str(tmp_path / form)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"columns {columns} loss " in done.stdout
