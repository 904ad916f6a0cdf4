"""A plan that looked at its sources says which of their first rows a build would drop."""

from __future__ import annotations

import json
from pathlib import Path

from flancollect.building.outlook import ROWS, Outlook, outlook
from flancollect.planning.plan import plan
from flancollect.planning.request import BuildRequest
from flancollect.sources.table import SourceAccess
from tests.building.test_settle import catalogue, mixture, questions
from tests.small import command, nothing_embedded

CARD = mixture(30, "  a: {variants: {zs_opt: 1}}\n")


def test_rows_that_a_build_would_drop_are_counted_by_reason(tmp_path: Path) -> None:
    thinned = [(q, a if i % 4 else None) for i, (q, a) in enumerate(questions(20))]
    tasks = {"a_1": thinned, "a_2": questions(20, 100), "a_3": [("never", None)] * 3}
    folder = catalogue(tmp_path / "cards", tasks, m=CARD)
    access = SourceAccess(cache=tmp_path / "cache")
    with nothing_embedded():
        planned = plan(BuildRequest("m", catalogs=(folder,), access=access, resolve_from="sources"))
        assert outlook(planned, access) == {
            "a_1": Outlook(looked_at=20, dropped={"null answer": 5}),
            "a_3": Outlook(looked_at=3, dropped={"null answer": 3}),
        }
    ran = command("plan", "m", "--resolve", catalogue=folder)
    # The one without a usable row comes first.
    assert [line for line in ran.out.splitlines() if line.startswith("falls away")] == [
        "falls away: a_3: 0 of 3 rows looked at are usable: null answer (3)",
        "falls away: a_1: 15 of 20 rows looked at are usable: null answer (5)",
    ]
    as_json = json.loads(command("plan", "m", "--resolve", "--json", catalogue=folder).out)
    assert as_json["falling_away"]["a_1"] == {"looked_at": 20, "dropped": {"null answer": 5}, "error": ""}


def test_without_looking_at_sources_nothing_is_said_of_rows(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards", {"a_1": [("never", None)] * 3}, m=CARD)
    assert "falls away" not in command("plan", "m", catalogue=folder).out


def test_a_build_reads_just_these_rows_first(tmp_path: Path) -> None:
    rows = [(q, a if i % 3 else None) for i, (q, a) in enumerate(questions(4 * ROWS))]
    folder = catalogue(tmp_path / "cards", {"a_1": rows}, m=mixture(ROWS, "  a: {variants: {zs_opt: 1}}\n"))
    access = SourceAccess(cache=tmp_path / "cache")
    with nothing_embedded():
        planned = plan(BuildRequest("m", catalogs=(folder,), access=access, resolve_from="sources"))
        look = outlook(planned, access)["a_1"]
    ran = command("build", "m", "--out", tmp_path / "out", "--json", catalogue=folder)
    assert look.looked_at == ROWS
    assert ran.code == 0
    (task,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["tasks"]
    assert look.dropped["null answer"] <= task["dropped"]["null answer"]


def test_a_source_that_fails_is_said_with_its_error(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "cards", {"a_1": questions(5)}, m=CARD)
    access = SourceAccess(cache=tmp_path / "cache")
    with nothing_embedded():
        planned = plan(BuildRequest("m", catalogs=(folder,), access=access, resolve_from="sources"))
        (folder / "a_1.jsonl").write_text("{broken\n")
        look = outlook(planned, access)["a_1"]
    assert look.looked_at == look.usable == 0
    assert "a_1.jsonl" in look.error
