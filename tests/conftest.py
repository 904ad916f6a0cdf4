"""No test reaches beyond this machine; golden files are compared, or rewritten with --update-golden."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import settings

REPO = Path(__file__).resolve().parent.parent
SHARED = REPO.parent / "shared"
LOOPBACK = ("127.", "::1", "localhost")

# Nothing is asserted on wall time: a busy machine is no failure.
settings.register_profile("flancollect", deadline=None)
settings.load_profile("flancollect")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden from what is rendered now"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = pytest.mark.skip(reason=f"the optional folder of real data is not there: {SHARED}")
    for item in items:
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(absent)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Connections to anywhere but this machine fail at once; no setting of the user's machine leaks in."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and not host.startswith(LOOPBACK):
            raise OSError(f"tests may not connect to {host}")
        real(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)
    for name in ("FLANCOLLECT_MIRROR", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLANCOLLECT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> object:
    """Compare text with tests/golden/<name>, or write it with --update-golden."""

    def compare(name: str, text: str) -> None:
        path = REPO / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing; run pytest --update-golden and read the diff"
        assert text == path.read_text(encoding="utf-8"), (
            f"{path} differs; run pytest --update-golden and read the diff"
        )

    return compare


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the small catalogue of tests/data, to be changed."""
    return shutil.copytree(REPO / "tests" / "data" / "catalogue", tmp_path / "catalogue")
