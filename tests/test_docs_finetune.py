"""docs/finetune.md says every key of run cards and every preset, and no other."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from finetune.config import RunCard, preset_names
from tests.small import REPO

PAGE = (REPO / "docs" / "finetune.md").read_text(encoding="utf-8")


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        key = prefix + (field.alias or name)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= keys(kind, key + ".")
        else:
            names.add(key)
    return names


def test_every_key_has_its_row_and_every_row_a_key() -> None:
    table = PAGE.split("## Keys")[1].split("## Presets")[0]
    assert set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)) == keys(RunCard)


def test_every_preset_is_named() -> None:
    section = PAGE.split("## Presets")[1].split("## ")[0]
    names = set(re.findall(r"`([\w.-]+)`", section))
    # `-base` after `flan-t5-small` is flan-t5-base.
    full = {name for name in names if not name.startswith("-")}
    full |= {f"{stem}{name}" for name in names if name.startswith("-") for stem in ("flan-t5", "flan-palm")}
    assert set(preset_names()) <= full
    assert {name for name in names if not name.startswith("-")} <= set(preset_names())
