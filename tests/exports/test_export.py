"""Exporting a build: what lies in the folder, when it may, and after being stopped."""

from __future__ import annotations

import fcntl
import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from flancollect.artifacts import Export, Manifest
from flancollect.errors import CheckError, UsageError
from flancollect.exports import configs
from flancollect.exports.export import ExportOptions, export
from flancollect.exports.folder import read_export
from tests.builds import build, rendered_rows, small_jobs
from tests.small import command, finish, start

FORMATS = ("parquet", "jsonl", "trl", "messages", "seqio")


@pytest.fixture
def built(tmp_path):
    build(tmp_path / "build", small_jobs())
    return tmp_path / "build"


def files_of(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()
    }


def make(built: Path, out: Path, **options) -> Export:
    return export(built, out, ExportOptions(**options)).export


@pytest.mark.parametrize("form", FORMATS)
def test_every_file_is_listed_with_size_and_hash(built, tmp_path, form):
    listing = make(built, tmp_path / "out", format=form)
    files = files_of(tmp_path / "out")
    listed = {file.file: (file.bytes, file.sha256) for file in listing.files}
    assert {
        name: (len(data), sha256(data).hexdigest()) for name, data in files.items() if name != "export.json"
    } == listed
    assert read_export(tmp_path / "out") == listing
    assert {"README.md", "ATTRIBUTION.md", "citations.bib", "composition.svg", "build-manifest.json"} < set(
        listed
    )
    manifest = Manifest.model_validate_json(files["build-manifest.json"])
    assert (listing.content_hash, listing.recipe_hash, listing.rows) == (
        manifest.content_hash,
        manifest.recipe_hash,
        120,
    )
    assert all(file.rows == 120 for file in listing.files if file.config == "default")


@pytest.mark.parametrize("form", FORMATS)
def test_exporting_twice_gives_the_same_bytes(built, tmp_path, form):
    shutil.copytree(built, tmp_path / "moved")
    make(built, tmp_path / "a", format=form)
    make(tmp_path / "moved", tmp_path / "b", format=form)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_an_export_that_is_there_is_left_alone(built, tmp_path):
    first = export(built, tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    second = export(built, tmp_path / "out")
    assert (first.reused, second.reused) == (False, True)
    assert first.export == second.export
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}


def test_a_damaged_export_is_made_again(built, tmp_path):
    make(built, tmp_path / "out")
    whole = files_of(tmp_path / "out")
    (tmp_path / "out" / "flan2021_zs_opt" / "train-00000-of-00001.parquet").unlink()
    (tmp_path / "out" / "README.md").write_text("mine")
    make(built, tmp_path / "out")
    assert files_of(tmp_path / "out") == whole


def test_a_new_build_replaces_what_it_changes_and_removes_what_is_gone(built, tmp_path):
    out = tmp_path / "out"
    make(built, out)
    before = files_of(out)
    build(tmp_path / "next", {name: table for name, table in small_jobs().items() if name[1] == "zs_opt"})
    make(tmp_path / "next", out)
    after = files_of(out)
    assert not (out / "flan2021_fs_noopt").exists()
    assert after["default/train-00000-of-00001.parquet"] != before["default/train-00000-of-00001.parquet"]
    style = "flan2021_zs_opt/train-00000-of-00001.parquet"
    assert after[style] == before[style]


def test_rows_of_other_styles_change_no_byte_of_a_style(built, tmp_path, monkeypatch):
    monkeypatch.setattr(configs, "FILE_ROWS", 20)
    monkeypatch.setattr(configs, "GROUP_ROWS", 10)
    changed = small_jobs() | {("rte", "fs_noopt"): rendered_rows("rte", "fs_noopt", 40, text="Reworded. ")}
    build(tmp_path / "next", changed)
    make(built, tmp_path / "a")
    make(tmp_path / "next", tmp_path / "b")
    a, b = files_of(tmp_path / "a"), files_of(tmp_path / "b")
    same = {name for name in a if a[name] == b.get(name)}
    assert {name for name in a if name.startswith("flan2021_zs_opt/")} <= same
    assert not {name for name in a if name.startswith("flan2021_fs_noopt/")} & same


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_goes_on_at_the_first_missing_file(built, tmp_path, monkeypatch, form):
    monkeypatch.setattr(configs, "FILE_ROWS", 20)
    monkeypatch.setattr(configs, "GROUP_ROWS", 10)
    make(built, tmp_path / "whole", format=form)
    stopped = 0
    for number in range(1, 9):
        out = tmp_path / f"out{number}"
        stop_after(monkeypatch, number)
        try:
            make(built, out, format=form)
        except KeyboardInterrupt:
            stopped += 1
            assert not (out / "export.json").exists()
            done = {
                path.name: path.stat().st_mtime_ns for path in out.rglob("train-*") if path.suffix != ".tmp"
            }
            monkeypatch.undo()
            monkeypatch.setattr(configs, "FILE_ROWS", 20)
            monkeypatch.setattr(configs, "GROUP_ROWS", 10)
            make(built, out, format=form)
            again = {path.name: path.stat().st_mtime_ns for path in out.rglob("train-*")}
            assert done.items() <= again.items() or form == "parquet"  # its folders repeat names
        assert files_of(out) == files_of(tmp_path / "whole")
    assert stopped


