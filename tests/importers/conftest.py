"""Importers are tested beside a small embedded collection, whatever the real one holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importers import checkouts


@pytest.fixture(autouse=True)
def _small_collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkouts.embedded(tmp_path / "embedded")
    for module in ("flancollect.cards.catalog", "flancollect.planning.resolve"):
        monkeypatch.setattr(f"{module}.embedded_root", lambda: root)
