"""The page for who writes cards, `docs/cards.md`: its catalogue builds, and what it says of keys and rows is so."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from flancollect.building import doubles
from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.catalog import load_catalog
from flancollect.cards.expand import Expand
from flancollect.cards.family_card import FamilyCard
from flancollect.cards.mixture_card import Limits, MixtureCard
from flancollect.cards.style_card import StylesCard
from flancollect.cards.task_card import Answer, TaskCard
from flancollect.dataset.reader import open_build
from flancollect.jinja.card_filters import __doc__ as card_filters
from flancollect.jinja.expression import compile_template
from flancollect.jinja.filters import REFUSED_FILTERS
from flancollect.render import limits, normalise, prompts
from flancollect.sources.mirror import load_mirror, mirrored_url
from tests.small import EMPTY, REPO, command

PAGE = (REPO / "docs" / "cards.md").read_text("utf-8")
BLOCK = re.compile(
    r"(?:^<!-- file: (?P<file>.+?) -->\n)?^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
FILES = {found["file"]: found["body"] for found in BLOCK.finditer(PAGE) if found["file"]}
TEXTS = [found["body"] for found in BLOCK.finditer(PAGE) if found["kind"] == "text"]
CARDS = {
    "Task cards": TaskCard,
    "Families": FamilyCard,
    "Styles": StylesCard,
    "Mixtures": MixtureCard,
    "Benchmarks": BenchmarkCard,
}


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for name, body in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(body, encoding="utf-8")
    return folder / "kitchen"


def build(name, kitchen, out):
    done = command("build", name, "--out", out, "--strict", "--json", catalogue=kitchen)
    assert done.code == 0, done.err
    return json.loads(done.out), list(open_build(out))


def test_every_block_of_yaml_is_a_file():
    assert PAGE.count("```yaml\n") == sum(name.endswith(".yaml") for name in FILES)
    assert len(re.findall(r"^```", PAGE, re.MULTILINE)) == 2 * len(BLOCK.findall(PAGE))


def test_the_layout_names_every_file():
    (layout,) = (found["body"] for found in BLOCK.finditer(PAGE) if not found["kind"])
    names = set(re.findall(r"[\w/]+\.\w+", layout))
    assert names == {name.removeprefix("kitchen/") for name in FILES if not name.endswith("mirror.yaml")}


def test_the_check_has_one_remark_which_the_page_tells_of(kitchen):
    done = command("cards", "check", "--lint", catalogue=kitchen)
    assert done.code == 0, done.err
    (remark,) = (line for line in done.err.splitlines() if line.startswith("remark: "))
    assert remark.endswith("(kitchen_tips 25%) [unusable_rows]")


def test_it_goes_with_the_embedded_collection(kitchen):
    catalog = load_catalog([kitchen])
    assert {"kitchen-mix"} <= catalog.mixtures.keys()


def test_every_command_is_one_that_runs(kitchen, tmp_path, monkeypatch):
    monkeypatch.chdir(kitchen.parent)
    (block,) = (found["body"] for found in BLOCK.finditer(PAGE) if found["kind"] == "console")
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ flancollect "))
        words = [
            str(tmp_path / word) if before == "--out" else word
            for before, word in zip(["", *words], words, strict=False)
        ]
        done = command(*words, catalogue=None)
        assert done.code == 0, f"{line}\n{done.err}"


def test_the_mixture_is_whole_and_has_what_its_card_names(kitchen, tmp_path):
    report, rows = build("kitchen-mix", kitchen, tmp_path / "mix")
    assert (report["rows"], report["short"]) == (16, 0)
    assert {row["template_type"] for row in rows} >= {"zs_opt", "fs_opt", "zs_noopt", "zs_opt_inv"}
    assert not [row for row in rows if row["template_id"] == "dish_verdict/forward/exam"]
    assert not [
        row for row in rows if "butter" in row["inputs"] + row["targets"]
    ]  # a question of the benchmark
    assert all(row["targets"].strip() for row in rows)
    assert {"where", "null answer"} <= report["dropped"].keys()


def test_the_benchmark_asks_in_words_that_nothing_trains_on(kitchen, tmp_path):
    report, rows = build("kitchen-exam", kitchen, tmp_path / "exam")
    assert report["complete"]
    assert [row["template_id"] for row in rows] == ["dish_verdict/forward/exam"] * 2
    assert all(row["inputs"].count("Verdict:") == 3 for row in rows)


def test_a_submix_by_its_name_has_nothing_held_out_and_no_limits(kitchen, tmp_path):
    report, rows = build("kitchen", kitchen, tmp_path / "all")
    assert {row["template_type"] for row in rows} <= {"zs_opt", "fs_opt"}
    recipe = json.loads((tmp_path / "all" / "manifest.json").read_text())["recipe"]
    assert (recipe["limits"], recipe["hold_out"]) == (Limits().model_dump(), [])
    assert report["rows"]


def test_the_mirror_is_one(kitchen):
    for folder in ("hub", "kitchen", "menus"):
        (kitchen / "mirror" / folder).mkdir(parents=True, exist_ok=True)
    (kitchen / "mirror" / "menus" / "a.csv").write_text("a\n1\n")
    mirror = load_mirror(kitchen / "mirror.yaml")
    assert (
        mirrored_url(mirror, "https://example.org/2020/menus/a.csv") == kitchen / "mirror" / "menus" / "a.csv"
    )


# Keys: what the models have, and what the tables name.


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def has_free_keys(annotation: Any) -> bool:
    """Whether models stand below names of one's own, as templates do."""
    arguments = get_args(annotation)
    own = getattr(annotation, "__origin__", None) is dict and bool([*models_in(arguments[1])])
    return own or any(map(has_free_keys, arguments))


