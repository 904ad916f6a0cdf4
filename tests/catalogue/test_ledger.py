"""The ledger of sources is printed from the cards, and the printed one is up to date."""

from __future__ import annotations

from pathlib import Path

from flancollect.cards.catalog import load_catalog
from flancollect.cards.ledger import differences, ledger
from flancollect.cards.splits import parse_split

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
    assert "a third of the corpus" in fix_punct
    (repair,) = (line for line in lines if "dr_repair" in line)
    assert "| unavailable |" in repair
    assert "not released" in repair


def test_differences_to_the_original_stand_in_the_last_column_and_nowhere_else() -> None:
    catalog = load_catalog()
    cells = {
        cells[0]: cells[-1]
        for line in ledger(catalog).splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split(" |")]) > 1
    }
    assert cells["sst2"] == ""
    assert cells["drop"].startswith("the target is all spans of an answer, Flan's the first of them")
    assert cells["cot_esnli"].startswith("in place of the original: the whole e-SNLI")
    assert cells["bool_q"] == "without the title of the article, which the Hub does not have"
    for task in catalog.tasks.values():
        assert task.card.substitute is None or differences(task.card), task.card.task


def test_every_original_that_counts_other_rows_than_its_split_says_why() -> None:
    """Flan keeps some 200 rows of a task back, and drops unlabelled ones: what is beyond that has a reason."""
    for task in load_catalog().tasks.values():
        card = task.card
        if card.rows is None or card.original_rows is None or parse_split(card.splits["train"]).stop:
            continue
        beyond = abs(card.rows - card.original_rows) > max(220, card.original_rows // 400)
        assert not beyond or differences(card) or card.reason, card.task
