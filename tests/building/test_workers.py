"""map_unordered with workers that die: the functions here run in other processes."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from flancollect.building.workers import load_early, map_unordered
from tests.small import REPO


def double(number):
    return 2 * number


def died(number):
    return f"{number} died"


def die_always(number, *, victims):
    if number in victims:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def die_once(number, *, folder, victims):
    """Killed the first time only; says in `folder` how often each number was begun."""
    begun = Path(folder) / f"{number}.{os.getpid()}"
    first = not list(Path(folder).glob(f"{number}.*"))
    begun.touch()
    return die_always(number, victims=victims if first else ())


def fail(number):
    if number == 3:
        raise ValueError("three is not wanted")
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_has_its_outcome(workers):
    assert sorted(map_unordered(range(6), double, died, workers)) == [0, 2, 4, 6, 8, 10]


def test_what_workers_needed_is_told():
    peak_memory = {}
    list(map_unordered(range(6), double, died, 2, peak_memory))
    assert 1 <= len(peak_memory) <= 2
    assert os.getpid() not in peak_memory
    assert all(peak > 1000 for peak in peak_memory.values()), "an interpreter alone takes some MiB"


def test_no_items_are_no_work():
    assert list(map_unordered([], double, died, 2)) == []


def test_an_item_whose_worker_dies_once_is_done_again(tmp_path):
    work = partial(die_once, folder=str(tmp_path), victims=(1,))
    assert sorted(map_unordered(range(8), work, died, 2)) == [2 * number for number in range(8)]
    pids = {path.suffix for path in tmp_path.iterdir()}
    assert len(pids) <= 2 + 2 + 2, "only what was under way runs alone; the rest shares new workers"


def test_an_item_whose_worker_always_dies_is_given_up_and_the_rest_goes_on():
    outcomes = list(map_unordered(range(5), partial(die_always, victims=(2,)), died, 2))
    assert sorted(map(str, outcomes)) == ["0", "2", "2 died", "6", "8"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_raised_here(workers):
    with pytest.raises(ValueError, match="three is not wanted"):
        list(map_unordered(range(6), fail, died, workers))


def environment(name):
    return os.environ.get(name)


def test_workers_see_the_environment_as_it_is_when_they_start(monkeypatch):
    load_early(["flancollect.building.workers"])
    for value in ("one", "two"):
        monkeypatch.setenv("FLANCOLLECT_TEST", value)
        assert list(map_unordered(["FLANCOLLECT_TEST"] * 2, environment, died, 2)) == [value, value]
    monkeypatch.delenv("FLANCOLLECT_TEST")
    assert list(map_unordered(["FLANCOLLECT_TEST"] * 2, environment, died, 2)) == [None, None]


START_AND_DIE = """
import os, signal, sys, time
from tests.building.test_workers import died, sleep_long
from flancollect.building.workers import map_unordered

for _ in map_unordered([sys.argv[1]] * 3, sleep_long, died, 2):
    while len(os.listdir(sys.argv[1])) < 2:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def sleep_long(folder):
    """The first item comes back at once; a worker that has begun another one says so and sleeps."""
    begun = Path(folder) / str(os.getpid())
    try:
        (Path(folder) / "first").touch(exist_ok=False)
    except FileExistsError:
        begun.touch()
        time.sleep(600)


def test_workers_end_when_the_main_process_is_killed(tmp_path):
    command = [sys.executable, "-c", START_AND_DIE, str(tmp_path)]
    assert subprocess.run(command, cwd=REPO, timeout=60, check=False).returncode == -signal.SIGKILL
    workers = [int(path.name) for path in tmp_path.iterdir() if path.name != "first"]
    assert workers
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}/task").is_dir() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(Path(f"/proc/{pid}/task").is_dir() for pid in workers)
