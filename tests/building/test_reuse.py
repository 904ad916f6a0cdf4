"""Rows that an earlier run of a job left are copied where they would come out the same, and no byte differs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from flancollect.building.cache_keys import template_hash
from flancollect.building.reuse import MISSING, previous_rows
from flancollect.cards.family import Template
from flancollect.dataset.job_file import write_rendered
from flancollect.dataset.row_codec import Decoder, encode
from flancollect.dataset.schemas import MIXTURE
from tests.building.test_build import files_of
from tests.builds import rendered_rows
from tests.small import built, request

ROWS = rendered_rows("rte", "fs_opt", 30)
BLOCK = encode(ROWS.to_batches()[0])


def template(number, text="{{ question }}"):
    return Template(
        id=f"qa/forward/ask_{number}",
        direction="forward",
        name=f"ask_{number}",
        intro=None,
        input=text,
        target="{{ answer }}",
        options="either",
        shows_options=False,
        hold_out=False,
        file="qa.yaml",
        line=1,
    )


TEMPLATES = [template(number) for number in range(3)]


@pytest.fixture
def previous(tmp_path):
    """A file whose row n was rendered with template n modulo 3."""
    path = tmp_path / "job.rows"
    write_rendered(path, [BLOCK], {}, {template.id: template_hash(template) for template in TEMPLATES})
    return path


def test_rows_are_found_by_source_row_and_template(previous):
    found = previous_rows([previous], TEMPLATES, MIXTURE)
    ids = np.array([7, 3, 29, 4])
    numbers = found.find(0, ids, ids % 3)
    rows = Decoder(found.rows(numbers)).column("provenance.source_row", np.arange(4))
    assert rows.to_pylist() == [7, 3, 29, 4]
    assert found.find(0, ids, (ids + 1) % 3).tolist() == [MISSING] * 4
    assert found.find(1, ids, ids % 3).tolist() == [MISSING] * 4
    assert found.find(0, np.array([30, 99]), np.array([0, 0])).tolist() == [MISSING] * 2


@pytest.mark.parametrize("change", [{"input": "{{ question }}?"}, {"intro": "Answer."}, {"target": "no"}])
def test_rows_of_a_changed_template_are_gone(previous, change):
    found = previous_rows([previous], [TEMPLATES[0], replace(TEMPLATES[1], **change), TEMPLATES[2]], MIXTURE)
    ids = np.arange(30)
    assert ((found.find(0, ids, ids % 3) == MISSING) == (ids % 3 == 1)).all()


def test_templates_are_told_apart_by_name_not_by_place(previous):
    found = previous_rows([previous], [template(5), TEMPLATES[2], TEMPLATES[0]], MIXTURE)
    ids = np.arange(30)
    place = np.array([2, 0, 1])[ids % 3]
    assert ((found.find(0, ids, place) == MISSING) == (ids % 3 == 1)).all()


def test_of_several_files_the_one_that_helps_most_is_taken(previous, tmp_path):
    other = tmp_path / "other.rows"
    write_rendered(other, [BLOCK], {}, {TEMPLATES[0].id: template_hash(TEMPLATES[0])})
    for paths in ([previous, other], [other, previous]):
        assert len(previous_rows(paths, TEMPLATES, MIXTURE).keys) == 30


@pytest.mark.parametrize("paths", [[], ["missing.rows"], ["damaged.rows"], ["empty.rows"]])
def test_where_nothing_is_nothing_is_found(tmp_path, paths):
    (tmp_path / "damaged.rows").write_bytes(b"flanrows")
    write_rendered(tmp_path / "empty.rows", [], {}, {})
    found = previous_rows([tmp_path / name for name in paths], TEMPLATES, MIXTURE)
    assert found.find(0, np.array([1, 2]), np.array([0, 1])).tolist() == [MISSING, MISSING]


# --- whole builds ------------------------------------------------------------------------------------------


def edited(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


CHANGES = {
    "a template": ("weather/claim.yaml", "Does this say:", "Does that say:"),
    "a template that drops rows": ("quiz/quiz.yaml", "Answer this. {{", "{{ '' if 'e' in answer }}{{"),
    "a template more": (
        "phrases/phrase.yaml",
        "inverted:",
        '  say:\n    input: "{{ text }}"\n    target: "{{ answer }}"\ninverted:',
    ),
    "an intro": ("weather/claim.yaml", "Judge each claim by its report.", "Judge these."),
    "another name": ("weather/claim.yaml", "true_or_not:", "is_it_true:"),
    "shares": ("small.yaml", "weight: 2", "weight: 1"),
    "fewer uses of a row": ("small.yaml", "max_repeat: 2", "max_repeat: 1"),
}


@pytest.mark.parametrize(("change", "workers"), [*((change, 1) for change in CHANGES), ("a template", 2)])
def test_a_changed_build_is_what_a_fresh_one_would_be(tmp_path, copied, change, workers):
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    built(out, request(catalogue=copied))
    file, old, new = CHANGES[change]
    edited(copied / file, old, new)
    again = built(out, request(catalogue=copied), workers=workers)
    anew = built(fresh, request(catalogue=copied))
    assert again.report.rendered_jobs > 0
    assert again.report.copied_rows > 0
    assert anew.report.copied_rows == 0
    assert files_of(out) == files_of(fresh)


def test_what_another_run_left_helps_and_is_deleted(tmp_path, copied):
    out = tmp_path / "out"
    built(out, request(catalogue=copied))
    first = set(out.glob(".work/rendered/*.rows"))
    before = files_of(out)
    edited(copied / "weather/claim.yaml", "Does this say:", "Does that say:")
    built(out, request(catalogue=copied))
    second = set(out.glob(".work/rendered/*.rows"))
    assert len(first) == len(second) == 20
    assert len(first - second) == 4
    edited(copied / "weather/claim.yaml", "Does that say:", "Does this say:")
    assert built(out, request(catalogue=copied)).report.copied_rows > 0
    assert set(out.glob(".work/rendered/*.rows")) == first
    assert files_of(out) == before


def test_nothing_is_deleted_while_a_task_is_skipped(tmp_path, copied):
    out = tmp_path / "out"
    built(out, request(catalogue=copied))
    rivers, kept = copied / "facts" / "rivers.json", tmp_path / "rivers.json"
    shutil.move(rivers, kept)
    assert built(out, request(catalogue=copied)).manifest.coverage.skipped_tasks == 1
    shutil.move(kept, rivers)
    again = built(out, request(catalogue=copied))
    assert again.report.rendered_jobs == 0
    assert json.loads((out / "report.json").read_text())["reused_jobs"] == 20
