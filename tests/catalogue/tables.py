"""The facts of Flan 2022 that cards are held against: from the folder of fact tables, or a compact copy here."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

COPIES = Path(__file__).resolve().parent / "facts"
TABLES = Path(__file__).resolve().parents[3] / "shared" / "flan2022"

Rows = list[dict[str, str]]

PARTS = {"Flan2021": "flan2021", "T0": "t0", "NIv2": "niv2", "CoT": "cot", "Dialog": "dialog"}
PAPER_PARTS = {"Muffin": "muffin", "T0-SF": "t0", "CoT": "cot", "NIV2": "niv2"}


def copied(name: str) -> Rows:
    """A table of the compact copy."""
    with (COPIES / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def facts(name: str) -> Rows:
    """A table from its origin if that is there, with the columns of the copy; else the copy."""
    return original(name) if TABLES.is_dir() else copied(name)


def original(name: str) -> Rows:
    """A table from its origin, with the columns of the copy."""
    rows = ORIGINS[name]()
    columns = list(copied(name)[0])
    return [{column: "" if row[column] is None else str(row[column]) for column in columns} for row in rows]


def _csv(name: str) -> Rows:
    with (TABLES / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _json(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TABLES / name).read_text(encoding="utf-8"))
    return found


def _mixtures() -> Iterable[dict[str, Any]]:
    table = _json("mixture.json")
    rates, paper = table["final_rates_run_example"], table["paper"]
    for name, part in table["submixtures"].items():
        yield {"mixture": "flan2022", "part": PARTS[name], "cap": part["cap"], "rate": rates[part["final"]]}
    for mixture, key in (("chung2022-a", "proportion_A"), ("chung2022-b", "proportion_B")):
        for name, part in PAPER_PARTS.items():
            yield {"mixture": mixture, "part": part, "cap": paper["caps"][name], "rate": paper[key][name]}


ORIGINS: dict[str, Any] = {
    "muffin": lambda: _csv("muffin.csv"),
    "t0sf": lambda: _csv("t0sf.csv"),
    "niv2": lambda: [row for row in _csv("niv2.csv") if row["used_in_flan"] == "1"],
    "cot": lambda: _csv("cot.csv"),
    "mixtures": lambda: list(_mixtures()),
    "mmlu": lambda: _json("eval.json")["mmlu"]["subjects"],
    "bbh": lambda: _json("eval.json")["bbh"]["subtask_table"],
}
