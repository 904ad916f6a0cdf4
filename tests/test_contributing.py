"""Every recipe of "How to add" in CONTRIBUTING.md, followed to the letter in a copy of the checkout.

A recipe adds files and, where it adds code, one entry to one dict, with the import that the entry needs. What cards
say is typed on their own floor, so a kind of source and a format of files are named there too. Nothing else in the
copy is edited: a recipe that needs one edit more fails here. The copy has the starter collection alone, so that a
command takes a second.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.small import REPO

COPIED = (
    "pyproject.toml",
    "sources.lock.json",
    "flancollect/**/*",  # with __pycache__: compiling the package takes longer than a command
    "finetune/**/*",
    "task_cards/starter/*",
    "task_cards/mixtures/starter*",
    "task_cards/mixtures/chain*",
    "task_cards/benchmarks/starter*",
    "task_cards/benchmarks/chain*",
    "templates/starter_*",
    "templates/_styles.yaml",
)


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout, what may be done to it by a recipe, and the commands that try the result."""

    root: Path

    def add_file(self, path: str, text: str) -> None:
        target = self.root / path
        assert not target.exists(), f"a recipe adds files, and {path} is one already"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)

    def add_entry(self, path: str, mapping: str, entry: str, imports: str = "") -> None:
        """An entry in a dict of a module, named without its underscore, and the import that the entry needs."""
        line, column = start_of_dict((self.root / path).read_text(), mapping)
        lines = (self.root / path).read_text().splitlines(keepends=True)
        lines[line - 1] = f"{lines[line - 1][:column]}{{{entry}, {lines[line - 1][column + 1 :]}"
        (self.root / path).write_text("".join(lines))
        self.add_lines(path, "from __future__ import annotations", f"\n{imports}\n")

    def add_lines(self, path: str, after: str, text: str) -> None:
        """Lines after one that the file has: an entry of a YAML file after the key of its section."""
        source = (self.root / path).read_text()
        assert source.count(f"\n{after}\n") == 1
        (self.root / path).write_text(source.replace(f"\n{after}\n", f"\n{after}\n{text}"))

    def add_after(self, path: str, start: str, text: str) -> None:
        """A further member of a type that is written out, after the text that opens it."""
        source = (self.root / path).read_text()
        assert source.count(start) == 1, f"{path}: {start!r} is not what opens the type any more"
        (self.root / path).write_text(source.replace(start, start + text))

    def run(self, *words: str, code: int = 0) -> str:
        """Run a module; what it prints, or says on stderr where it is to fail."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PY")}
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stderr if code else done.stdout

    def flancollect(self, *words: str, code: int = 0) -> str:
        return self.run("flancollect", *words, code=code)

    def tasks(self, submix: str) -> list[dict[str, str]]:
        """The tasks of a submix."""
        return list(json.loads(self.flancollect("cards", "list", "--submix", submix, "--json")))

    def build(self, name: str, *words: str, rows: int = 50) -> dict[str, Any]:
        """Build a few rows into the folder `out`; its manifest."""
        self.flancollect("build", name, "--rows", str(rows), "--workers", "1", "--out", "out", *words)
        manifest: dict[str, Any] = json.loads((self.root / "out" / "manifest.json").read_text())
        assert manifest["rows"] == rows
        return manifest


def start_of_dict(source: str, name: str) -> tuple[int, int]:
    """Line (from 1) and column (from 0) of the opening brace of the dict that a module binds to a name."""
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id.lstrip("_") == name for target in targets):
            braces = [part for part in ast.walk(node) if isinstance(part, ast.Dict)]
            return min((brace.lineno, brace.col_offset) for brace in braces)
    raise AssertionError(f"no dict {name}")


def last_import(path: Path) -> str:
    """The line of a module after which its own code begins."""
    return [line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))][-1]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    root = tmp_path / "checkout"
    for pattern in COPIED:
        for path in REPO.glob(pattern):
            if path.is_file():
                target = root / path.relative_to(REPO)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
    return Checkout(root)


# Data: files that people write.

SORTING = """\
task: sort_pets
submix: mine
source: {synthetic: sorting, order: ascending, items: names, rows: 300}
family: starter_sort
fields: {items: items, kind: '"pets"', order: '"by the alphabet"'}
answer: {text: answer}
license: apache-2.0
languages: en
cluster: sorting
"""


def test_a_dataset_is_one_card_whose_lock_and_ledger_are_written_by_commands(checkout: Checkout) -> None:
    checkout.add_file("task_cards/mine/sort_pets.yaml", SORTING)
    assert "no problems" in checkout.flancollect("cards", "check")
    assert " pets by the alphabet" in checkout.flancollect(
        "preview", "sort_pets", "-n", "1", "--variant", "zs_opt"
    )
    checkout.flancollect("lock", "sort_pets")
    checkout.add_file("task_cards/SOURCES.md", checkout.flancollect("cards", "sources"))
    assert checkout.build("sort_pets", "--frozen")["coverage"] == {
        "planned_tasks": 1,
        "built_tasks": 1,
        "skipped_tasks": 0,
    }


def test_many_tasks_are_one_card_and_an_index_beside_it(checkout: Checkout) -> None:
    card = SORTING.replace("sort_pets", '"sort_{{ name }}"').replace("ascending", '"{{ order }}"')
    checkout.add_file("task_cards/mine/sort.yaml", f"expand: {{over: sort.csv}}\n{card}")
    checkout.add_file("task_cards/mine/sort.csv", "name,order\nup,ascending\ndown,descending\n")
    assert [task["task"] for task in checkout.tasks("mine")] == ["sort_down", "sort_up"]
    assert {task["task"] for task in checkout.build("mine")["tasks"]} == {"sort_up", "sort_down"}


def test_one_task_for_every_template_is_one_card(checkout: Checkout) -> None:
    card = SORTING.replace("sort_pets", '"sort_by_{{ template }}"')
    checkout.add_file("task_cards/mine/sort.yaml", f"expand: {{over: templates}}\n{card}")
    names = [task["task"] for task in checkout.tasks("mine")]
    assert "sort_by_imperative" in names
    assert len(names) == 10


TEMPLATE = """\
  alphabet_song:
    input: "Sing these {{ kind }} {{ order }}: {{ items }}"
    target: "{{ answer }}"
