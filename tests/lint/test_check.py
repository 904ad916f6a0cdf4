"""`flancollect cards check`: exit codes, and what goes to which stream."""

from __future__ import annotations

import json
from pathlib import Path

from tests.catalogs import TASK
from tests.lint.small_cards import FAMILY, catalogue
from tests.small import Ran, command

DOUBLED = FAMILY.replace(
    "inverted:",
    '  again: {input: "WHAT colour is {{ thing }}?{{ options }}", target: "{{ answer }}"}\ninverted:',
)


def check(folder: Path, *options: str, **parts: str) -> Ran:
    """Check the small catalogue."""
    catalogue(folder, **parts)
    return command("cards", "check", *options, catalogue=folder)


def test_remarks_are_counted_on_stderr_and_fail_nothing(tmp_path: Path) -> None:
    ran = check(tmp_path)
    assert ran.code == 0
    assert ran.out.endswith("0 benchmarks: no problems\n")
    assert ran.err == (
        "rows: 1/1\nrows: 1 tasks read, 0 not on this disk\n1 remark: few_templates 1; --lint lists them\n"
    )


def test_lint_lists_remarks(tmp_path: Path) -> None:
    ran = check(tmp_path, "--lint")
    assert ran.code == 0
    assert "remark: " in ran.err
    assert "2 forward templates; write 10 or more [few_templates]" in ran.err
    assert "detail" not in ran.err


def test_verbose_lists_details_and_silences(tmp_path: Path) -> None:
    ran = check(tmp_path, "--verbose", family=FAMILY + "lint: {ignore: {few_templates: why not}}\n")
    assert "detail: " in ran.err
    assert "[few_templates] [silenced: why not]" in ran.err


def test_problems_end_with_exit_code_3(tmp_path: Path) -> None:
    ran = check(tmp_path, family=DOUBLED)
    assert ran.code == 3
    assert "forward.again: says what forward.ask says" in ran.err
    assert "no problems" not in ran.out


def test_rows_are_linted_on_request(tmp_path: Path) -> None:
    ran = check(tmp_path, "--task", "col*", "--lint", data="thing,label\n" + "grass,0\n" * 10)
    assert ran.code == 0
    assert "few-shot can show no exemplar" in ran.err
    assert "rows: 1 tasks read, 0 not on this disk" in ran.err


def test_a_glob_that_matches_nothing_is_a_usage_error(tmp_path: Path) -> None:
    assert check(tmp_path, "--task", "colour").code == 2


def test_json_holds_counts_and_all_that_was_said(tmp_path: Path) -> None:
    ran = check(tmp_path, "--json", "--verbose", family=DOUBLED, task=TASK.replace("mit", "unknown"))
    values = json.loads(ran.out)
    assert ran.code == 3
    assert values["tasks"] == 1
    assert [one["lint"] for one in values["problems"]] == ["duplicate_template"]
    assert {one["lint"] for one in values["remarks"]} == {"few_templates", "unknown_license"}
    assert values["rows"] == {"tasks_read": 1, "tasks_not_read": 0}
    assert values["details"]


def test_a_card_that_does_not_fit_a_source_at_hand_is_a_problem(tmp_path: Path) -> None:
    ran = check(tmp_path, task=TASK.replace("{thing: thing}", "{thing: nope}"))
    assert ran.code == 3
    assert 'colours.yaml:6  fields.thing: no column "nope"' in ran.err
    assert "no problems" not in ran.out
