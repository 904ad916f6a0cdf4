"""What starting the command costs, and how it ends when told nothing sensible."""

import json
import os
import resource
import subprocess
import sys

import pytest

from tests.small import REPO, command

HEAVY = ("datasets", "polars", "pyarrow", "pydantic", "numpy", "jinja2", "huggingface_hub", "torch")
LOADED = "import json, sys; {}; print(json.dumps(sorted(sys.modules)))"


def loaded_after(statement):
    script = [sys.executable, "-c", LOADED.format(statement)]
    return set(json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout))


def test_the_help_loads_nothing_heavy():
    statement = "from flancollect.cli.app import app; app(['--help'], standalone_mode=False)"
    script = f"import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()): exec({statement!r})"
    loaded = loaded_after(f"exec({script!r})")
    assert "flancollect.cli.build" in loaded
    assert not loaded & set(HEAVY)


def test_building_needs_no_torch():
    loaded = loaded_after(
        "import flancollect.cli.app; from flancollect.building import build, preview, trace"
    )
    assert "flancollect.building.jobs" in loaded
    assert not loaded & {"torch", "transformers", "datasets"}


def test_the_help_comes_at_once():
    """Processor time, so that a busy machine does not matter: all of 0.3 s, starting Python included."""
    assert min(seconds_of_help() for _ in range(3)) < 0.3


def seconds_of_help():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "flancollect", "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.parametrize("arguments", [(), ("cards",), ("nothing",), ("plan",), ("plan", "x", "--bogus")])
def test_a_command_that_makes_no_sense_is_a_usage_error(arguments):
    ran = command(*arguments, catalogue=None) if arguments else command("", catalogue=None)
    assert ran.code == 2
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "name", ["build", "plan", "lock", "preview", "why", "stats", "verify", "diff", "cards"]
)
def test_every_command_explains_itself(name):
    ran = command(name, "--help", catalogue=None)
    assert ran.code == 0
    assert "Usage:" in ran.out


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("ON", True), ("enabled", False), ("0", False)])
def test_offline_mode_is_what_huggingface_hub_takes_for_it(value, offline, tmp_path):
    code = (
        "from pathlib import Path; from flancollect.cli.options import access_of; "
        "print(access_of(None, False, Path()).offline, access_of(None, True, Path()).offline)"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": value}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, cwd=REPO
    )
    assert ran.stdout.split() == [str(offline), "True"]
