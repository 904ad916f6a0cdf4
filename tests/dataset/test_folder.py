import json
import subprocess
import sys

import pytest

from flancollect.dataset.folder import acquire_build_folder
from flancollect.errors import UsageError

RECIPE = {"name": "m", "kind": "mixture", "rows": 5, "seed": 0, "only": []}
OTHER = {**RECIPE, "seed": 1}


def take(out, recipe=RECIPE, *, overwrite=False):
    with acquire_build_folder(out, recipe, overwrite=overwrite) as work:
        assert work.is_dir()


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_or_empty_folder_is_taken(tmp_path, exists):
    out = tmp_path / "a" / "out"
    if exists:
        out.mkdir(parents=True)
    take(out)
    assert names(out) == [".work", ".work/lock", ".work/recipe.json", ".work/rendered"]
    assert json.loads((out / ".work" / "recipe.json").read_text()) == RECIPE


def test_the_same_build_goes_on(tmp_path):
    take(tmp_path / "out")
    (tmp_path / "out" / ".work" / "rendered" / "kept.arrow").touch()
    take(tmp_path / "out")
    assert (tmp_path / "out" / ".work" / "rendered" / "kept.arrow").exists()


@pytest.mark.parametrize(
    "other",
    [OTHER, {**RECIPE, "rows": 6}, {**RECIPE, "only": ["x"]}, {**RECIPE, "name": "n"}],
)
def test_another_build_is_refused_with_what_it_is(tmp_path, other):
    take(tmp_path / "out")
    before = names(tmp_path)
    with pytest.raises(UsageError, match=r"holds another build \(mixture m, 5 rows, seed 0\); you asked for"):
        take(tmp_path / "out", other)
    assert names(tmp_path) == before
    assert json.loads((tmp_path / "out" / ".work" / "recipe.json").read_text()) == RECIPE


def test_a_changed_mixture_card_of_the_same_name_is_the_same_build(tmp_path):
    take(tmp_path / "out")
    take(tmp_path / "out", {**RECIPE, "title": "another card"})


def test_overwriting_removes_the_other_build_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    take(out)
    (out / ".work" / "rendered" / "old.arrow").touch()
    for name in ("data-00000-of-00001.arrow", "dataset_info.json", "state.json", "report.json", "notes.txt"):
        (out / name).touch()
    take(out, OTHER, overwrite=True)
    assert names(out) == [".work", ".work/lock", ".work/recipe.json", ".work/rendered", "notes.txt"]


def test_other_files_are_never_ours(tmp_path):
    (tmp_path / "notes.txt").touch()
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="holds files that are no build of flancollect"):
            take(tmp_path, overwrite=overwrite)
    assert names(tmp_path) == ["notes.txt"]


def test_a_build_that_was_stopped_before_it_said_whose_it_is_is_taken(tmp_path):
    (tmp_path / ".work" / "rendered").mkdir(parents=True)
    (tmp_path / ".work" / ".recipe.json.7.tmp").touch()
    take(tmp_path)
    assert ".work/.recipe.json.7.tmp" not in names(tmp_path)


def test_what_killed_runs_left_is_swept_away(tmp_path):
    take(tmp_path)
    leftovers = [".manifest.json.1.tmp", ".work/.recipe.json.1.tmp", ".work/rendered/.x.arrow.1.spill.tmp"]
    for name in leftovers:
        (tmp_path / name).touch()
    take(tmp_path)
    assert not set(leftovers) & set(names(tmp_path))


def test_one_build_at_a_time(tmp_path):
    with acquire_build_folder(tmp_path, RECIPE, overwrite=False):
        with pytest.raises(UsageError, match="another build is working in this folder"):
            take(tmp_path)
        (tmp_path / ".work" / "rendered" / ".x.arrow.1.tmp").touch()
        with pytest.raises(UsageError, match="another build is working in this folder"):
            take(tmp_path)
        assert (tmp_path / ".work" / "rendered" / ".x.arrow.1.tmp").exists()
    take(tmp_path)


HOLD = """
import sys, time
from pathlib import Path
from flancollect.dataset.folder import acquire_build_folder
with acquire_build_folder(Path(sys.argv[1]), {recipe}, overwrite=False):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_a_killed_process_is_gone(tmp_path):
    script = HOLD.format(recipe=RECIPE)
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(UsageError, match="another build is working in this folder"):
            take(tmp_path)
        process.kill()
    assert (tmp_path / ".work" / "lock").exists()
    take(tmp_path)


def test_another_build_that_runs_is_not_overwritten(tmp_path):
    with acquire_build_folder(tmp_path, RECIPE, overwrite=False) as work:
        (work / "precious.arrow").touch()
        with pytest.raises(UsageError, match="another build is working in this folder"):
            take(tmp_path, OTHER, overwrite=True)
        assert (work / "precious.arrow").exists()


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="is a file; name a folder"):
        take(tmp_path / "out")
    with pytest.raises(UsageError, match="cannot be written"):
        take(tmp_path / "out" / "deeper")
