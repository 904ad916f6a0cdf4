"""What strangers wrote is shown, and never obeyed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from flancollect.cli.terminal import TerminalStream, visible
from tests.catalogs import colours
from tests.small import command

CLEAR = "\x1b[2J\x1b]0;mine\x07"
DATA = f"thing,label\ngrass{CLEAR},0\nblood\u202e,1\nmoss\x9b31m,0\nrust,1\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        (CLEAR, r"\x1b[2J\x1b]0;mine\x07"),
        ("\x7f\x9b\r\0", r"\x7f\x9b\r\x00"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("\ud800", r"\ud800"),
        ("größe 大", "größe 大"),
    ],
)
def test_control_characters_are_written_out(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_letters_that_a_terminal_lacks_are_escaped() -> None:
    raw = io.BytesIO()
    stream = TerminalStream(io.TextIOWrapper(raw, encoding="ascii"))
    print("größe 大", file=stream, flush=True)
    assert raw.getvalue() == rb"gr\xf6\xdfe \u5927" + b"\n"


def shows(ran) -> str:
    assert not any(character in ran.out + ran.err for character in "\x1b\x07\x9b\r\u202e")
    return ran.out


def test_commands_show_the_control_characters_of_data(tmp_path) -> None:
    catalogue = colours(tmp_path / "catalogue", data=DATA)
    out = tmp_path / "out"
    assert command("build", "colours", "--out", out, catalogue=catalogue).code == 0
    assert r"grass\x1b[2J\x1b]0;mine\x07" in shows(
        command("preview", "colours", "-n", 8, "--variant", "zs_opt", catalogue=catalogue)
    )
    traces = "".join(shows(command("why", out, row, catalogue=catalogue)) for row in range(4))
    assert r"\x1b[2J" in traces
    shows(command("stats", out))


def test_json_escapes_them_as_json_does(tmp_path) -> None:
    catalogue = colours(tmp_path / "catalogue", data=DATA)
    ran = command("preview", "colours", "-n", 8, "--variant", "zs_opt", "--json", catalogue=catalogue)
    assert any(CLEAR in row["inputs"] for row in json.loads(shows(ran))["rows"])


def test_errors_show_them_too(tmp_path) -> None:
    catalogue = colours(tmp_path / "catalogue", data=DATA.replace(",0", ",zero\x1b[2J").replace(",1", ",one"))
    ran = command("preview", "colours", catalogue=catalogue)
    assert ran.code == 4
    shows(ran)
    assert r"\x1b[2J" in ran.err


def test_a_command_line_is_not_obeyed_either() -> None:
    ran = command("preview", "colours\x1b[2J")
    assert ran.code == 2
    shows(ran)


def test_an_ascii_terminal_works(tmp_path) -> None:
    catalogue = colours(tmp_path / "catalogue", data="thing,label\ngröße,0\n大,1\n")
    words = ["preview", "colours", "--catalog", str(catalogue), "-n", "8", "--variant", "zs_opt"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for extra in ([], ["--json"]):
        ran = subprocess.run(
            [sys.executable, "-m", "flancollect", *words, *extra],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        ran.stdout.decode("ascii")
        if extra:
            assert "größe" in json.dumps(json.loads(ran.stdout), ensure_ascii=False)
        else:
            assert rb"gr\xf6\xdfe" in ran.stdout
