"""Exemplars from another split, another source or in a fixed order; and tasks that cannot be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flancollect.building.build import BuildOptions, build
from flancollect.building.trace import why
from flancollect.cli.app import app
from flancollect.dataset.reader import open_build
from flancollect.errors import CardError
from flancollect.planning.plan import BuildPlan
from flancollect.planning.plan import plan as make_plan
from flancollect.planning.request import BuildRequest
from flancollect.sources.table import SourceAccess
from tests.catalogs import write
from tests.small import nothing_embedded

STYLES = """
    shots:
      plain: {exemplar: "{{ input }}\\n{{ target }}", query: "{{ input }}"}
"""

CARD = """
    task: sums
    submix: mine
    source:
      files: {test: test.csv, dev: dev.csv}
      format: csv
    splits: {test: test, exemplars: dev}
    family: sums
    fields: {question: question}
    answer: {text: answer | string}
    license: mit
    languages: en
    cluster: sums
"""
BORROWS = """
    exemplars_from:
      source: {files: prompt.txt, format: text}
      reshape: prompt_file
      answer: {text: chain}
"""
FAMILY = """
    family: sums
    needs: {question: text}
    example: {question: 1 + 1, answer: 2}
    forward: {ask: {input: "{{ question }} =", target: "{{ answer }}"}}
"""
BENCHMARK = """
    benchmark: exam
    select: {submix: mine}
    split: test
    ask: {variant: fs_opt, shots: 3, exemplars: first}
"""
PROMPT = """Add.

Q: 5 + 5
A: Let's think step by step. Two hands. The answer is 10.

Q: 6 + 1
A: The answer is 7.
"""
MIXTURE = """
    mixture: train
    size: 10
    parts: {all: {select: {submix: "mine; other"}, variants: {zs_opt: 1}}}
"""


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    with nothing_embedded():
        yield


def catalogue(folder: Path, card: str = CARD, **more: str) -> Path:
    files = {
        "sums.yaml": card,
        "family.yaml": FAMILY,
        "_styles.yaml": STYLES,
        "exam.yaml": BENCHMARK,
        "test.csv": "question,answer\n" + "".join(f"{n} + 1,{n + 1}\n" for n in range(9)),
        "dev.csv": "question,answer\n7 + 7,14\n3 + 1,4\n8 + 8,16\n9 + 9,18\n2 + 2,4\n",
    }
    write(folder / "mine", {**files, **more})
    (folder / "mine" / "prompt.txt").write_text(PROMPT, encoding="utf-8")
    return folder / "mine"


def planned(mine: Path, name: str = "exam", **how: Any) -> BuildPlan:
    return make_plan(BuildRequest(name=name, catalogs=(mine,), access=SourceAccess(offline=True), **how))


def built(mine: Path, out: Path) -> Sequence[Mapping[str, Any]]:
    request = BuildRequest(name="exam", catalogs=(mine,), access=SourceAccess(offline=True))
    build(request, out)
    return list(open_build(out))


def test_the_first_rows_of_the_split_for_exemplars_are_shown_in_order(tmp_path: Path) -> None:
    rows = built(catalogue(tmp_path), tmp_path / "out")
    assert len(rows) == 9
    for row in rows:
        same = row["provenance"]["source_row"] == 3  # the pool asks 3 + 1 too
        assert row["provenance"]["exemplars"] == ([0, 2, 3] if same else [0, 1, 2])
        assert row["inputs"].startswith("7 + 7 =\n14\n\n")


def test_exemplars_of_another_source_keep_their_own_answers(tmp_path: Path) -> None:
    rows = built(catalogue(tmp_path, CARD.rstrip() + BORROWS), tmp_path / "out")
    (row,) = [row for row in rows if row["provenance"]["source_row"] == 0]
    assert row["provenance"]["exemplars"] == [0, 1]
    assert "Two hands. The answer is 10." in row["inputs"]
    assert row["targets"] == "1"
    (asked,) = [row for row in rows if row["provenance"]["source_row"] == 6]
    assert asked["provenance"]["exemplars"] == [0]  # it asks 6 + 1 itself


def test_such_rows_are_traced_and_rendered_again(tmp_path: Path) -> None:
    mine, out = catalogue(tmp_path, CARD.rstrip() + BORROWS), tmp_path / "out"
    built(mine, out)
    request = BuildRequest(name="exam", catalogs=(mine,), access=SourceAccess(offline=True))
    assert all(why(out, row, request).rendered_again for row in range(9))


def test_a_split_with_an_answer_of_its_own_shows_exemplars_with_theirs(tmp_path: Path) -> None:
    card = (
        CARD.rstrip()
        + """
    split_answers:
      test: {text: '"about " ~ answer', also: '[answer | string]'}
