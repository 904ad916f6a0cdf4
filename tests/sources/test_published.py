"""Published texts are read from where they are published, and a card says nothing that it does not read."""

from __future__ import annotations

from pathlib import Path

import pytest

import flancollect as fc
from tests.catalogs import write
from tests.small import nothing_embedded

FAMILY = """
    family: exam
    needs: {head: text, question: text}
    options: none
    example: {head: h, question: q, answer: a}
    forward:
      plain: {intro: "{{ head }}", input: "{{ question }}", target: "{{ answer }}"}
"""
TASK = """
    task: sums
    submix: mine
    source: {files: sums.csv, format: csv}
    splits: {test: train, exemplars: train}
    family: exam
    published:
      source: {files: heads.csv, format: csv}
      where: subject == "sums"
      texts: {head: head, cue: head | first}
    fields: {head: published.head, question: published.cue ~ question}
    answer: {text: answer}
    license: mit
    languages: en
    cluster: sums
"""
BENCHMARK = """
    benchmark: exam
    select: {tasks: [sums]}
    ask: {variant: fs_opt, shots: 1, exemplars: first, styles: {shots: [inline]}}
"""
STYLES = """
    shots:
      inline: {exemplar: "{{ input }} {{ target }}", query: "{{ input }}"}
"""
HEADS = "subject,head\nother,Not this.\nsums,Add.\n"
SUMS = "question,answer\n1+1,2\n2+2,4\n"


def catalogue(folder: Path, task: str = TASK, heads: str = HEADS) -> Path:
    files = {"exam.yaml": FAMILY, "sums.yaml": task, "bench.yaml": BENCHMARK, "_styles.yaml": STYLES}
    return write(folder, {**files, "heads.csv": heads, "sums.csv": SUMS})


def built(folder: Path, **parts: str) -> fc.Build:
    request = fc.BuildRequest("exam", catalogs=(catalogue(folder / "cards", **parts),))
    with nothing_embedded():
        fc.build(request, folder / "out")
    return fc.open_build(folder / "out")


def test_a_prompt_holds_the_published_words(tmp_path: Path) -> None:
    prompts = {row["inputs"] for row in built(tmp_path)}
    assert prompts == {"Add.\n\nA2+2 4\n\nA1+1", "Add.\n\nA1+1 2\n\nA2+2"}


def test_other_words_are_another_build(tmp_path: Path) -> None:
    first = built(tmp_path).content_hash
    second = built(tmp_path, heads=HEADS.replace("Add.", "Sum up."))
    assert second.content_hash != first
    assert all(row["inputs"].startswith("Sum up.\n\nS") for row in second)


def test_why_renders_it_again(tmp_path: Path) -> None:
    built(tmp_path)
    with nothing_embedded():
        request = fc.BuildRequest("exam", catalogs=(tmp_path / "cards",))
        assert fc.why(tmp_path / "out", 0, request).rendered_again


@pytest.mark.parametrize(
    ("heads", "says"),
    [
        ("subject,head\nother,Not this.\n", 'no row of 1 passes `where: subject == "sums"`'),
        ("subject,title\nsums,Add.\n", 'no column "head"'),
    ],
)
def test_words_that_are_not_there_leave_the_task_out(tmp_path: Path, heads: str, says: str) -> None:
    with pytest.raises(fc.FlancollectError, match=says):
        built(tmp_path, heads=heads)


def test_a_word_that_the_card_does_not_read_is_refused_at_its_line(tmp_path: Path) -> None:
    task = TASK.replace("published.head,", "published.haed,")
    with pytest.raises(
        fc.CardError, match=r'sums.yaml:10 .*no text "haed" under `published`.*Did you mean "head"'
    ):
        built(tmp_path, task=task)


def test_the_words_go_before_a_column_of_that_name(tmp_path: Path) -> None:
    folder = catalogue(
        tmp_path / "cards", TASK.replace("published.cue ~ question", "row.published ~ question")
    )
    write(folder, {"sums.csv": "question,answer,published\n1+1,2,1999\n2+2,4,2001\n"})
    with nothing_embedded():
        fc.build(fc.BuildRequest("exam", catalogs=(folder,)), tmp_path / "out")
    prompts = {row["inputs"] for row in fc.open_build(tmp_path / "out")}
    assert prompts == {"Add.\n\n20012+2 4\n\n19991+1", "Add.\n\n19991+1 2\n\n20012+2"}


def test_a_card_without_such_words_reads_the_column_of_that_name(tmp_path: Path) -> None:
    start, end = TASK.index("    published:"), TASK.index("    fields:")
    task = TASK[:start] + TASK[end:].replace("published.head", "published").replace("published.cue ~ ", "")
    folder = catalogue(tmp_path / "cards", task)
    write(folder, {"sums.csv": "question,answer,published\n1+1,2,1999\n2+2,4,2001\n"})
    with nothing_embedded():
        fc.build(fc.BuildRequest("exam", catalogs=(folder,)), tmp_path / "out")
    assert {row["inputs"][:4] for row in fc.open_build(tmp_path / "out")} == {"1999", "2001"}


def test_a_shape_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    task = TASK.replace('where: subject == "sums"', "reshape: nothing")
    with pytest.raises(fc.FlancollectError, match="nothing"):
        built(tmp_path, task=task)
