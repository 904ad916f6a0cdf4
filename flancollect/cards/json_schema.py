"""JSON Schemas of the cards, so that editors complete and check YAML while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flancollect.artifacts import write_atomically
from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.expand import Expand
from flancollect.cards.family_card import FamilyCard
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.style_card import StylesCard
from flancollect.cards.task_card import TaskCard
from flancollect.errors import UsageError


def card_schemas() -> dict[str, dict[str, Any]]:
    """The schema of every kind of card by name."""
    schemas = {
        name: model.model_json_schema()
        for name, model in (
            ("task", TaskCard),
            ("family", FamilyCard),
            ("styles", StylesCard),
            ("mixture", MixtureCard),
            ("benchmark", BenchmarkCard),
        )
    }
    # Expanding takes this key away before the card is validated, but an editor sees it in the file.
    schemas["task"]["properties"]["expand"] = Expand.model_json_schema()
    return schemas


def write_schemas(schemas: dict[str, dict[str, Any]], out: Path) -> list[Path]:
    """Write `<kind>.schema.json` files and give their paths."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, schema in schemas.items():
            write_atomically(out / f"{name}.schema.json", (json.dumps(schema, indent=1) + "\n").encode())
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from error
    return [out / f"{name}.schema.json" for name in schemas]
