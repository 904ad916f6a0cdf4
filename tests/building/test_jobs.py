"""What becomes of a task whose variants differ in what they can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from flancollect.errors import SourceError
from tests.catalogs import colours, write
from tests.small import built, request

STYLES = """
    options: {dashes: {item: "- {{ text }}"}}
    shots: {plain: {exemplar: "{{ input }} {{ target }}", query: "{{ input }}"}}
"""


def test_a_row_without_exemplars_still_serves_zero_shot(tmp_path: Path) -> None:
    catalogue = colours(tmp_path / "catalogue", data="thing,label\ngrass,0\n")
    write(catalogue, {"_styles.yaml": STYLES})
    manifest = built(tmp_path / "out", request("colours", catalogue)).manifest
    rows = {task.variant: (task.rows, dict(task.dropped)) for task in manifest.tasks}
    assert rows == {"zs_opt": (1, {}), "fs_opt": (0, {"no exemplar: the pool has no other row": 1})}
    assert not manifest.skipped


def test_a_task_without_a_usable_row_is_skipped_for_its_source_each_time(tmp_path: Path) -> None:
    catalogue = colours(tmp_path / "catalogue", data="thing,label\ngrass,-1\n")
    for _ in range(2):
        with pytest.raises(SourceError, match=r"none of 1 rows is usable \(1 rows: unlabelled\)"):
            built(tmp_path / "out", request("colours", catalogue))
