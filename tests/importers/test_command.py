"""`flancollect import`: counts and reasons, for people and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from flancollect.cli.app import app
from tests.importers import checkouts


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["import", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_says_how_much_was_converted_and_why_not_all(tmp_path: Path) -> None:
    src = checkouts.promptsource(tmp_path / "src")
    out = run("promptsource", str(src), "--out", str(tmp_path / "out"))
    assert out.startswith(
        f"2 of 3 templates converted, in {tmp_path / 'out'}\nnot converted: 1: no filter named"
    )


def test_json_holds_the_counts(tmp_path: Path) -> None:
    src = checkouts.flan(tmp_path / "src")
    values = json.loads(run("flan", str(src), "--out", str(tmp_path / "out"), "--json"))
    assert (values["kind"], values["unit"], values["total"], values["converted"]) == (
        "flan",
        "patterns",
        9,
        5,
    )
    assert sum(values["not_converted"].values()) == 4
