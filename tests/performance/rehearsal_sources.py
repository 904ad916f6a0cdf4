"""A stand-in for the whole collection: as many tasks, rows and bytes, with sources made from random words.

`rehearsal.csv` holds the published row counts of the 1,836 tasks of Flan 2022, capped as its mixture caps them
(5,000 where none is published), by part and by the shape of the task. A shape is a family of this catalogue, the
columns that its card reads, and how long their texts are. Everything is made column-wise from keyed draws: the
same scale gives the same files.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flancollect.cards.catalog import load_catalog
from flancollect.cards.family import Family
from flancollect.draw import draw, draws, key

COUNTS = Path(__file__).with_name("rehearsal.csv")
ROW_GROUP_ROWS = 10_000
POOL_WORDS = 6_000_000
SYLLABLES = ["ba", "ce", "do", "fi", "gu", "ka", "le", "mo", "né", "pu", "ra", "si", "to", "va", "zé", "ßi"]

MIXTURE_CARD = """\
mixture: rehearsal
title: a stand-in for the whole collection
size: 10_000_000
max_repeat: 2
shots: {max: 5, max_input_bytes: 7600}
parts:
  made_flan2021: {weight: 0.46, cap: 30_000, variants: {zs_opt: 1, fs_opt: 1, zs_noopt: 1, fs_noopt: 1}}
  made_t0: {weight: 0.279, cap: 20_000, variants: {zs_opt: 1, fs_opt: 1, zs_noopt: 1, fs_noopt: 1}}
  made_niv2: {weight: 0.242, cap: 5000, variants: {zs_opt: 1, fs_opt: 1}}
  made_cot: {weight: 0.018, cap: 100_000, variants: {zs_opt: 1, fs_opt: 1, zs_opt_inv: 0.3, fs_opt_inv: 0.3}}
"""

TASK_CARD = """\
expand: {{over: {over}}}
task: "{{{{ name }}}}"
submix: made_{part}
source: {{files: "data/{{{{ name }}}}.parquet", format: parquet}}
splits: {{train: train}}
family: {family}
templates: "{{{{ templates }}}}"
fields: {fields}
answer: {answer}
license: unknown
languages: [en]
cluster: made
"""


FAMILY_FILE = Path("cards") / "made_entailment.yaml"
TEMPLATE = "Is this so?"
FAMILY_CARD = f"""\
family: made_entailment
extends: entailment
forward:
  is_this_so:
    input: "{{{{ premise }}}}\\n\\n{TEMPLATE} {{{{ hypothesis }}}}{{{{ options | para }}}}"
    target: "{{{{ answer }}}}"
"""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One way a task looks: family, texts by column in mean words, and the card's lines about them."""

    family: str
    words: Mapping[str, int]
    answer: str
    fields: str = ""
    options: int = 0  # of each row's own
    labels: int = 0  # of a closed set
    constant: str = ""  # a column that is the same in every row

    def fields_line(self) -> str:
        """The card's `fields`."""
        return self.fields or "{" + ", ".join(f"{name}: {name}" for name in self.words) + "}"


