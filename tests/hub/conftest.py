"""A user of a small Hub, and a build to publish there."""

import shutil

import pytest

from flancollect.exports.export import ExportOptions, export
from tests.builds import build, small_jobs
from tests.hub.client import REPO, at_a_new_hub, export_in


@pytest.fixture
def client(tmp_path):
    """A user of a new, empty Hub."""
    with at_a_new_hub(tmp_path / "home") as client:
        yield client


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A build folder of several shards, with the export that publishing makes of it; only to be read."""
    out = tmp_path_factory.mktemp("made") / "build"
    build(out, small_jobs())
    export(out, export_in(out), ExportOptions(address=REPO))
    return out


@pytest.fixture
def out(made, tmp_path):
    """A copy of that folder, to be changed."""
    return shutil.copytree(made, tmp_path / "build")
