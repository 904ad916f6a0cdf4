"""Cards whose answer is the rendered target: rows beyond their template are dropped and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flancollect.cards.catalog import load_catalog
from flancollect.cards.mixture_card import Limits, Shots
from flancollect.cards.style_card import ShotStyle
from flancollect.cards.styles import Styles
from flancollect.cards.variants import VARIANTS
from flancollect.render.normalise import normalise
from flancollect.render.picks import DrawScope
from flancollect.render.prompts import EMPTY_PROMPT, EMPTY_TARGET, ExampleStore, Prompt, render_prompts
from tests.catalogs import write
from tests.render.single import pick

FAMILY = """
    family: elsewhere
    needs: {items: any, answer_: any}
    forward:
      only:
        input: "{% if items %}Which? {{ items | join(', ') }}{% endif %}"
        target: "{{ items[answer_] }}"
"""
TASK = """
    task: chosen
    submix: mine
    source: {files: rows.jsonl, format: jsonl}
    family: elsewhere
    fields: {items: items, answer_: answer}
    answer: {rendered: target}
    license: mit
    languages: en
    cluster: choice
"""
ROWS = [
    {"items": ["a", "b"], "answer": 1},
    {"items": ["c"], "answer": 5},
    {"items": None, "answer": 0},
    {"items": ["", "d"], "answer": 0},
    {"items": ["e", "f"], "answer": 0},
]
STYLES = Styles(shots={"plain": ShotStyle(exemplar="{{ input }} {{ target }}", query="{{ input }}")})


def prompts(tmp_path: Path, variant: str, dropped: Counter[str]) -> list[Prompt]:
    folder = write(
        tmp_path, {"family.yaml": FAMILY, "task.yaml": TASK, "task_cards/x": "", "templates/x": ""}
    )
    task = load_catalog([folder], embedded=folder / "none").tasks["chosen"]
    rows = normalise(task, range(len(ROWS)), ROWS, {}, dropped)
    names = DrawScope(seed=0, draws_as="chosen", variant=VARIANTS[variant], repeat=0)
    templates = task.family.templates
    picked = [(row, pick(names, row, templates, STYLES, rows, Shots(min=4, max=4))) for row in rows]
    return render_prompts(picked, ExampleStore(task.family, STYLES), Shots(), Limits(), dropped)


def test_rows_that_a_template_cannot_serve_are_dropped_with_the_reason(tmp_path: Path) -> None:
    dropped: Counter[str] = Counter()
    found = prompts(tmp_path, "zs_opt", dropped)
    assert [(prompt.inputs, prompt.targets) for prompt in found] == [
        ("Which? a, b", "b"),
        ("Which? e, f", "e"),
    ]
    failed = {
        reason: count for reason, count in dropped.items() if reason not in (EMPTY_PROMPT, EMPTY_TARGET)
    }
    assert dropped[EMPTY_TARGET] == 1
    assert failed.pop("null in fields.items") == 1
    assert sum(failed.values()) == 1
    assert all(reason.startswith("forward.only: ") for reason in failed)


def test_such_rows_are_no_exemplars_either(tmp_path: Path) -> None:
    for prompt in prompts(tmp_path, "fs_opt", Counter()):
        (exemplar,) = prompt.exemplars
        assert exemplar.id in (0, 4)
        assert exemplar.id != prompt.row.id
