"""The wheel: all that the embedded collection needs is in it, and it runs from where it is installed."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from tests.small import REPO

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="the build backend is not installed; it is part of the dev extra")
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=REPO, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def cards(folder):
    return {
        str(path.relative_to(REPO))
        for path in (REPO / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_it_holds_cards_templates_lock_and_nothing_foreign(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {*cards("task_cards"), *cards("templates"), "sources.lock.json"}
    assert {f"flancollect/embedded/{name}" for name in wanted} <= names
    assert "flancollect/cli/app.py" in names
    tops = {name.split("/")[0] for name in names}
    assert all(top in {"flancollect", "finetune"} or top.endswith(".dist-info") for top in tops)
    assert not [name for name in names if "test" in name.lower().split("/")[0]]


def test_an_installed_copy_builds_from_its_own_cards(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    env = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}

    def run(*words):
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    where = run("-c", "import flancollect.cards.catalog as c; print(c.embedded_root())")
    assert where.stdout.strip() == str(site / "flancollect" / "embedded"), where.stderr
    words = ("build", "starter", "--rows", "300", "--workers", "1", "--out", "out", "--json")
    ran = run("-m", "flancollect", *words)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["rows"] == 300
