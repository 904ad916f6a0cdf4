"""Splits are disjoint by content, agree across cells that share items, and only grow."""

import json
from collections import defaultdict

import numpy as np
import pytest

from flancollect.artifacts import canonical_json
from flancollect.cards.source_card import SyntheticSource
from flancollect.errors import SourceError
from flancollect.sources.synthetic import GENERATORS, SPLITS, describe, open_split, problems, split_of
from tests.sources.synthetic.cells import cells, first_rows


def source(name, rows=400, few=60, **parameters):
    return SyntheticSource.model_validate(
        {"synthetic": name, "rows": rows, "validation_rows": few, "test_rows": few, **parameters}
    )


def opened(card, split):
    table = open_split(card, split)
    return table.take(np.arange(table.rows), table.schema.names).rows()


@pytest.mark.parametrize("name", GENERATORS)
def test_no_content_is_in_two_splits_of_any_two_cells(name):
    generator, homes = GENERATORS[name], defaultdict(set)
    for cell, parameters in cells():
        if cell != name:
            continue
        for split in SPLITS:
            contents = [
                canonical_json([row[c] for c in generator.content])
                for row in opened(source(name, **parameters), split)
            ]
            assert len(set(contents)) == len(contents)
            for content in contents:
                homes[content].add(split)
    assert all(len(splits) == 1 for splits in homes.values())


def test_lists_have_one_split_in_every_generator_that_shows_them_alike():
    train = {
        row["items"]
        for row in opened(source("select_reorder", 2000, operation="reverse", items="letters"), "train")
    }
    test = {
        row["items"]
        for row in opened(source("sorting", 2000, 300, order="ascending", items="letters"), "test")
    }
    assert len(train) == 2000
    assert len(test) == 300
    assert not train & test


def test_more_rows_only_append():
    few = source("select_reorder", 100, 20, operation="first", items="words")
    many = source("select_reorder", 900, 80, operation="first", items="words")
    for split in SPLITS:
        small, large = opened(few, split), opened(many, split)
        assert len(small) < len(large)
        assert large[: len(small)] == small


def test_small_input_spaces_end_and_say_how_many_rows_they_hold():
    lock = describe(source("calendar_steps", 4000, 200, cycle="weekday", direction="after"))
    rows = {split: of.rows for split, of in lock.splits.items()}
    assert 500 < rows["train"] < 600
    assert sum(rows.values()) <= 7 * 98
    assert lock.splits["train"].columns == {"start": "string", "steps": "string", "label": "int64"}
    assert lock.revision == "synthetic:1"


def test_four_of_five_contents_go_to_train():
    splits = [split_of(str(i))[1] for i in range(10_000)]
    assert [round(splits.count(split) / 1000) for split in SPLITS] == [8, 1, 1]


def test_rows_are_asked_for_by_number_and_column():
    table = open_split(source("sums", operation="add"), "validation")
    assert table.rows == 60
    assert list(table.take(np.array([3, 5]), ["answer"]).columns) == ["answer"]


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (source("sort_items"), 'no generator "sort_items". Generators: '),
        (
            source("sorting", order="upwards", items="words"),
            'no order "upwards". Values: ascending, descending.',
        ),
        (
            source("sorting", order="ascending", item="words"),
            'no parameter "item". Parameters: order, items. Did you mean "items"?',
        ),
        (
            source("sorting", order="ascending"),
            'needs the parameter "items". Values: letters, words, numbers, names.',
        ),
    ],
)
def test_wrong_sources_are_told_what_there_is(card, said):
    assert any(said in problem for problem in problems(card))
    with pytest.raises(SourceError):
        describe(card)


def test_a_missing_and_an_unknown_parameter_are_both_told():
    assert len(problems(source("sorting", order="ascending", item="words"))) == 2


def test_unknown_splits_are_refused():
    with pytest.raises(SourceError, match="Splits: train, validation, test"):
        open_split(source("sums", operation="add"), "dev")


def test_every_cell_is_free_of_problems_and_fits_its_columns():
    for name, parameters in cells():
        card = source(name, 20, 2, **parameters)
        assert problems(card) == []
        row = first_rows(name, tuple(parameters.values()))[0]
        assert list(row) == GENERATORS[name].schema.names


def test_first_rows_stay_what_they_are(golden):
    lines = [
        canonical_json(
            {"generator": name, **parameters, "rows": first_rows(name, tuple(parameters.values()))[:1]}
        )
        for name, parameters in cells()
    ]
    assert all(json.loads(line)["rows"] for line in lines)
    golden("synthetic_rows.jsonl", "\n".join(lines) + "\n")
