"""A build stopped at any moment goes on with the same command and ends with the same bytes."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from flancollect.dataset.folder import acquire_build_folder
from tests.building.test_build import files_of
from tests.small import built, command, finish, request, start

BUILD = ("build", "small", "--json", "--out")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    built(out)
    return files_of(out)


def jobs_of(out):
    """The files of finished jobs, with what tells whether they were written again."""
    return {
        path.name: (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
        for path in (out / ".work" / "rendered").glob("*.rows")
    }


def assert_goes_on(out, undisturbed):
    """Build again over what a stopped build left, and compare with one that nothing disturbed."""
    finished = jobs_of(out)
    ran = command(*BUILD, out)
    said = json.loads(ran.out)
    assert ran.code == 0, ran.err
    assert said["reused_jobs"] == len(finished)
    assert said["rendered_jobs"] == 20 - len(finished)
    assert finished.items() <= jobs_of(out).items()
    assert files_of(out) == undisturbed
    assert command("verify", out, catalogue=None).code == 0


@pytest.fixture(scope="module")
def renamed(tmp_path_factory):
    """The names that an undisturbed build gives to finished files, in its order."""
    names, rename = [], Path.replace

    def replace(self, target):
        names.append(Path(target).name)
        return rename(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        built(tmp_path_factory.mktemp("renamed") / "out")
    assert names[0] == "recipe.json"
    assert names[-2:] == ["manifest.json", "report.json"]
    return names


@pytest.mark.parametrize("place", [0, 1, 2, 17, -7, -6, -5, -4, -2])
def test_killed_before_a_file_is_finished_it_goes_on(tmp_path, undisturbed, renamed, place):
    out, before = tmp_path / "out", renamed[:place]
    killed = finish(start(*BUILD, out, KILL_AT_RENAME=str(len(before) + 1)))
    assert killed.code == -signal.SIGKILL
    assert not (out / "manifest.json").exists()
    jobs = sum(name.endswith(".rows") for name in before)
    assert len(jobs_of(out)) == jobs
    assert_goes_on(out, undisturbed)


def test_it_is_the_manifest_that_comes_last_but_for_the_report(tmp_path, renamed):
    out = tmp_path / "out"
    killed = finish(start(*BUILD, out, KILL_AT_RENAME=str(len(renamed))))
    assert killed.code == -signal.SIGKILL
    assert (out / "manifest.json").exists()
    assert not (out / "report.json").exists()
    assert command("verify", out, catalogue=None).code == 0


def test_killed_again_and_again_at_random_moments_it_goes_on(tmp_path, undisturbed):
    """Two workers, killed with all their group at a random moment after the first job of each run."""
    out, moments = tmp_path / "out", random.Random(7)
    for _ in range(3):
        process = start("build", "small", "--workers", 2, "--out", out)
        before = len(jobs_of(out))
        while process.poll() is None and len(jobs_of(out)) == before:
            time.sleep(0.005)
        time.sleep(moments.random() * 0.1)
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)
    assert_goes_on(out, undisturbed)


def test_killed_while_a_finished_build_is_brought_up_to_date(tmp_path, copied):
    """Until the new shards are whole, the old build stays as it was; after that, none is there."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    built(out, request(catalogue=copied))
    old = files_of(out)
    family = copied / "phrases" / "phrase.yaml"
    family.write_text(family.read_text().replace("In English:", "Say in English:"))
    built(fresh, request(catalogue=copied))
    states = []
    for rename in (4, 4, 3, 6):
        killed = finish(start(*BUILD, out, catalogue=copied, KILL_AT_RENAME=str(rename)))
        assert killed.code == -signal.SIGKILL
        states.append((out / "manifest.json").exists())
        assert not states[-1] or files_of(out) == old
    assert states[0] is True
    assert states[-1] is False
    assert command(*BUILD, out, catalogue=copied).code == 0
    assert files_of(out) == files_of(fresh)


def test_interrupted_it_says_how_to_go_on(tmp_path, undisturbed):
    out = tmp_path / "out"
    ran = finish(start(*BUILD, out, KILL_AT_RENAME="18", KILL_WITH="SIGINT"))
    assert_told_to_go_on(ran)
    assert not (out / "manifest.json").exists()
    assert_goes_on(out, undisturbed)


def test_interrupted_with_its_workers_it_says_how_to_go_on(tmp_path):
    """Ctrl-C reaches the whole process group; `words` is large enough to be in the middle for seconds."""
    out = tmp_path / "out"
    process = start("build", "words", "--workers", 2, "--out", out)
    while process.poll() is None and not list(out.glob(".work/rendered/.*.tmp")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    assert_told_to_go_on(finish(process))
    assert not (out / "manifest.json").exists()


def assert_told_to_go_on(ran):
    assert ran.code == 130
    assert ran.err.splitlines()[-1] == "interrupted; run the same command again to go on"
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("workers", "file_bytes"), [(1, 8_000), (2, 8_000), (1, 30_000)])
def test_a_full_disk_is_told_in_plain_words(tmp_path, undisturbed, workers, file_bytes):
    """A limit on the size of files stands in for a full disk: first for a task's table, then for the shard."""
    out = tmp_path / "out"
    ran = finish(start("build", "small", "--workers", workers, "--out", out, FILE_BYTES=str(file_bytes)))
    assert ran.code == 1
    assert f"error: {out}: " in ran.err
    assert "too large" in ran.err
    assert "finished tasks are kept: make room and run it again" in ran.err
    assert "Traceback" not in ran.err
    assert not (out / "manifest.json").exists()
    assert_goes_on(out, undisturbed)


def test_a_second_build_in_the_same_folder_is_refused(tmp_path):
    out = tmp_path / "out"
    built(out)
    recipe = json.loads((out / "manifest.json").read_text())["recipe"]
    before = files_of(out)
    with acquire_build_folder(out, recipe, overwrite=False):
        ran = command(*BUILD, out)
    assert ran.code == 2
    assert f"--out {out}: another build is working in this folder" in ran.err
    assert files_of(out) == before
    assert command(*BUILD, out).code == 0