"""


def copy_golden_test(checkout: Checkout) -> Path:
    """The folder of golden files, after a copy of the test that writes them."""
    for name in (
        "__init__.py",
        "conftest.py",
        "render/__init__.py",
        "render/single.py",
        "render/test_golden.py",
    ):
        (checkout.root / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / "tests" / name, checkout.root / "tests" / name)
    return Path(shutil.copytree(REPO / "tests" / "golden", checkout.root / "tests" / "golden"))


def test_a_template_is_one_entry_of_its_family_and_a_diff_of_the_golden_file(checkout: Checkout) -> None:
    golden = copy_golden_test(checkout)
    before = {path.name: path.read_text() for path in golden.iterdir()}
    checkout.add_lines("templates/starter_sort.yaml", "forward:", TEMPLATE)
    checkout.run("pytest", "-q", "-p", "no:cacheprovider", "tests/render/test_golden.py", "--update-golden")
    changed = {path.name for path in golden.iterdir() if before.get(path.name) != path.read_text()}
    assert changed == {"starter_sort.txt"}
    assert (
        "Sing these words in alphabetical order: river cup lamp" in (golden / "starter_sort.txt").read_text()
    )
    assert "forward/alphabet_song" in checkout.flancollect("cards", "show", "sort_ascending_words")


FAMILY = """\
# A fraction and its value in another form.
family: fraction
needs: {fraction: text}
example: {fraction: 1/4, answer: "0.25"}
forward:
  plain: {input: "Write {{ fraction }} as a decimal number.", target: "{{ answer }}"}
  what_is: {input: "What is {{ fraction }} with a decimal point?", target: "{{ answer }}"}
  equals: {input: "{{ fraction }} =", target: "{{ answer }}"}
  convert: {input: "Convert the fraction {{ fraction }} to decimals.", target: "{{ answer }}"}
  please: {input: "Please divide {{ fraction | replace('/', ' by ') }} and give all digits.", target: "{{ answer }}"}
  labels: {input: "Fraction: {{ fraction }}\\nDecimal number:", target: "{{ answer }}"}
  calculator: {input: "A calculator is asked for {{ fraction }}. Which number does it show?", target: "{{ answer }}"}
  first: {input: "{{ fraction }}\\nGive the value of this ratio in digits.", target: "{{ answer }}"}
  teacher: {input: "How would you explain to a child what {{ fraction }} comes to?", target: "It is {{ answer }}."}
  point: {input: "Say it with a point in place of a slash: {{ fraction }}", target: "{{ answer }}"}
