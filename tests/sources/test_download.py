import pickle
import socket
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from flancollect.cards.source_card import HubSource
from flancollect.errors import SourceError
from flancollect.sources import describe, retry
from flancollect.sources.download import downloaded
from flancollect.sources.table import SourceAccess
from tests.hub import Fault, Hub, repo_of
from tests.hub import serving as serving_hub
from tests.hub.client import TOKEN, logged_in, texts_of
from tests.sources.loopback_files import Files, serving

BIG = bytes(range(256)) * 20_000


@pytest.fixture
def files():
    content = {"/a.txt": b"hello\n", "/big": BIG, "/a%20b/%C3%A9.txt": b"quoted"}
    with serving(Files(content=content)) as running:
        yield running


@pytest.fixture
def access(tmp_path):
    return SourceAccess(cache=tmp_path / "cache", timeout_s=5, retries=3)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Record the waits in place of sleeping."""
    waits = []
    monkeypatch.setattr(retry.time, "sleep", waits.append)
    return waits


def _read(url, access, fresh=False):
    path, sha256 = downloaded(url, access, fresh=fresh)
    assert path.name == sha256
    return path.read_bytes()


def _left_over(access):
    return [path for path in access.cache.rglob("*") if path.name.endswith(".tmp")]


def test_a_file_is_downloaded_once(files, access):
    assert [_read(f"{files.url}/a.txt", access) for _ in range(3)] == [b"hello\n"] * 3
    assert files.log == [("/a.txt", 200, 6)]
    assert not _left_over(access)


def test_equal_content_is_kept_once(files, access):
    files.content["/b.txt"] = b"hello\n"
    assert downloaded(f"{files.url}/a.txt", access, fresh=False) == downloaded(
        f"{files.url}/b.txt", access, fresh=False
    )


def test_asking_afresh_downloads_only_what_changed(files, access):
    url = f"{files.url}/a.txt"
    assert [_read(url, access), _read(url, access, fresh=True)] == [b"hello\n"] * 2
    files.content["/a.txt"] = b"changed\n"
    assert _read(url, access) == b"hello\n"
    assert _read(url, access, fresh=True) == b"changed\n"
    assert _read(url, access) == b"changed\n"
    assert [status for _, status, _ in files.log] == [200, 304, 200]


def test_spaces_and_letters_of_other_scripts_are_quoted(files, access):
    assert _read(f"{files.url}/a b/é.txt", access) == b"quoted"
    assert _read(f"{files.url}/a%20b/%C3%A9.txt", access) == b"quoted"


def test_not_found_is_said_at_once(files, access):
    with pytest.raises(SourceError, match=r"/none: no such file \(404\)$"):
        downloaded(f"{files.url}/none", access, fresh=False)
    assert len(files.log) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_forbidden_is_said_at_once_with_the_way_out(files, access, status):
    files.faults["/a.txt"] = [status]
    with pytest.raises(SourceError, match=rf"access is forbidden \({status}\).*mirror.yaml"):
        downloaded(f"{files.url}/a.txt", access, fresh=False)
    assert len(files.log) == 1


def test_a_failing_server_is_asked_again_after_growing_waits(files, access, no_waiting):
    files.faults["/a.txt"] = [500, 503, 429]
    assert _read(f"{files.url}/a.txt", access) == b"hello\n"
    assert no_waiting == [0.5, 1.0, 2.0]


def test_a_server_that_keeps_failing_is_given_up(files, access):
    files.faults["/a.txt"] = [500] * 9
    with pytest.raises(SourceError, match=r"source unavailable: the server answers 500 .*\(tried 4 times\)"):
        downloaded(f"{files.url}/a.txt", access, fresh=False)
    assert len(files.log) == 4
    assert not _left_over(access)


def test_waits_are_capped(files, tmp_path, no_waiting):
    files.faults["/a.txt"] = [500] * 9
    downloaded(f"{files.url}/a.txt", SourceAccess(cache=tmp_path, retries=9), fresh=False)
    assert max(no_waiting) == 8.0


def test_a_dropped_connection_is_resumed_where_it_broke(files, access):
    files.faults["/big"] = [1_000_000, 2_000_000]
    assert _read(f"{files.url}/big", access) == BIG
    assert files.log == [
        ("/big", 200, 1_000_000),
        ("/big", 206, 2_000_000),
        ("/big", 206, len(BIG) - 3_000_000),
    ]


@pytest.mark.parametrize("lacks", ["ranges", "etags"])
def test_without_ranges_or_marks_a_dropped_download_starts_over(files, access, lacks):
    setattr(files, lacks, False)
    files.faults["/big"] = [1_000_000]
    assert _read(f"{files.url}/big", access) == BIG
    assert [status for _, status, _ in files.log] == [200, 200]


def test_a_file_that_changes_while_it_is_resumed_starts_over(files, access, monkeypatch):
    files.faults["/big"] = [1_000_000]
    monkeypatch.setattr(retry.time, "sleep", lambda _: files.content.update({"/big": BIG[::-1]}))
    assert _read(f"{files.url}/big", access) == BIG[::-1]


def test_a_download_that_always_breaks_leaves_nothing_behind(files, access):
    files.etags = False
    files.faults["/big"] = [10] * 9
    with pytest.raises(SourceError, match=f"the connection broke after 10 of {len(BIG):,} bytes"):
        downloaded(f"{files.url}/big", access, fresh=False)
    assert not [path for path in access.cache.rglob("*") if path.is_file()]


def test_a_file_above_the_bound_is_refused(files, tmp_path):
    access = SourceAccess(cache=tmp_path, max_file_bytes=1000)
    with pytest.raises(SourceError, match="/big: larger than the bound of 1,000 bytes for one file"):
        downloaded(f"{files.url}/big", access, fresh=False)


def test_a_slow_server_times_out_and_is_tried_again(files, tmp_path):
    files.faults["/a.txt"] = [-1]
    assert _read(f"{files.url}/a.txt", SourceAccess(cache=tmp_path, timeout_s=0.2)) == b"hello\n"


@pytest.mark.parametrize("damage", ["cut", "gone", "index"])
def test_a_damaged_cache_entry_is_downloaded_again(files, access, damage):
    path, _ = downloaded(f"{files.url}/a.txt", access, fresh=False)
    if damage == "cut":
        path.write_bytes(b"he")
    elif damage == "gone":
        path.unlink()
    else:
        next((access.cache / "locations").iterdir()).write_bytes(b"{")
    assert _read(f"{files.url}/a.txt", access) == b"hello\n"
    assert len(files.log) == 2


def test_threads_may_download_the_same_file_at_once(files, access):
    found = []
    read = lambda: found.append(_read(f"{files.url}/big", access))  # noqa: E731 (a name for the line below)
    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [BIG] * 8
    assert not _left_over(access)


def test_offline_uses_the_cache_and_nothing_else(files, access, tmp_path):
    _read(f"{files.url}/a.txt", access)
    offline = SourceAccess(cache=access.cache, offline=True)
    assert _read(f"{files.url}/a.txt", offline, fresh=True) == b"hello\n"
    with pytest.raises(SourceError, match="the network is switched off and the cache lacks it"):
        downloaded(f"{files.url}/big", offline, fresh=False)
    assert len(files.log) == 1


def test_an_unwritable_cache_is_said(files, tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(SourceError, match="the cache cannot be written"):
        downloaded(f"{files.url}/a.txt", SourceAccess(cache=tmp_path / "cache"), fresh=False)


# --- dead hosts --------------------------------------------------------------------------------------------

DEAD = "http://127.0.0.1:9"  # the discard port: nothing listens


def test_a_thousand_files_on_a_dead_host_fail_after_two_attempts_in_all(access, no_waiting):
    began = time.monotonic()
    for number in range(1556):
        with pytest.raises(SourceError) as caught:
            downloaded(f"{DEAD}/{number}.json", access, fresh=False)
        assert str(caught.value) == (
            f"{DEAD}/{number}.json: source unavailable: 127.0.0.1:9 cannot be reached "
            f"(the connection is refused)"
        )
    assert len(no_waiting) == 1
    assert time.monotonic() - began < 5


def test_a_name_that_does_not_resolve_counts_as_dead(access, monkeypatch):
    def fail(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(SourceError, match=r"nowhere.invalid cannot be reached \(its name cannot be"):
        downloaded("https://nowhere.invalid/x", access, fresh=False)


def test_a_host_that_never_answers_counts_as_dead(files, tmp_path):
    files.faults["/a.txt"] = [-1] * 9
    access = SourceAccess(cache=tmp_path, timeout_s=0.1, retries=9)
    with pytest.raises(SourceError, match=r"cannot be reached \(no answer in time\)"):
        downloaded(f"{files.url}/a.txt", access, fresh=False)
    assert access.breaker.open_reason(files.url.partition("//")[2]) == "no answer in time"


def test_one_dead_host_leaves_others_alone_and_an_answer_revives(files, access):
    with pytest.raises(SourceError):
        downloaded(f"{DEAD}/x", access, fresh=False)
    assert _read(f"{files.url}/a.txt", access) == b"hello\n"
    host = files.url.partition("//")[2]
    access.breaker.record_failure(host, "once")
    _read(f"{files.url}/big", access)
    access.breaker.record_failure(host, "once more")
    assert access.breaker.open_reason(host) is None


def test_a_dead_host_leaves_its_cached_files_in_use(access, tmp_path):
    with serving(Files(content={"/a.txt": b"hello\n"})) as files:
        url = f"{files.url}/a.txt"
        _read(url, access)
    assert _read(url, access, fresh=True) == b"hello\n"


def test_worker_processes_start_from_what_their_parent_knew(access):
    with pytest.raises(SourceError):
        downloaded(f"{DEAD}/x", access, fresh=False)
    copy = pickle.loads(pickle.dumps(access))
    assert copy.breaker.open_reason("127.0.0.1:9") == "the connection is refused"
    copy.breaker.record_answer("127.0.0.1:9")
    assert access.breaker.open_reason("127.0.0.1:9")
    assert SourceAccess().breaker.open_reason("127.0.0.1:9") is None


# --- other schemes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["memory://x", "ldap://h/x", "simplecache::file:///etc/passwd", "zip://x::http://h/y", "https://h/x::file:///etc"],
)  # fmt: skip
def test_unknown_and_chained_schemes_are_refused(access, url):
    with pytest.raises(SourceError, match=r"no way to read .* can be mapped to a folder in mirror.yaml"):
        downloaded(url, access, fresh=False)


def test_credentials_in_a_url_are_refused_and_not_repeated(access):
    with pytest.raises(SourceError, match=r"^https://host/x\?\.\.\.: credentials must not stand") as caught:
        downloaded("https://me:secret@host/x?sig=secret", access, fresh=False)
    assert "secret" not in str(caught.value)


def test_signatures_in_a_query_are_not_repeated(files, access):
    with pytest.raises(SourceError, match=r"/none\?\.\.\.: no such file") as caught:
        downloaded(f"{files.url}/none?sig=secret", access, fresh=False)
    assert "secret" not in str(caught.value)


class Bucket(MemoryFileSystem):
    protocol = "s3"
    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]
    error = None

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("s3:/"))

    def info(self, path, **kwargs):
        if self.error is not None:
            raise self.error
        return {**super().info(path, **kwargs), "ETag": self.cat(path).decode()}


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setitem(_registry, "s3", Bucket)
    bucket = Bucket()
    bucket.pipe("/bucket/a.txt", b"hello")
    return bucket


def test_other_schemes_are_read_through_their_backend(bucket, access):
    assert _read("s3://bucket/a.txt", access) == b"hello"
    bucket.pipe("/bucket/a.txt", b"changed")
    assert _read("s3://bucket/a.txt", access) == b"hello"
    assert _read("s3://bucket/a.txt", access, fresh=True) == b"changed"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError("x"), "s3://bucket/a.txt: no such file$"),
        (PermissionError("x"), "access is forbidden: check the credentials in the environment"),
        (ImportError("Install s3fs"), "needs a package that is not installed: Install s3fs"),
        (ConnectionRefusedError("x"), r"bucket cannot be reached \(the connection is refused\)"),
        (RuntimeError("token=secret"), r"the backend reports RuntimeError \(tried 4 times\)"),
    ],
)
def test_errors_of_backends_are_said_plainly(bucket, access, monkeypatch, error, message):
    monkeypatch.setattr(Bucket, "error", error)
    with pytest.raises(SourceError, match=message):
        downloaded("s3://bucket/a.txt", access, fresh=False)


@pytest.fixture
def hub(tmp_path):
    repos = {
        name: repo_of(name, {"a" * 40: {"a.txt": b"hello"}}, gated=name == "org/gated")
        for name in ("org/open", "org/gated")
    }
    with serving_hub(Hub(repos=repos)) as hub, logged_in(hub.endpoint, tmp_path):
        yield hub


def test_files_of_the_hub_are_read_through_its_own_backend(hub, access):
    assert _read("hf://datasets/org/open/a.txt", access) == b"hello"
    with pytest.raises(SourceError, match=r"hf://datasets/org/open/b.txt: no such file$"):
        downloaded("hf://datasets/org/open/b.txt", access, fresh=False)


def test_their_failures_are_said_as_for_hub_sources(hub, access, no_waiting):
    page = f"{hub.endpoint}/datasets/org/gated"
    with pytest.raises(SourceError, match=f"a.txt: access is gated: accept its terms at {page}, and log in"):
        downloaded("hf://datasets/org/gated/a.txt", access, fresh=False)
    hub.fail(Fault(status=403))
    with pytest.raises(SourceError, match=r"a.txt: your token may not do this; log in") as caught:
        downloaded("hf://datasets/org/open/a.txt", access, fresh=False)
    assert TOKEN not in texts_of(caught.value)
    assert no_waiting == []


def test_a_dead_hub_is_one_host_for_its_files_and_its_datasets(access, tmp_path):
    with logged_in(DEAD, tmp_path):
        with pytest.raises(SourceError, match=r"unavailable: 127.0.0.1:9 cannot be reached \(.*refused\)$"):
            downloaded("hf://datasets/org/open/a.txt", access, fresh=False)
        with pytest.raises(SourceError, match=r"^org/open \(default\): .* 127.0.0.1:9 cannot be reached"):
            describe(HubSource(hub="org/open"), tmp_path, access)


def test_the_cache_folder_may_start_with_a_tilde(files, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path, _ = downloaded(f"{files.url}/a.txt", SourceAccess(cache=Path("~/kept")), fresh=False)
    assert path.is_relative_to(tmp_path / "kept")
