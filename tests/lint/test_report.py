"""Lints together: severities, silences, and the embedded catalogue."""

from __future__ import annotations

import time
from pathlib import Path

from flancollect.building.cache_keys import rendered_keys
from flancollect.cards.catalog import load_catalog
from flancollect.lint.flan_inversions import INVERTED_IN_FLAN
from flancollect.lint.report import LINTS, lint_catalogue, lint_rows
from tests.catalogs import TASK
from tests.lint.small_cards import FAMILY, catalogue, samples

SILENCE = "lint: {ignore: {few_templates: two are enough for a test}}\n"


def test_the_embedded_catalogue_has_no_problems() -> None:
    catalog = load_catalog()
    start = time.process_time()
    report = lint_catalogue(catalog)
    assert [str(diagnostic) for diagnostic in report.of("problem")] == []
    assert time.process_time() - start < 1.5


def test_the_embedded_catalogue_holds_no_silence_without_use() -> None:
    assert "unused_silence" not in lint_catalogue(load_catalog()).counts("remark")


def test_flan_turns_around_these_many_tasks() -> None:
    assert len(INVERTED_IN_FLAN) == 67


def test_every_lint_looks_at_cards_or_at_rows() -> None:
    assert all((lint.static is None) != (lint.rows is None) for lint in LINTS.values())


def test_a_family_silences_a_lint_with_a_reason(tmp_path: Path) -> None:
    report = lint_catalogue(catalogue(tmp_path, family=FAMILY + SILENCE))
    assert "few_templates" not in report.counts("remark")
    (diagnostic,) = report.silenced
    assert diagnostic.lint == "few_templates"
    assert str(diagnostic).endswith("[silenced: two are enough for a test]")


def test_a_task_silences_a_lint_of_its_own_card(tmp_path: Path) -> None:
    silence = "lint: {ignore: {unknown_license: asked for}}\n"
    task = TASK.replace("license: mit", "license: unknown")
    assert "unknown_license" in lint_catalogue(catalogue(tmp_path / "a", task=task)).counts("remark")
    assert "unknown_license" not in lint_catalogue(catalogue(tmp_path / "b", task=task + silence)).counts(
        "remark"
    )


def test_a_silence_without_use_is_remarked(tmp_path: Path) -> None:
    family = FAMILY + "lint: {ignore: {no_inversion: there is one}}\n"
    report = lint_catalogue(catalogue(tmp_path, family=family))
    unused = [diagnostic for diagnostic in report.diagnostics if diagnostic.lint == "unused_silence"]
    assert [f"{diagnostic.problem}".split("  ")[1] for diagnostic in unused] == [
        "lint.ignore.no_inversion: the lint finds nothing here; take the silence out"
    ]


def test_a_silence_of_a_row_lint_is_judged_when_rows_are_read(tmp_path: Path) -> None:
    catalog = catalogue(tmp_path, family=FAMILY + "lint: {ignore: {label_leak: none}}\n")
    assert "unused_silence" not in lint_catalogue(catalog).counts("remark")
    assert lint_rows(samples(catalog)).counts("remark") == {"unused_silence": 1}


def test_silencing_what_is_no_lint_is_a_problem(tmp_path: Path) -> None:
    family = FAMILY + "lint: {ignore: {few_template: why}}\n"
    (diagnostic,) = lint_catalogue(catalogue(tmp_path, family=family)).of("problem")
    assert 'Did you mean "few_templates"' in diagnostic.problem.what


def test_cases_of_one_problem_are_told_together(tmp_path: Path) -> None:
    other = TASK.replace("task: colours", "task: shades").replace("license: mit", "license: unknown")
    task = TASK.replace("license: mit", "license: unknown")
    report = lint_catalogue(catalogue(tmp_path, task=task, more=other))
    (diagnostic,) = [diagnostic for diagnostic in report.diagnostics if diagnostic.lint == "unknown_license"]
    assert diagnostic.cases == ("colours", "shades")
    assert "(2: colours, shades)" in str(diagnostic)


def test_a_silence_changes_no_cache_key(tmp_path: Path) -> None:
    plain = catalogue(tmp_path / "a").tasks["colours"]
    silenced = catalogue(tmp_path / "b", task=TASK + "lint: {ignore: {label_leak: why}}\n").tasks["colours"]
    assert rendered_keys(plain, scoring=True) == rendered_keys(silenced, scoring=True)
