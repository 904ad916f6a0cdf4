"""Sources resolved: written to a lock, and read from it."""

import json

import pytest

from flancollect.artifacts import SourceLock, SplitLock
from flancollect.errors import UsageError
from flancollect.planning.plan import plan
from flancollect.planning.resolve import write_lock
from flancollect.sources.lock import load_lock
from flancollect.sources.table import SourceAccess
from tests.small import CATALOGUE, command, nothing_embedded, request


def test_a_lock_says_revision_rows_and_columns_of_every_split(tmp_path):
    with nothing_embedded():
        path, locked, failed = write_lock(
            ("animal_quiz",), (CATALOGUE,), SourceAccess(), tmp_path / "new.json"
        )
    assert (path, locked, failed) == (tmp_path / "new.json", 1, {})
    (entry,) = load_lock(path).sources.values()
    assert isinstance(entry, SourceLock)
    assert {split: found.rows for split, found in entry.splits.items()} == {"train": 12, "test": 3}
    columns = {"q": "string", "the options": "json", "gold": "int64"}
    assert entry.splits["train"] == SplitLock(rows=12, columns=columns)


def test_locking_twice_writes_the_same_bytes(tmp_path):
    lock = tmp_path / "lock.json"
    command("lock", "--out", lock)
    first = lock.read_bytes()
    command("lock", "--out", lock)
    assert lock.read_bytes() == first


def test_locking_some_keeps_the_others(tmp_path):
    lock = tmp_path / "lock.json"
    with nothing_embedded():
        write_lock(("phrases",), (CATALOGUE,), SourceAccess(), lock)
        write_lock(("town_*",), (CATALOGUE,), SourceAccess(), lock)
    assert len(json.loads(lock.read_text())["sources"]) == 3


def test_a_lock_in_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with nothing_embedded(), pytest.raises(UsageError, match="cannot be written"):
        write_lock((), (CATALOGUE,), SourceAccess(), tmp_path / "file" / "lock.json")


def test_a_lock_that_is_none_is_refused_untouched(tmp_path):
    (tmp_path / "lock.json").write_text("{}{")
    with nothing_embedded(), pytest.raises(UsageError, match="not a Lock of this version"):
        write_lock((), (CATALOGUE,), SourceAccess(), tmp_path / "lock.json")
    assert (tmp_path / "lock.json").read_text() == "{}{"


def test_frozen_needs_every_source_in_the_lock():
    with nothing_embedded():
        planned = plan(request(resolve_from="frozen", only=("phrases", "reversals")))
    assert {skip.task for skip in planned.skipped} == {"phrases", "reversals"}
    assert all("not in sources.lock.json" in skip.reason for skip in planned.skipped)
