"""A small build that all tests of finetune share."""

from __future__ import annotations

from pathlib import Path

import pytest

import flancollect as fc


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 400 rows of six tasks."""
    out = tmp_path_factory.mktemp("finetune") / "build"
    request = fc.BuildRequest(
        "starter", rows=400, only=("select_first_*", "select_reverse_*", "select_drop_*")
    )
    fc.build(request, out, fc.BuildOptions(workers=1))
    return out
