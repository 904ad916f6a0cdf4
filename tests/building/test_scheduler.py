"""What is rendered, by whom, and what is left as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flancollect.building.cache_keys import KeyHasher, job_files
from flancollect.building.scheduler import _units, render_all
from flancollect.building.settings import render_settings
from flancollect.planning.plan import plan as make_plan
from flancollect.sources.table import SourceAccess
from tests.building.test_build import files_of
from tests.small import built, nothing_embedded, request


@pytest.fixture(name="plan", scope="module")
def planned():
    with nothing_embedded():
        return make_plan(request())


def shards_of(out: Path) -> dict[str, tuple[int, int]]:
    """What tells whether a shard was written again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("data-*.arrow")}


def test_a_task_that_is_much_of_the_work_is_taken_apart_for_several_workers(plan):
    tasks = [(task, task.active_jobs) for task in plan.tasks if task.quota]
    longest = max(tasks, key=lambda pair: pair[0].quota)
    jobs = sum(len(of_task) for _, of_task in tasks)
    pairs = {(task.name, job.variant.few_shot, job.variant.inverted) for task, js in tasks for job in js}
    assert len(_units(tasks, 1)) == len(tasks)
    assert len(_units([longest], 2)) > 1
    assert len(_units(tasks, 1000)) == len(pairs)
    for workers in (1, 2, 1000):
        units = _units(tasks, workers)
        assert sum(len(unit.jobs) for unit in units) == jobs
        rows = [unit.rows for unit in units]
        assert rows == sorted(rows, reverse=True)


def test_one_task_on_two_workers_is_the_same_as_on_one(tmp_path):
    one = built(tmp_path / "one", request("words"), workers=1).manifest
    two = built(tmp_path / "two", request("words"), workers=2).manifest
    assert one == two


def test_what_is_there_is_not_rendered_again(tmp_path, plan):
    settings = render_settings(plan, SourceAccess(), tmp_path)
    files = job_files(plan, KeyHasher(settings))
    first = sorted(render_all(plan, settings, files, 1), key=lambda done: done.task)
    again = sorted(render_all(plan, settings, files, 1), key=lambda done: done.task)
    assert not any(job.reused for done in first for job in done.jobs)
    assert all(job.reused for done in again for job in done.jobs)
    assert [job.record for done in first for job in done.jobs] == [
        job.record for done in again for job in done.jobs
    ]


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "only its end"])
def test_a_damaged_job_is_rendered_again(tmp_path, damage):
    """Jobs are not forced to the disk: a power cut may leave any part of their files."""
    built(tmp_path)
    before = files_of(tmp_path)
    file = sorted((tmp_path / ".work" / "rendered").glob("*.rows"))[3]
    data = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes({"cut": data[:-9], "empty": b"", "only its end": data[9:]}[damage])
    assert built(tmp_path).report.rendered_jobs == 1
    assert files_of(tmp_path) == before


def test_shards_stay_as_they_are_when_no_row_changes(tmp_path, copied):
    out = tmp_path / "out"
    built(out, request(catalogue=copied))
    shards, files = shards_of(out), files_of(out)
    built(out, request(catalogue=copied))
    assert (shards_of(out), files_of(out)) == (shards, files)
    family = copied / "phrases" / "phrase.yaml"
    family.write_text(family.read_text().replace("In English:", "Say in English:"))
    built(out, request(catalogue=copied))
    assert shards_of(out) != shards


@pytest.mark.parametrize("damage", ["gone", "cut", "manifest"])
def test_shards_that_are_not_whole_are_written_again(tmp_path, damage):
    built(tmp_path)
    before = files_of(tmp_path)
    (shard,) = tmp_path.glob("data-*.arrow")
    if damage == "gone":
        shard.unlink()
    elif damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-1])
    else:
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        manifest["tasks"][0]["rows_sha256"] = "0" * 64
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    built(tmp_path)
    assert files_of(tmp_path) == before