TEXT = "{text: answer}"
OWN = "{options: options, index: label}"
THREE = "{choices: [yes, it is not possible to tell, no], index: label}"
TWO = "{choices: [no, yes], index: label}"
SHAPES = {
    "reading": Shape(
        family="reading_comprehension",
        words={"passage": 40, "question": 10, "answer": 3},
        fields="{passage: passage, question: question}",
        answer=TEXT,
    ),
    "summary": Shape(
        family="summarization",
        words={"text": 55, "answer": 12},
        fields="""{text: text, kind: "'news article'", manner: "'in one sentence'"}""",
        answer=TEXT,
    ),
    "sentiment": Shape(
        family="sentiment",
        words={"text": 40},
        fields="""{text: text, kind: "'review'"}""",
        answer="{choices: [negative, positive], index: label}",
        labels=2,
    ),
    "entailment": Shape(
        family="made_entailment", words={"premise": 28, "hypothesis": 11}, answer=THREE, labels=3
    ),
    "yes_no": Shape(family="yes_no_question", words={"passage": 45, "question": 9}, answer=TWO, labels=2),
    "choice": Shape(family="multiple_choice_question", words={"question": 18}, answer=OWN, options=4),
    "passage_choice": Shape(
        family="passage_multiple_choice", words={"passage": 35, "question": 10}, answer=OWN, options=4
    ),
    "instructions": Shape(
        family="natural_instructions",
        words={"definition": 50, "input": 32, "answer": 7},
        fields="{definition: definition, input: input | trim}",
        answer=TEXT,
        constant="definition",
    ),
    "cot_math": Shape(
        family="cot_math",
        words={"question": 35, "chain": 30, "answer": 1},
        fields="{question: question, chain: chain | trim}",
        answer=TEXT,
    ),
    "cot_yes_no": Shape(family="cot_yes_no", words={"question": 14, "chain": 25}, answer=TWO, labels=2),
    "cot_choice": Shape(family="cot_choice", words={"question": 18, "chain": 25}, answer=OWN, options=5),
    "cot_entailment": Shape(
        family="cot_entailment",
        words={"premise": 20, "hypothesis": 10, "chain": 20},
        answer=THREE,
        labels=3,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made."""

    catalogue: Path
    tasks: int
    rows: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Words:
    """A long run of random words. `ends[i]` is where word i begins in `text`; one more ends the last."""

    text: pa.Buffer
    starts: np.ndarray


def make(out: Path, scale: float) -> Made:
    """Write cards and one Parquet file per task to the folder `out`, to be given to `--catalog`."""
    (out / "cards").mkdir(parents=True, exist_ok=True)
    (out / "data").mkdir(exist_ok=True)
    (out / FAMILY_FILE).write_text(FAMILY_CARD)
    families, words = load_catalog([out]).families, random_words()
    tasks = rows = size = 0
    for part, kind, counts in _counts():
        shape, names = SHAPES[kind], [f"made_{part}_{kind}_{i:04d}" for i in range(len(counts))]
        _write_cards(out / "cards", part, kind, names, families[shape.family])
        for name, count in zip(names, counts, strict=True):
            path = out / "data" / f"{name}.parquet"
            table = _table(shape, name, max(round(count * scale), 8), words)
            pq.write_table(table, path, row_group_size=ROW_GROUP_ROWS)
            tasks, rows, size = tasks + 1, rows + table.num_rows, size + path.stat().st_size
    (out / "cards" / "rehearsal.yaml").write_text(MIXTURE_CARD)
    return Made(catalogue=out, tasks=tasks, rows=rows, bytes=size)


def _counts() -> Iterator[tuple[str, str, list[int]]]:
    with COUNTS.open(newline="") as file:
        for line in csv.DictReader(file):
            yield line["part"], line["shape"], [int(count) for count in line["rows"].split()]


def _write_cards(folder: Path, part: str, kind: str, names: Sequence[str], family: Family) -> None:
    """One card for all tasks of a part and shape. A task of t0 is one template, as P3 counts tasks."""
    shape, over = SHAPES[kind], f"{part}_{kind}.csv"
    templates = [w.name for w in family.templates if w.direction == "forward" and w.options == "either"]
    with (folder / over).open("w", newline="") as file:
        index = csv.writer(file)
        index.writerow(["name", "templates"])
        for name in names:
            index.writerow([name, templates[draw(key(name)) % len(templates)] if part == "t0" else ""])
    card = TASK_CARD.format(
        over=over, part=part, family=shape.family, fields=shape.fields_line(), answer=shape.answer
    )
    (folder / f"{part}_{kind}.yaml").write_text(card)


def random_words() -> Words:
    """Words of one to four syllables, the first ones of the vocabulary far more often; one in ten ends a sentence."""
    sound = draws(key("syllables"), np.arange(4 * 4096)).reshape(4096, 4)
    vocabulary = ["".join(SYLLABLES[int(s) % 16] for s in row[: 1 + int(row[0] >> 60) % 4]) for row in sound]
    spoken = [f"{word} " for word in vocabulary] + [f"{word}. " for word in vocabulary]
    drawn = draws(key("words"), np.arange(POOL_WORDS))
    rank = (4096.0 ** (drawn / 2.0**64)).astype(np.int64) - 1
    chosen = pa.array(spoken).take(pa.array(rank + 4096 * (drawn % np.uint64(10) == 0)))
    _, offsets, text = chosen.buffers()
    return Words(text=text, starts=np.frombuffer(offsets, dtype=np.int32))


def texts(words: Words, name: str, rows: int, mean: int) -> pa.Array:
    """Texts of half to three halves of `mean` words, one after the other out of the run."""
    lengths = mean // 2 + (draws(key(name, "lengths"), np.arange(rows)) % np.uint64(mean + 1)).astype(
        np.int64
    )
    ends = np.cumsum(np.maximum(lengths, 1))
    first = draw(key(name, "first")) % max(POOL_WORDS - int(ends[-1]), 1)
    offsets = words.starts[first + np.concatenate([[0], ends])]
    texts = pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(offsets), words.text])
    return pc.utf8_rtrim_whitespace(texts)


def _table(shape: Shape, name: str, rows: int, words: Words) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for column, mean in shape.words.items():
        if column == shape.constant:
            columns[column] = pa.array([texts(words, f"{name} {column}", 1, mean)[0].as_py()] * rows)
        else:
            columns[column] = texts(words, f"{name} {column}", rows, mean)
    if shape.options:
        offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * shape.options)
        each = texts(words, f"{name} options", rows * shape.options, 3)
        columns["options"] = pa.ListArray.from_arrays(offsets, each)
    if shape.options or shape.labels:
        label = draws(key(name, "label"), np.arange(rows)) % np.uint64(shape.options or shape.labels)
        columns["label"] = pa.array(label.astype(np.int64))
    return pa.table(columns)