inverted:
  back: {input: "Which fraction equals {{ answer }}?", target: "{{ fraction }}"}
"""


def test_a_family_is_one_file_of_ten_templates_and_its_golden_file(checkout: Checkout) -> None:
    golden = copy_golden_test(checkout)
    checkout.add_file("templates/fraction.yaml", FAMILY)
    assert "fraction.yaml" not in checkout.flancollect("cards", "check", "--lint", "--json")
    checkout.run(
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/render/test_golden.py",
        "--update-golden",
        "-k",
        "fraction",
    )
    assert "What is 1/4 with a decimal point?\n--> 0.25" in (golden / "fraction.txt").read_text()


def test_a_style_is_one_entry_which_every_mixture_uses_that_does_not_narrow_its_styles(
    checkout: Checkout,
) -> None:
    style = '  stars:\n    header: "Pick a star:"\n    item: "☆ {{ text }}"\n'
    checkout.add_lines("templates/_styles.yaml", "options:", style)
    checkout.build("sentiment_film", rows=400)
    assert "stars" in json.loads(checkout.flancollect("stats", "out", "--json"))["counts"]["option_style"]


def test_a_mixture_is_one_file(checkout: Checkout) -> None:
    card = """\
mixture: lists
size: 1_000
parts:
  sorting: {select: {clusters: [sorting]}, weight: 0.8}
  reviews: {select: {clusters: [sentiment]}, weight: 0.2, variants: {zs_opt: 0.5, fs_opt: 0.5}}
"""
    checkout.add_file("task_cards/mixtures/lists.yaml", card)
    rows = {"zs_opt": 0, "fs_opt": 0}
    for task in checkout.build("lists")["tasks"]:
        rows[task["variant"]] += task["rows"]
    assert rows == {"zs_opt": 45, "fs_opt": 5}


def test_a_benchmark_is_one_file_and_mixtures_hold_it_out_by_its_name(checkout: Checkout) -> None:
    benchmark = """\
