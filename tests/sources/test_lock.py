import threading

import pytest

from flancollect.artifacts import Lock, SourceLock, SplitLock, write_artifact
from flancollect.cards.entries import CardSource
from flancollect.cards.source_card import FileSource, HubSource, SyntheticSource
from flancollect.errors import SourceError, UsageError
from flancollect.sources import lock, source_key, synthetic
from flancollect.sources.lock import frozen_sources, load_lock, resolve_sources, update_lock
from flancollect.sources.reshape import describe_shaped
from flancollect.sources.table import SourceAccess
from tests.sources.loopback_files import Files, serving

OFFLINE = SourceAccess(offline=True)
COMMIT = "a" * 40


def _entry(revision, rows=1):
    return SourceLock(revision=revision, splits={"train": SplitLock(rows=rows, columns={"text": "string"})})


@pytest.fixture
def sources(tmp_path):
    """Twenty good files and one that is missing, by key."""
    found = {}
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("x\n" * (number + 1))
        source = FileSource(files=f"{number}.txt", format="text")
        found[source_key(source)] = CardSource(source=source, root=tmp_path)
    missing = FileSource(files="none.txt", format="text")
    return {source_key(missing): CardSource(source=missing, root=tmp_path), **found}


@pytest.fixture
def mixed(sources, tmp_path, tmp_path_factory):
    """The same, and as many files of a server of which one is missing; and the access to reach it."""
    served = {f"/{number}.txt": b"x\n" * (number + 1) for number in range(20)}
    with serving(Files(content=served)) as files:
        urls = [f"{files.url}{path}" for path in (*served, "/none.txt")]
        remote = [FileSource(files=url, format="text") for url in urls]
        found = sources | {source_key(source): CardSource(source=source, root=tmp_path) for source in remote}
        yield found, SourceAccess(cache=tmp_path_factory.mktemp("cache"), retries=0)


def test_the_result_is_the_same_for_any_number_of_threads(mixed, monkeypatch):
    sources, access = mixed
    many = resolve_sources(sources, access, Lock())
    monkeypatch.setattr(lock, "THREADS", 1)
    one = resolve_sources(sources, access, Lock())
    assert list(one) == list(many) == sorted(sources)
    assert {key: str(value) for key, value in one.items()} == {key: str(value) for key, value in many.items()}
    assert sum(isinstance(value, SourceError) for value in one.values()) == 2


def test_what_needs_no_server_is_described_in_the_callers_thread(mixed, monkeypatch):
    sources, access = mixed
    threads = {}

    def noted(source, *more):
        threads[source_key(source.source)] = threading.current_thread()
        return describe_shaped(source, *more)

    monkeypatch.setattr(lock, "describe_shaped", noted)
    resolve_sources(sources, access, Lock())
    assert {key for key, thread in threads.items() if thread is threading.main_thread()} == {
        key for key in sources if "://" not in key
    }
    assert all(thread.daemon for key, thread in threads.items() if "://" in key)


def test_without_a_server_to_ask_no_thread_is_started(sources, monkeypatch):
    monkeypatch.setattr(lock, "ThreadPool", None)
    assert len(resolve_sources(sources, OFFLINE, Lock())) == 21


def test_local_sources_do_not_wait_for_a_slow_server(sources, tmp_path):
    """Told as they are found: all that is here, before the answer of a server that takes its time."""
    with serving(Files(content={"/a.txt": b"x\n"}, faults={"/a.txt": [-1]})) as files:
        slow = FileSource(files=f"{files.url}/a.txt", format="text")
        before = []
        resolve_sources(
            {source_key(slow): CardSource(source=slow, root=tmp_path), **sources},
            SourceAccess(cache=tmp_path / "cache"),
            Lock(),
            progress=lambda stage, done, total: before.append(len(files.log)),
        )
    assert before == [0] * 21 + [1]


def test_a_failure_is_a_value_and_stops_nothing(sources):
    resolved = resolve_sources(sources, OFFLINE, Lock())
    failed = {key: value for key, value in resolved.items() if isinstance(value, SourceError)}
    assert list(failed) == ["files:text:none.txt"]
    assert "no such file" in str(failed["files:text:none.txt"])
    assert resolved["files:text:7.txt"].splits["train"].rows == 8


