from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from finetune.config import RunCard, load_run, preset_names
from flancollect.errors import CardError, UsageError

CARD = """\
finetune: mine
extends: starter
model: {from: ../base}
data: {build: ./build, batch_rows: 4}
schedule: {steps: 7}
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_card_extends_a_preset_key_by_key(tmp_path: Path) -> None:
    card = load_run(written(tmp_path, CARD))
    assert (card.model.from_, card.model.init) == (f"{tmp_path}/../base", None)
    assert card.data.build == f"{tmp_path}/build"
    assert (card.data.batch_rows, card.data.row_tokens) == (4, 1200)
    assert (card.schedule.steps, card.schedule.warmup_steps) == (7, 20)


def test_settings_go_on_top(tmp_path: Path) -> None:
    card = load_run(
        written(tmp_path, CARD), ["schedule.steps=9", "data.order=[[a*], [b, c]]", "data.validation=50"]
    )
    assert card.schedule.steps == 9
    assert card.data.order == [["a*"], ["b", "c"]]
    assert card.data.validation == 50


def test_all_problems_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    text = CARD.replace("steps: 7", "stepz: 7").replace("batch_rows: 4", "batch_rows: none")
    with pytest.raises(CardError) as error:
        load_run(written(tmp_path, text), ["optimizer.name=sgd"])
    message = str(error.value)
    assert 'run.yaml:5  unknown key "schedule.stepz"' in message
    assert 'Did you mean "steps"?' in message
    assert "run.yaml:4  data.batch_rows" in message
    assert (
        "--set optimizer.name=sgd  optimizer.name: Input should be 'adafactor', 'adamw' or 'muon'" in message
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"extends: starter": "extends: nosuch"}, "extends: no preset nosuch"),
        (
            {"model: {from: ../base}": "model: {from: x, init: {model_type: t5}}"},
            "exactly one of the keys: from, init",
        ),
        ({"batch_rows: 4": "batch_rows: 4, micro_rows: 3"}, "no multiple of micro_rows 3"),
        ({"steps: 7": "steps: 7, shape: wavy"}, "schedule.shape"),
        ({"finetune: mine": "finetune: ../mine"}, "finetune"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, str], says: str, tmp_path: Path) -> None:
    text = CARD
    for before, after in change.items():
        text = text.replace(before, after)
    with pytest.raises(CardError) as error:
        load_run(written(tmp_path, text))
    assert says in str(error.value)


def test_folders_of_settings_are_those_of_the_working_directory(tmp_path: Path) -> None:
    card = load_run(written(tmp_path, CARD.replace("./build", "build")), ["model.from=./x"])
    assert (card.data.build, card.model.from_) == (f"{tmp_path}/build", "./x")
    assert load_run(written(tmp_path, CARD), ["data.build=./y"]).data.build == "./y"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("saving.patience=2", "needs data.validation"),
        ("model.lora=4", "muon has no use for an adapter"),
        ("data.order=[]", "data.order"),
        ("data.order=[[]]", "data.order"),
        ("data.validation=-5", "a count of rows, or a folder"),
    ],
)
def test_settings_that_do_not_fit_the_others_are_refused(setting: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(CardError, match=says):
        load_run(written(tmp_path, CARD), [setting])


def test_an_odd_start_of_weights_is_refused() -> None:
    with pytest.raises(CardError, match="embedding_std is a number"):
        load_run("starter", ["model.init.embedding_std=abc"])


def test_a_setting_is_one_key() -> None:
    with pytest.raises(UsageError, match="one key at a time"):
        load_run("starter", ["schedule.seed=1\nsteps: 3"])


def test_a_name_that_is_neither_says_what_there_is() -> None:
    with pytest.raises(UsageError, match=r'neither a file nor a preset.*Did you mean "starter"'):
        load_run("startr")
    with pytest.raises(UsageError, match="no such run card"):
        load_run("starter.yaml")
    with pytest.raises(UsageError, match="write it as key=value"):
        load_run("starter", ["schedule.steps"])


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_card(name: str) -> None:
    card = load_run(name)
    assert card.finetune == name


def test_a_run_card_has_at_most_thirty_fields() -> None:
    def leaves(model: type[BaseModel]) -> int:
        inner: list[Any] = [field.annotation for field in model.model_fields.values()]
        return sum(
            leaves(kind) if isinstance(kind, type) and issubclass(kind, BaseModel) else 1 for kind in inner
        )

    assert leaves(RunCard) - 2 <= 30  # its name and what it extends are no settings