benchmark: sorted-words
select: {submix: starter, tasks: ["sort_*_words"]}
rows_per_task: 25
ask: {variant: zs_opt, shots: 0}
hold_out: [tasks]
"""
    checkout.add_file("task_cards/benchmarks/sorted-words.yaml", benchmark)
    assert checkout.build("sorted-words")["kind"] == "benchmark"
    mixture = "mixture: lists\nsize: 1_000\nhold_out: [sorted-words]\nparts: {all: {select: {clusters: [sorting]}}}\n"
    checkout.add_file("task_cards/mixtures/lists.yaml", mixture)
    planned = {task["task"] for task in json.loads(checkout.flancollect("plan", "lists", "--json"))["tasks"]}
    assert "sort_ascending_numbers" in planned
    assert not {name for name in planned if name.endswith("_words")}


# Code: a file, and an entry in one dict.


def private_card(checkout: Checkout, source: str, more: str = "") -> None:
    """A card of a private catalogue, `mine`, over the columns `items` and `answer`."""
    card = SORTING.replace("{synthetic: sorting, order: ascending, items: names, rows: 300}", source)
    checkout.add_file("mine/sort_pets.yaml", f"{card}{more}splits: {{train: train}}\n")


SHAPE = '''\
"""Words in a row, as `items` and in reverse order as `answer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flancollect.sources.shapes.shape import RowShape, texts


def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row."""
    words = row["text"].split()
    return [{"items": " ".join(words), "answer": " ".join(reversed(words))}]


SHAPE = RowShape(reads=("text",), adds=texts("items", "answer"), rows=rows)
'''


def test_a_shape_is_one_file_and_one_entry(checkout: Checkout) -> None:
    checkout.add_file("flancollect/sources/shapes/word_reversal.py", SHAPE)
    checkout.add_entry(
        "flancollect/sources/shapes/__init__.py",
        "SHAPES",
        '"word_reversal": word_reversal.SHAPE',
        "from flancollect.sources.shapes import word_reversal",
    )
    private_card(checkout, "{files: pets.txt, format: text}", "reshape: word_reversal\n")
    checkout.add_file("mine/pets.txt", "cat dog\nowl pig\n")
    assert "dog cat" in checkout.flancollect("preview", "sort_pets", "--catalog", "mine", "-n", "2")


GENERATOR = '''\
"""Two letters, in the order of the alphabet. Columns: `items` (as drawn) and `answer`."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import LETTERS, distinct

PARAMETERS: Mapping[str, tuple[str, ...]] = {"case": ("small", "capital")}
SCHEMA = pa.schema([("items", pa.string()), ("answer", pa.string())])
CONTENT = ("items",)


def row(draws: Draws, *, case: str) -> dict[str, object]:
    """Two different letters."""
    letters = distinct(draws, LETTERS, 2)
    row = {"items": " ".join(letters), "answer": " ".join(sorted(letters))}
    return row if case == "small" else {name: text.upper() for name, text in row.items()}
'''


def test_a_generator_is_one_file_and_one_entry_then_its_tasks_are_locked(checkout: Checkout) -> None:
    checkout.add_file("flancollect/sources/synthetic/letter_pairs.py", GENERATOR)
    checkout.add_entry(
        "flancollect/sources/synthetic/__init__.py",
        "GENERATORS",
        '"letter_pairs": _of(letter_pairs)',
        "from flancollect.sources.synthetic import letter_pairs",
    )
    source = "{synthetic: letter_pairs, case: capital, rows: 300}"
    card = SORTING.replace("{synthetic: sorting, order: ascending, items: names, rows: 300}", source)
    checkout.add_file("task_cards/mine/letters.yaml", card)
    checkout.flancollect("lock", "sort_p*")
    checkout.build("sort_pets", "--frozen")


SOURCE_MODEL = '''

class NumbersSource(Card):
    """As many rows as `numbers` says."""

    numbers: Positive
'''
SOURCE_KIND = '''\
"""Numbers from 1 on: a source that needs no files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import SourceLock, SplitLock
from flancollect.cards.source_card import NumbersSource
from flancollect.sources.parts import table_of
from flancollect.sources.table import SourceAccess, SourceTable

REVISION = "numbers:1"


def source_key(source: NumbersSource) -> str:
    """Its name in the lock."""
    return f"numbers:{source.numbers}"


def describe(source: NumbersSource, root: Path, access: SourceAccess, locked: SourceLock | None) -> SourceLock:
    """One split of two columns."""
    columns = {"items": "string", "answer": "string"}
    return SourceLock(revision=REVISION, splits={"train": SplitLock(rows=source.numbers, columns=columns)})


def waits(source: NumbersSource, root: Path, access: SourceAccess, locked: SourceLock | None) -> bool:
    """It is all work."""
    return False


def open_split(
    source: NumbersSource, split: str, root: Path, access: SourceAccess, locked: SourceLock | None
) -> tuple[SourceTable, str]:
    """The numbers as text."""
    texts = [str(number) for number in range(1, source.numbers + 1)]
    return table_of(pa.table({"items": texts, "answer": texts})), REVISION
'''


def test_a_source_kind_is_a_model_a_module_of_four_functions_and_one_entry_for_each(
    checkout: Checkout,
) -> None:
    path = "flancollect/cards/source_card.py"
    checkout.add_lines(path, last_import(checkout.root / path), SOURCE_MODEL)
    checkout.add_entry(path, "SOURCES", '"numbers": NumbersSource')
    checkout.add_after(path, "\nSource = Annotated[", "NumbersSource | ")
    checkout.add_file("flancollect/sources/numbers.py", SOURCE_KIND)
    checkout.add_entry(
        "flancollect/sources/kinds.py",
        "KINDS",
        "NumbersSource: numbers",
        "from flancollect.cards.source_card import NumbersSource\nfrom flancollect.sources import numbers",
    )
    private_card(checkout, "{numbers: 100}")
    checkout.build("sort_pets", "--catalog", "mine")
    refused = SORTING.replace(
        "{synthetic: sorting, order: ascending, items: names, rows: 300}", "{numbrs: 100}"
    )
    checkout.add_file("other/sort_pets.yaml", refused)
    assert "numbers" in checkout.flancollect("cards", "check", "--catalog", "other", code=3)


FILE_FORMAT = '''\
"""Blocks of `name: value` lines with an empty line between them: every block is a row."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from flancollect.cards.source_card import FileSource
from flancollect.sources.decode import lines_of


def read_blocks(file: Any, source: FileSource) -> list[pa.Table]:
    """Read a file of blocks."""
    blocks = "\\n".join(lines_of(file, source.encoding)).split("\\n\\n")
    return [pa.Table.from_pylist([dict(line.split(": ") for line in block.splitlines()) for block in blocks])]
'''


def test_a_file_format_is_one_function_one_entry_and_its_name_in_the_card(checkout: Checkout) -> None:
    checkout.add_after("flancollect/cards/source_card.py", "    format: Literal[", '"blocks", ')
    checkout.add_file("flancollect/sources/blocks.py", FILE_FORMAT)
    checkout.add_entry(
        "flancollect/sources/files.py",
        "READERS",
        '"blocks": lambda file, source: (read_blocks(file, source), {})',
        "from flancollect.sources.blocks import read_blocks",
    )
    private_card(checkout, "{files: pets.txt, format: blocks}")
    checkout.add_file("mine/pets.txt", "items: dog cat\nanswer: cat dog\n\nitems: pig owl\nanswer: owl pig\n")
    assert "cat dog" in checkout.flancollect("preview", "sort_pets", "--catalog", "mine", "-n", "2")


EXPORT = '''\
"""Prompts in capitals, for models of the telegraph age."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from flancollect.exports.format import Format


def format_for(schema: pa.Schema) -> Format:
    """The prompts alone."""
    text = pa.schema([("text", pa.string())])
    return Format(columns=("inputs",), schema=text, writers={"txt": write_upper})


def write_upper(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """Write one prompt per line."""
    with path.open("w", encoding="utf-8") as out:
        for batch in batches:
            for text in batch["inputs"].to_pylist():
                print(" ".join(text.upper().split()), file=out)
'''


def test_an_export_format_is_one_file_and_one_entry(checkout: Checkout) -> None:
    checkout.add_file("flancollect/exports/upper.py", EXPORT)
    checkout.add_entry(
        "flancollect/exports/formats.py",
        "FORMATS",
        '"upper": "prompts in capitals"',
    )
    checkout.build("sort_ascending_words")
    checkout.flancollect("export", "out", "--format", "upper", "--out", "telegrams")
    (file,) = (checkout.root / "telegrams").rglob("*.txt")
    lines = file.read_text().splitlines()
    assert len(lines) == 50
    assert all(line == line.upper() for line in lines)
    assert "upper" in checkout.flancollect("export", "out", "--format", "upr", "--out", "other", code=2)


LINT = '''\
"""Templates that shout."""

from __future__ import annotations

from collections.abc import Iterator

from flancollect.cards.entries import Catalog
from flancollect.lint.finding import Finding, at_template, own_templates


def shouting(catalog: Catalog) -> Iterator[Finding]:
    """Templates with two exclamation marks."""
    for family in catalog.families.values():
        for template in own_templates(family):
            if "!!" in template.input:
                yield at_template(family, template, "shouts; one exclamation mark will do")
'''


def test_a_lint_is_one_function_and_one_entry(checkout: Checkout) -> None:
    checkout.add_file("flancollect/lint/manners.py", LINT)
    checkout.add_entry(
        "flancollect/lint/report.py",
        "LINTS",
        '"shouting": Lint(severity="remark", static=manners.shouting)',
        "from flancollect.lint import manners",
    )
    checkout.add_file("mine/fraction.yaml", FAMILY.replace("as a decimal number.", "as a decimal number!!"))
    reported = checkout.flancollect("cards", "check", "--lint", "--catalog", "mine", "--json")
    assert "shouts; one exclamation mark will do" in reported
    silenced = (
        FAMILY.replace("as a decimal number.", "as a decimal number!!")
        + "lint: {ignore: {shouting: it is loud}}\n"
    )
    (checkout.root / "mine" / "fraction.yaml").write_text(silenced)
    assert "shouts" not in checkout.flancollect("cards", "check", "--lint", "--catalog", "mine", "--json")


IMPORTER = '''\
"""Folders of YAML files that are cards already."""

from __future__ import annotations

from pathlib import Path

from flancollect.importers.conversion import Conversion


def convert(src: Path) -> Conversion:
    """Take every card as it is."""
    files = {path.name: path.read_text() for path in sorted(src.glob("*.yaml"))}
    return Conversion(unit="files", converted=len(files), files=files, not_converted=())
'''


def test_an_importer_is_one_file_and_one_entry(checkout: Checkout) -> None:
    checkout.add_file("flancollect/importers/plain_cards.py", IMPORTER)
    checkout.add_entry(
        "flancollect/importers/__init__.py",
        "KINDS",
        '"plain-cards": "plain_cards"',
    )
    assert "plain-cards" in checkout.flancollect("import", "--help")
    private_card(checkout, "{synthetic: sorting, order: ascending, items: names}")
    assert "1 of 1 files converted" in checkout.flancollect(
        "import", "plain-cards", "mine", "--out", "imported"
    )
    assert checkout.flancollect("preview", "sort_pets", "--catalog", "imported", "-n", "1")
    assert "plain-cards" in checkout.flancollect("import", "plain", "mine", "--out", "other", code=2)


COMMAND = '''\
"""`flancollect count`: how many rows a build has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def count(build: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")]) -> None:
    """Print how many rows a build has."""
    from flancollect.dataset.reader import read_manifest

    print(read_manifest(build).rows)
'''


def test_a_command_is_one_file_and_one_entry(checkout: Checkout) -> None:
    checkout.add_file("flancollect/cli/count.py", COMMAND)
    checkout.add_entry(
        "flancollect/cli/app.py", "COMMANDS", '"count": count.count', "from flancollect.cli import count"
    )
    checkout.build("sort_ascending_words")
    assert checkout.flancollect("count", "out") == "50\n"
    assert "Print how many rows a build has." in checkout.flancollect("--help")


PRESET = """\
finetune: my-starter
extends: starter
schedule: {steps: 5}
"""


def test_a_preset_is_one_file(checkout: Checkout) -> None:
    checkout.add_file("finetune/presets/my-starter.yaml", PRESET)
    checkout.build("sort_ascending_words")
    shown = checkout.flancollect("finetune", "my-starter", "--data", "out", "--preview", "--cache", "cache")
    assert "packed row 0" in shown
    assert "my-starter" in checkout.flancollect("finetune", "no-such", "--out", "run", code=2)


RECIPES = {
    "dataset": "dataset",
    "template": "template",
    "family": "family",
    "style": "style",
    "mixture, a benchmark": "mixture",
    "source kind": "source_kind",
    "file format": "file_format",
    "shape": "shape",
    "export format": "export_format",
    "lint": "lint",
    "importer": "importer",
    "generator": "generator",
    "preset": "preset",
    "command": "command",
}
"""What CONTRIBUTING says how to add, and the word in the name of the test that does."""


def test_every_recipe_is_followed_here() -> None:
    text = (REPO / "CONTRIBUTING.md").read_text()
    how_to_add = text.partition("## How to add")[2].partition("\n## ")[0]
    assert re.findall(r"^\*\*An? (.+?)\*\*", how_to_add, re.MULTILINE) == list(RECIPES)
    tests = [name for name in globals() if name.startswith("test_")]
    for word in RECIPES.values():
        assert any(re.match(f"test_an?_{word}_is", name) for name in tests), word


def test_every_path_in_contributing_is_there() -> None:
    text = (REPO / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`((?:[\w-]+/)+[\w-]*(?:\.\w+)?)`", text))
    assert {"sources/files.py", "exports/formats.py", "tests/habits.py"} <= paths
    roots = (REPO, REPO / "flancollect")
    # `dataset/schemas.QUESTION` is a name in a module.
    candidates = {path: [path, f"{path.rpartition('.')[0]}.py"] for path in paths}
    absent = [
        path
        for path, names in candidates.items()
        if not any((root / name).exists() for root in roots for name in names)
    ]
    assert absent == []
