"""Every command of README.md runs, in order, in one empty folder.

Commands are the lines that begin with `$ ` in fenced `console` blocks; `python` blocks run as scripts. A
block after `<!-- file: PATH -->` is written to that file. A block after `<!-- not run: REASON -->` is left
out. `make` commands only have to name targets of the Makefile.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.small import REPO

BLOCK = re.compile(
    r"(?:^<!-- (?P<note>file|not run): (?P<value>.+?) -->\n+)?^```(?P<kind>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its kind, its text, and what the comment before it says."""

    kind: str
    body: str
    note: str | None
    value: str | None


def blocks():
    text = (REPO / "README.md").read_text()
    return [Block(**found.groupdict()) for found in BLOCK.finditer(text)]


def commands(block):
    return [line.removeprefix("$ ") for line in block.body.splitlines() if line.startswith("$ ")]


def run(words, folder):
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(REPO)}
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("FLANCOLLECT", "HF_"))}
    env = {**quiet, **paths, "HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_readme_has_commands_to_run():
    run_here = [
        command
        for block in blocks()
        if block.kind == "console" and not block.note
        for command in commands(block)
    ]
    assert any(command.startswith("make ") for command in run_here)
    assert {"build", "preview", "plan", "why", "verify", "stats", "diff"} <= {
        command.split()[1] for command in run_here if command.startswith("flancollect ")
    }


def test_every_fence_is_understood():
    text = (REPO / "README.md").read_text()
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(blocks())
    assert len(re.findall(r"<!-- (?:file|not run): ", text)) == sum(bool(block.note) for block in blocks())


@pytest.mark.slow
def test_every_command_in_the_readme_runs(tmp_path):
    targets = re.findall(r"^([\w-]+):", (REPO / "Makefile").read_text(), re.MULTILINE)
    (tmp_path / "home").mkdir()
    for block in blocks():
        if block.note == "file":
            (tmp_path / block.value).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.value).write_text(block.body)
        elif block.note is None and block.kind == "python":
            ran = run([sys.executable, "-c", block.body], tmp_path)
            assert ran.returncode == 0, f"{block.body}\n{ran.stderr}"
        elif block.note is None and block.kind == "console":
            for command in commands(block):
                if command.startswith("make "):
                    assert set(command.split()[1:]) <= set(targets), command
                    continue
                ran = run(["bash", "-c", command], tmp_path)
                assert ran.returncode == 0, f"$ {command}\n{ran.stdout}\n{ran.stderr}"
