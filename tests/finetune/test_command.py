from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finetune.preview import _short
from flancollect.cli.app import app
from flancollect.errors import UsageError

REPO = Path(__file__).parents[2]
SMALL = ["--set", "schedule.steps=2", "--set", "model.tokenizer={vocabulary: 400}"]

# What a bare GPU machine has not got. pydantic and filelock are there: torch needs the second.
BLOCKED = ("datasets", "polars", "jinja2", "xxhash", "zstandard", "pandas", "trl")
BARE = f"""
import sys
from importlib.machinery import PathFinder
class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {BLOCKED!r} else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
from finetune.__main__ import main
main()
"""


def test_the_command_trains_and_says_where_the_model_is(small_build: Path, tmp_path: Path) -> None:
    arguments = [
        "finetune",
        "starter",
        "--data",
        str(small_build),
        "--out",
        str(tmp_path / "run"),
        "--cache",
        str(tmp_path),
    ]
    result = CliRunner().invoke(app, [*arguments, *SMALL, "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["step"] == 2
    assert Path(printed["model"]).is_dir()
    again = CliRunner().invoke(app, [*arguments, *SMALL])
    assert "starter: 2 steps, loss" in again.stdout


def test_preview_shows_rows_and_what_is_learnt(small_build: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app,
        ["finetune", "starter", "--data", str(small_build), "--preview", "-n", "2", "--cache", str(tmp_path)],
    )
    assert result.exit_code == 0, result.output
    assert "packed row 1" in result.stdout
    assert "<sep> => " in result.stdout
    assert "target tokens by task" in result.stdout
    assert "each token sees its own example alone" in result.stdout


def test_preview_writes_out_what_a_terminal_would_obey() -> None:
    line = _short("Question:\n\x1b]0;owned\x07\u202ehello")
    assert line == r"Question:\n\x1b]0;owned\x07\u202ehello"


def test_an_out_folder_is_needed() -> None:
    result = CliRunner().invoke(app, ["finetune", "starter", "--data", "x"])
    assert isinstance(result.exception, UsageError)
    assert "--out DIR" in str(result.exception)


def test_it_trains_where_nothing_but_torch_and_its_kin_is_installed(
    small_build: Path, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [
            sys.executable, "-c", BARE, "starter", "--data", str(small_build), "--out", str(tmp_path / "run"),
            "--cache", str(tmp_path), *SMALL,
        ],
        cwd=REPO, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert (tmp_path / "run" / "model" / "config.json").is_file()


def test_help_needs_no_torch() -> None:
    code = "import sys; from flancollect.cli.app import app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPO, check=False).returncode == 0


def test_without_torch_the_command_says_what_to_install() -> None:
    code = """
import sys
sys.modules["torch"] = None
sys.argv = ["flancollect", "finetune", "starter", "--out", "x"]
from flancollect.cli import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "pip install 'flancollect[finetune]'" in ended.stderr


@pytest.mark.parametrize(
    "arguments", [["finetune", "nosuch", "--out", "x"], ["finetune", "starter", "--out", "x", "--set", "a=b"]]
)
def test_bad_arguments_exit_with_their_code(arguments: list[str]) -> None:
    code = "import sys; from flancollect.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert ended.returncode in {2, 3}
    assert "Traceback" not in ended.stderr