def stop_after(monkeypatch, number: int) -> None:
    """Ctrl-C at the renaming of a file."""
    rename, paths = Path.replace, []

    def replace(self, target):
        paths.append(self)
        if len(paths) == number:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.slow
def test_killed_at_every_moment_it_ends_with_the_same_bytes(built, tmp_path):
    make(built, tmp_path / "whole")
    out = tmp_path / "out"
    replaced = build(tmp_path / "earlier", {name: t for name, t in small_jobs().items() if name[0] == "rte"})
    assert replaced.mixture == "small"
    killed = 0
    for number in range(1, 40):
        shutil.rmtree(out, ignore_errors=True)
        make(tmp_path / "earlier", out)
        done = finish(start("export", built, "--out", out, catalogue=None, KILL_AT_RENAME=str(number)))
        if done.code == 0:
            break
        killed += 1
        if (out / "export.json").is_file():  # the earlier export, or the new one: whole
            assert set(files_of(out)) >= {file.file for file in read_export(out).files}
        make(built, out)
        assert files_of(out) == files_of(tmp_path / "whole")
    assert killed > 10
    assert files_of(out) == files_of(tmp_path / "whole")


def test_a_folder_of_something_else_is_refused_and_untouched(built, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="no export of flancollect"):
        make(built, tmp_path / "mine")
    assert files_of(tmp_path / "mine") == {"thesis.tex": b"x"}
    with pytest.raises(UsageError, match="no export of flancollect"):
        make(built, built)
    with pytest.raises(UsageError, match="is a file"):
        make(built, tmp_path / "mine" / "thesis.tex")


def test_another_format_or_mixture_is_refused(built, tmp_path):
    make(built, tmp_path / "out")
    with pytest.raises(UsageError, match="holds a parquet export of small, not a jsonl export of small"):
        make(built, tmp_path / "out", format="jsonl")
    manifest = json.loads((built / "manifest.json").read_text())
    (built / "manifest.json").write_text(json.dumps(manifest | {"mixture": "large"}))
    with pytest.raises(UsageError, match="not a parquet export of large"):
        make(built, tmp_path / "out")


def test_a_list_that_reaches_out_of_its_folder_is_refused(built, tmp_path):
    make(built, tmp_path / "out")
    listed = json.loads((tmp_path / "out" / "export.json").read_text())
    listed["key"], listed["files"][0]["file"] = "x", "../build/manifest.json"
    (tmp_path / "out" / "export.json").write_text(json.dumps(listed))
    with pytest.raises(UsageError, match="not of this version"):
        make(built, tmp_path / "out")
    assert (built / "manifest.json").is_file()


def test_two_exports_do_not_work_in_one_folder(built, tmp_path):
    (tmp_path / "out" / ".export").mkdir(parents=True)
    with (tmp_path / "out" / ".export" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another export is working"):
            make(built, tmp_path / "out")


def test_damaged_shards_are_named_before_any_work(built, tmp_path):
    (built / "data-00001-of-00007.arrow").unlink()
    (built / "data-00002-of-00007.arrow").write_bytes(b"")
    with pytest.raises(CheckError) as caught:
        make(built, tmp_path / "out")
    assert "data-00001-of-00007.arrow: missing" in str(caught.value)
    assert "data-00002-of-00007.arrow: 0 bytes, not" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_command_builds_exports_and_says_so(tmp_path):
    assert command("build", "small", "--out", tmp_path / "b").code == 0
    ran = command(
        "export", tmp_path / "b", "--out", tmp_path / "e", "--format", "parquet", "--json", catalogue=None
    )
    output = json.loads(ran.out)
    assert (output["kind"], output["reused"], output["rows"]) == ("parquet", False, 240)
    again = command("export", tmp_path / "b", "--out", tmp_path / "e", catalogue=None)
    assert "240 rows as parquet" in again.out
    assert "(already there)" in again.out
    card = DatasetCard.load(tmp_path / "e" / "README.md")
    assert card.data.pretty_name == "a little of everything"
    assert "towns2024" in (tmp_path / "e" / "citations.bib").read_text()
    assert command("export", tmp_path, "--out", tmp_path / "x", catalogue=None).code == 2


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_full_disk_is_said_plainly_and_the_next_run_ends_well(built, tmp_path, form):
    out = tmp_path / "out"
    full = finish(start("export", built, "--out", out, "--format", form, catalogue=None, FILE_BYTES="3000"))
    assert full.code == 1
    assert "make room and run it again" in full.err
    assert "Traceback" not in full.err
    make(built, out, format=form)
    make(built, tmp_path / "whole", format=form)
    assert files_of(out) == files_of(tmp_path / "whole")
