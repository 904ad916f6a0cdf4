"""Real checkouts, where FLANCOLLECT_PROMPTSOURCE or FLANCOLLECT_FLAN name them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from flancollect.building.build import BuildOptions, build
from flancollect.cards.catalog import load_catalog
from flancollect.importers import import_catalogue
from flancollect.planning.prepare import BuildRequest
from flancollect.sources.mirror import load_mirror
from flancollect.sources.table import SourceAccess
from tests.catalogs import write
from tests.conftest import SHARED

MIXTURE = """
    mixture: zero_shot
    size: 100000
    parts: {promptsource: {cap: 20, variants: {zs_opt: 1}}}
"""


def checkout(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} names no checkout")
    return Path(os.environ[variable])


@pytest.mark.slow
def test_promptsource_converts_almost_whole(tmp_path: Path) -> None:
    conversion = import_catalogue("promptsource", checkout("FLANCOLLECT_PROMPTSOURCE"), tmp_path / "out")
    assert conversion.total == 2085
    assert conversion.converted >= 0.95 * conversion.total


@pytest.mark.slow
@pytest.mark.shared
def test_promptsource_names_and_builds_the_tasks_of_t0sf(tmp_path: Path) -> None:
    import_catalogue("promptsource", checkout("FLANCOLLECT_PROMPTSOURCE"), tmp_path / "out")
    with (SHARED / "flan2022" / "t0sf.csv").open(encoding="utf-8", newline="") as file:
        names = [f"p3_{row['p3_task']}" for row in csv.DictReader(file)]
    assert set(names) <= load_catalog([tmp_path / "out"]).tasks.keys()
    request = BuildRequest(
        name="zero_shot",
        catalogs=(tmp_path / "out", write(tmp_path / "mixture", {"mixture.yaml": MIXTURE})),
        only=tuple(names),
        access=SourceAccess(mirror=load_mirror(SHARED / "mirror.yaml"), offline=True),
    )
    manifest = build(request, BuildOptions(out=tmp_path / "built", workers=1)).manifest
    assert (manifest.coverage.built_tasks, manifest.skipped) == (len(names), [])


@pytest.mark.slow
def test_flan_converts_almost_whole(tmp_path: Path) -> None:
    conversion = import_catalogue("flan", checkout("FLANCOLLECT_FLAN"), tmp_path / "out")
    assert conversion.total > 3000
    assert conversion.converted >= 0.95 * conversion.total
