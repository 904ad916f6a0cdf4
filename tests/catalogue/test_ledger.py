"""The ledger of sources is printed from the cards, and the printed one is up to date."""

from __future__ import annotations

from pathlib import Path

from flancollect.cards.catalog import load_catalog
from flancollect.cards.ledger import ledger

PRINTED = Path(__file__).resolve().parents[2] / "task_cards" / "SOURCES.md"


def test_the_printed_ledger_is_what_the_cards_say() -> None:
    said = ledger(load_catalog())
    assert PRINTED.read_text(encoding="utf-8") == said, (
        "run `flancollect cards sources > task_cards/SOURCES.md`"
    )


def test_it_says_what_stands_for_what_and_what_cannot_be_had() -> None:
    lines = ledger(load_catalog()).splitlines()
    (fix_punct,) = (line for line in lines if line.startswith("| fix_punct |"))
    assert "| para_crawl (enda) | available | cc0-1.0 |" in fix_punct
    assert "| 28,070 |" in fix_punct
    (repair,) = (line for line in lines if "dr_repair" in line)
    assert "| unavailable |" in repair
    assert "not released" in repair