"""
    )
    mine = catalogue(tmp_path, card)
    rows = built(mine, tmp_path / "out")
    (row,) = [row for row in rows if row["provenance"]["source_row"] == 1]
    assert row["inputs"] == "7 + 7 =\n14\n\n3 + 1 =\n4\n\n8 + 8 =\n16\n\n1 + 1 ="
    assert (row["targets"], row["question"]["accepted"]) == ("about 2", ["about 2", "2"])
    assert row["provenance"]["exemplars"] == [0, 1, 2]
    (same,) = [row for row in rows if row["provenance"]["source_row"] == 3]
    assert same["provenance"]["exemplars"] == [0, 2, 3]  # the pool asks 3 + 1, too
    request = BuildRequest(name="exam", catalogs=(mine,), access=SourceAccess(offline=True))
    assert all(why(tmp_path / "out", row, request).rendered_again for row in range(9))


def test_a_changed_prompt_file_is_another_build(tmp_path: Path) -> None:
    mine = catalogue(tmp_path, CARD.rstrip() + BORROWS)
    before = built(mine, tmp_path / "before")
    (mine / "prompt.txt").write_text(PROMPT.replace("Two hands", "Ten fingers"), encoding="utf-8")
    after = built(mine, tmp_path / "after")
    assert [row["targets"] for row in before] == [row["targets"] for row in after]
    assert all("Ten fingers" in row["inputs"] for row in after)


def test_a_lender_that_cannot_be_read_skips_the_task_and_says_so(tmp_path: Path) -> None:
    mine = catalogue(tmp_path, CARD.rstrip() + BORROWS)
    (mine / "prompt.txt").unlink()
    (skip,) = planned(mine).skipped
    assert (skip.kind, skip.reason[:22]) == ("source", "exemplars: prompt.txt:")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("split: tran", "reshape"), 'exemplars_from.split: no split "tran"'),
        (("answer: {text: chian}", "answer: {text: chain}"), 'no column "chian"'),
    ],
)
def test_mistakes_in_what_is_borrowed_are_named(tmp_path: Path, change: tuple[str, str], what: str) -> None:
    new, old = change
    borrows = BORROWS.replace(old, new) if old != "reshape" else BORROWS.rstrip() + f"\n      {new}\n"
    (skip,) = planned(catalogue(tmp_path, CARD.rstrip() + borrows)).skipped
    assert skip.kind == "card"
    assert what in skip.reason


def test_a_borrowed_expression_that_cannot_be_compiled_is_a_card_error(tmp_path: Path) -> None:
    mine = catalogue(tmp_path, CARD.rstrip() + BORROWS.replace("text: chain", "text: chain |"))
    with pytest.raises(CardError, match=r"answer.text"):
        make_plan(BuildRequest(name="exam", catalogs=(mine,)))


UNAVAILABLE = CARD.replace("task: sums", "task: lost\n    status: unavailable\n    reason: it was burnt")


def test_a_task_that_cannot_be_had_is_skipped_unlooked_at_and_is_no_failure(tmp_path: Path) -> None:
    lost = UNAVAILABLE.replace("test.csv", "gone.csv").replace("submix: mine", "submix: other")
    train = CARD.replace("splits: {test: test, exemplars: dev}", "splits: {train: test}")
    mine = catalogue(tmp_path, train, **{"lost.yaml": lost, "train.yaml": MIXTURE})
    plan = planned(mine, "train")
    assert [(skip.task, skip.kind, skip.reason) for skip in plan.skipped] == [
        ("lost", "unavailable", "it was burnt")
    ]
    request = BuildRequest(name="train", catalogs=(mine,), access=SourceAccess(offline=True))
    done = build(request, tmp_path / "out", BuildOptions(strict=True))
    assert done.manifest.coverage.planned_tasks == done.manifest.coverage.built_tasks == 1
    assert [skip.kind for skip in done.manifest.skipped] == ["unavailable"]


@pytest.mark.parametrize(
    "card",
    [UNAVAILABLE.replace("    reason: it was burnt\n", ""), CARD.rstrip() + "\n    reason: none\n"],
)
def test_a_reason_goes_with_being_unavailable(tmp_path: Path, card: str) -> None:
    with pytest.raises(CardError, match=r"`reason` goes with `status: unavailable`"):
        make_plan(BuildRequest(name="exam", catalogs=(catalogue(tmp_path, card),)))


def test_parts_of_several_submixes_hold_all_their_tasks(tmp_path: Path) -> None:
    train = CARD.replace("splits: {test: test, exemplars: dev}", "splits: {train: test}")
    other = train.replace("task: sums", "task: more").replace("submix: mine", "submix: other")
    mine = catalogue(tmp_path, train, **{"more.yaml": other, "train.yaml": MIXTURE})
    assert [task.name for task in planned(mine, "train").tasks] == ["more", "sums"]
    unknown = MIXTURE.replace("mine; other", "mine; others")
    write(mine, {"train.yaml": unknown})
    with pytest.raises(CardError, match=r'no task has the submix "others".*Did you mean "other"'):
        make_plan(BuildRequest(name="exam", catalogs=(mine,)))


def test_sizes_declared_for_different_splits_of_one_source_are_all_known(tmp_path: Path) -> None:
    def sized(name: str, split: str, rows: int) -> str:
        card = CARD.replace("task: sums", f"task: {name}\n    rows: {rows}")
        return card.replace("{test: test, exemplars: dev}", f"{{train: {split}}}")

    mine = catalogue(
        tmp_path, sized("a", "test", 5), **{"b.yaml": sized("b", "dev", 3), "train.yaml": MIXTURE}
    )
    write(mine, {"train.yaml": MIXTURE.replace("mine; other", "mine")})
    plan = planned(mine, "train", resolve_from="declared")
    assert {task.name: task.rows for task in plan.tasks} == {"a": 5, "b": 3}
    assert not plan.skipped


def test_cards_check_names_shapes_that_do_not_exist(tmp_path: Path) -> None:
    card = CARD.rstrip() + BORROWS.replace("reshape: prompt_file", "reshape: prompt_flie")
    with pytest.raises(CardError, match=r'exemplars_from.reshape: no shape "prompt_flie".*"prompt_file"'):
        app(["cards", "check", "--catalog", str(catalogue(tmp_path, card))], standalone_mode=False)
