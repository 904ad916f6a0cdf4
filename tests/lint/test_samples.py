"""Rows for linting: which are read, in which templates, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

from flancollect.lint.samples import BATCHES, ROWS, read_samples
from flancollect.sources.table import SourceAccess
from tests.catalogs import TASK
from tests.lint.small_cards import catalogue, samples

MANY = "thing,label\n" + "".join(f"thing {i},{i % 2}\n" for i in range(3000))


def test_every_template_shows_every_row(tmp_path: Path) -> None:
    (sample,) = samples(catalogue(tmp_path, data=MANY))
    assert len(sample.rows) == ROWS
    assert len(sample.rendered) == 3 * ROWS
    assert {one.options for one in sample.rendered} == {"", "Options:\n- green\n- red"}


def test_a_card_s_own_templates_and_the_inverted_ones_are_shown(tmp_path: Path) -> None:
    (sample,) = samples(catalogue(tmp_path, task=TASK + "templates: [say]\n"))
    assert {one.template.name for one in sample.rendered} == {"say", "find"}


def test_more_rows_are_read_where_a_filter_leaves_few(tmp_path: Path) -> None:
    rare = TASK.replace("family:", 'where: thing.endswith("00")\nfamily:')
    (sample,) = samples(catalogue(tmp_path, task=rare, data=MANY))
    assert sample.rows_read == sum(BATCHES)
    assert len(sample.rows) > ROWS // 4


def test_the_same_rows_are_read_again(tmp_path: Path) -> None:
    catalog = catalogue(tmp_path, data=MANY)
    assert samples(catalog) == samples(catalog)


def test_what_cannot_be_read_says_why_and_stops_nothing(tmp_path: Path) -> None:
    gone = TASK.replace("task: colours", "task: gone").replace("colours.csv", "nowhere.csv")
    lost = TASK.replace("task: colours", "task: lost") + "status: unavailable\nreason: lost at sea\n"
    catalog = catalogue(tmp_path, more=gone)
    lost_too = catalogue(tmp_path / "lost", more=lost)
    read, unread = read_samples([*catalog.tasks.values(), lost_too.tasks["lost"]], SourceAccess(offline=True))
    assert [sample.task.card.task for sample in read] == ["colours"]
    assert "nowhere.csv" in unread["gone"]
    assert unread["lost"] == "lost at sea"