def test_progress_counts_every_source_in_the_callers_thread(mixed):
    sources, access = mixed
    told = []
    resolve_sources(
        sources, access, Lock(),
        progress=lambda stage, done, total: told.append((done, total, threading.current_thread())),
    )  # fmt: skip
    assert told == [(done, 42, threading.main_thread()) for done in range(1, 43)]


def test_frozen_looks_at_nothing_and_wants_every_entry(sources):
    lock = Lock(sources={"files:text:none.txt": _entry("sha256:0")})
    resolved = frozen_sources(sources, lock)
    assert resolved["files:text:none.txt"] == _entry("sha256:0")
    assert str(resolved["files:text:1.txt"]) == (
        "files:text:1.txt: not in sources.lock.json: run `flancollect lock`"
    )
    assert isinstance(frozen_sources(sources, Lock())["files:text:1.txt"], SourceError)


def test_a_locked_hub_commit_is_pinned(tmp_path):
    source = HubSource(hub="org/pairs")
    key = source_key(source)
    pinned = resolve_sources(
        {key: CardSource(source=source, root=tmp_path)}, OFFLINE, Lock(sources={key: _entry(COMMIT)})
    )
    assert pinned == {key: _entry(COMMIT)}
    mirrored = Lock(sources={key: _entry("sha256:0")})
    looked = resolve_sources({key: CardSource(source=source, root=tmp_path)}, OFFLINE, mirrored)
    assert "the network is switched off" in str(looked[key])


def test_synthetic_sources_of_the_present_generators_are_not_generated(tmp_path, monkeypatch):
    source = SyntheticSource(synthetic="select_reorder", operation="reverse", items="letters", rows=5)
    key, calls = source_key(source), []
    monkeypatch.setattr(synthetic, "describe", lambda source: calls.append(source) or _entry("made"))
    for revision, made in ((f"synthetic:{synthetic.GENERATOR_VERSION}", 0), ("synthetic:0", 1)):
        resolve_sources(
            {key: CardSource(source=source, root=tmp_path)}, OFFLINE, Lock(sources={key: _entry(revision)})
        )
        assert len(calls) == made


def test_changed_files_are_looked_at_again_though_locked(sources):
    key = "files:text:3.txt"
    resolved = resolve_sources(sources, OFFLINE, Lock(sources={key: _entry("sha256:0", 99)}))
    assert resolved[key].splits["train"].rows == 4


def test_unchanged_files_keep_their_entry(sources, tmp_path):
    key = "files:text:3.txt"
    first = resolve_sources(sources, OFFLINE, Lock())[key]
    marked = first.model_copy(update={"splits": {"train": SplitLock(rows=99, columns={})}})
    assert resolve_sources(sources, OFFLINE, Lock(sources={key: marked}))[key] == marked


def test_an_update_keeps_the_entries_of_failed_and_unasked_sources():
    old = Lock(sources={"a": _entry("1"), "b": _entry("1"), "z": _entry("1")})
    new = update_lock(
        old, {"c": _entry("2"), "b": _entry("2"), "a": SourceError("gone"), "d": SourceError("x")}
    )
    assert {key: entry.revision for key, entry in new.sources.items()} == {
        "a": "1",
        "b": "2",
        "c": "2",
        "z": "1",
    }


def test_a_lock_is_read_as_it_was_written(tmp_path):
    lock = Lock(sources={"a": _entry(COMMIT)})
    write_artifact(tmp_path / "sources.lock.json", lock)
    assert load_lock(tmp_path / "sources.lock.json") == lock


@pytest.mark.parametrize(
    "text", ["{", '{"format": 2, "sources": {}}', '{"sources": {"a": 1}}', '{"other": 1}']
)
def test_a_foreign_lock_is_a_usage_error_with_its_path(tmp_path, text):
    path = tmp_path / "sources.lock.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"sources.lock.json: "):
        load_lock(path)
    with pytest.raises(UsageError, match="cannot be read"):
        load_lock(tmp_path / "none.json")