def keys_of(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Every dotted key of a model with its default, as the page writes them."""
    for name, field in model.model_fields.items():
        place = above + name
        if field.is_required():
            default = "needed"
        else:
            value = field.get_default(call_default_factory=True)
            default = (
                "none" if isinstance(value, BaseModel) or value in (None, "", [], {}) else written(value)
            )
        yield place, default
        if name == "split_answers" or place == "exemplars_from.answer" or ".source" in place:
            continue  # as those of `answer` and `source`
        below = f"{place}.NAME." if has_free_keys(field.annotation) else f"{place}."
        for inner in models_in(field.annotation):
            yield from keys_of(inner, below)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(value)}]`"
    if isinstance(value, dict):
        # The default of `splits` is three names, which would be no help as YAML.
        pairs = [f"{key}: {part:g}" for key, part in value.items() if isinstance(part, float)]
        return f"`{{{', '.join(pairs)}}}`" if pairs else "all three, as named"
    if isinstance(value, str):
        return f"`{json.dumps(value)}`" if "\n" in value else f"`{value}`"
    return f"`{value:g}`"


def section(heading: str) -> str:
    return PAGE.split(f"\n### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]


def table(heading: str) -> list[tuple[list[str], list[str]]]:
    """The keys of each row of a section's tables, and its defaults."""
    rows = []
    for line in section(heading).splitlines():
        if line.startswith("| `"):
            cells = line.strip("|").replace("\\|", "/").split(" | ")
            assert len(cells) == 4, line
            rows.append((re.findall(r"`([^`]+)`", cells[0]), cells[2].split("; ")))
    return rows


@pytest.mark.parametrize("heading", CARDS)
def test_every_key_is_named_with_its_default_and_no_other(heading):
    defaults: dict[str, set[str]] = {}
    for key, default in keys_of(CARDS[heading]):
        # Templates of both directions have the same keys.
        defaults.setdefault(key.replace("inverted.NAME.", "forward.NAME."), set()).add(default)
    if heading == "Task cards":
        defaults |= {"expand": {"none"}} | {f"expand.{key}": {d} for key, d in keys_of(Expand)}
    rows = table(heading)
    names = Counter(name for keys, _ in rows for name in keys)
    assert set(names) == set(defaults)
    assert max(names.values()) == 1
    for keys, listed in rows:
        assert set().union(*(defaults[key] for key in keys)) == {part.strip() for part in listed}, keys


def test_every_filter_of_ours_is_named_and_every_refused_one():
    ours = re.findall(r"`(\w+)`", (card_filters or "").split("\n")[0])
    assert len(ours) == 7
    for name in (*ours, "choice"):
        assert f"| {name}" in TEXTS[0], name
    for name in (*REFUSED_FILTERS, "random"):
        assert f"`{name}`" in PAGE, name


# Rows: each line of the blocks is tried.


def lines(number: int, columns: int) -> list[list[str]]:
    rows = [re.split(r"\s{2,}", line) for line in TEXTS[number].splitlines()]
    assert all(len(row) == columns for row in rows), rows
    return rows


@pytest.mark.parametrize(("template", "row", "text"), lines(0, 3))
def test_a_filter_gives_what_is_printed(template, row, text):
    assert compile_template(template).render(json.loads(row)) == json.loads(text.removeprefix("= "))


@dataclass
class Outcome:
    """What a card makes of a row: its field, or the reason why it falls away."""

    field: Any
    reason: str


def normalised(kitchen, kind, row, need="x", where=None, answer="{text: \"'yes'\"}") -> Outcome:
    task = load_catalog([kitchen], EMPTY).tasks["kitchen_tips"]
    update = {
        "fields": {"x": need},
        "where": where,
        "answer": TypeAdapter(Answer).validate_python(yaml.load(answer, yaml.BaseLoader)),
    }
    card, family = task.card.model_copy(update=update), replace(task.family, needs={"x": kind})
    dropped = Counter[str]()
    rows = normalise.normalise(replace(task, card=card, family=family), [0], [json.loads(row)], {}, dropped)
    return Outcome(field=rows[0].fields["x"] if rows else None, reason=next(iter(dropped), ""))


@pytest.mark.parametrize(("kind", "expression", "row", "reason"), lines(1, 4))
def test_a_row_falls_away_for_the_reason_printed(kitchen, kind, expression, row, reason):
    if kind == "where":
        outcome = normalised(kitchen, "text", row, need='"why?"', where=expression)
    else:
        outcome = normalised(kitchen, kind, row, need=expression)
    assert outcome.reason == reason


@pytest.mark.parametrize(("answer", "row", "reason"), lines(2, 3))
def test_an_answer_is_none_for_the_reason_printed(kitchen, answer, row, reason):
    assert normalised(kitchen, "text", row, need='"why?"', answer=answer).reason == reason


@pytest.mark.parametrize(("kind", "expression", "row", "value"), lines(3, 4))
def test_what_is_asked_for_stays(kitchen, kind, expression, row, value):
    outcome = normalised(kitchen, kind, row, need=expression)
    assert (outcome.field, outcome.reason) == (json.loads(value.removeprefix("= ")), "")


def test_the_reasons_of_rendered_rows_are_those_of_the_code():
    text = " ".join(PAGE.split())
    for reason in (
        normalise.HELD_OUT,
        normalise.OTHER_REASONS,
        doubles.WITHIN_TASK,
        doubles.ACROSS_TASKS,
        doubles.SAME_INPUT.format(2),
        limits.ANSWER_CUT_OFF,
        prompts.NO_EXEMPLAR,
        prompts.NO_EXEMPLAR_FITS,
        prompts.EMPTY_PROMPT,
        prompts.EMPTY_TARGET,
    ):
        assert f"`{reason}`" in text, reason


def test_readme_and_contributing_lead_to_the_page():
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "(docs/cards.md)" in (REPO / name).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (REPO / "docs" / target).is_file()
