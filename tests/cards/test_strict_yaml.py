from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards import strict_yaml
from flancollect.cards.strict_yaml import Document, load, parse
from flancollect.errors import CardError

CARD = """\
task: rte
source: {hub: nyu-mll/glue, config: rte}
answer:
  choices: [yes, no, 'null', ~]
  index: label
weight: 0.40
size: 10_000
due: 2020-01-01
text: |
  one
    two
folded: >-
  three
  four
empty:
quoted: ""
"""


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(CardError) as caught:
        parse(text, "card.yaml")
    assert {problem.file for problem in caught.value.problems} == {"card.yaml"}
    return [(problem.line, problem.what) for problem in caught.value.problems]


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(strict_yaml, "_LOADER", getattr(yaml, request.param))


@pytest.mark.usefixtures("loader")
def test_every_scalar_is_the_text_as_written() -> None:
    assert parse(CARD, "card.yaml").value == {
        "task": "rte",
        "source": {"hub": "nyu-mll/glue", "config": "rte"},
        "answer": {"choices": ["yes", "no", "null", None], "index": "label"},
        "weight": "0.40",
        "size": "10_000",
        "due": "2020-01-01",
        "text": "one\n  two\n",
        "folded": "three four",
        "empty": None,
        "quoted": "",
    }


@pytest.mark.usefixtures("loader")
def test_lines_are_those_of_keys_and_items() -> None:
    document = parse(CARD, "card.yaml")
    assert document.line_of(("answer",)) == 3
    assert document.line_of(("answer", "choices")) == 4
    assert document.line_of(("answer", "choices", 2)) == 4
    assert document.line_of(("folded",)) == 12
    assert document.lines["answer", "index"] == 5


def test_the_line_of_an_unwritten_path_is_its_nearest_parents() -> None:
    document = parse(CARD, "card.yaml")
    assert document.line_of(("answer", "options", 3)) == 3
    assert document.line_of(("nothing",)) == 1
    assert Document(file="f", value="x", lines={}).line_of(()) == 1


def test_comments_crlf_and_a_byte_order_mark_are_fine() -> None:
    assert parse("\ufeff# why\r\na: 1\r\nb: two words # and why\r\n", "f").value == {
        "a": "1",
        "b": "two words",
    }


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 'key "a" is already there, at line 1'),
        ("a: {b: 1, b: 2}", 1, 'key "b" is already there'),
        ("a: &x 1\n", 1, "anchor &x"),
        ("a: 1\nb: *x\n", 2, "reference *x"),
        ("a:\n  <<: {b: 1}\n", 2, "merge key"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "tag !!python/object/apply:os.system"),
        ("a: !!str 1\n", 1, "tag !!str"),
        ("a: !mine 1\n", 1, "tag !mine"),
        ("a: ! 1\n", 1, "tag !"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("? [a, b]\n: 1\n", 1, "a key must be text"),
        ("? {a: b}\n: 1\n", 1, "a key must be text"),
        ("~: 1\n", 1, "an empty key"),
        ("a: 1\n\tb: 2\n", 2, "a tab"),
        ("a: x\u2028y\n", 1, "U+2028"),
        ("a: x\x00y\n", 1, "U+0000"),
        ("a: b: c\n", 1, 'a ":" stands where none may'),
        ("a:\n  b: 1\n c: 2\n", 3, "indentation does not fit"),
        ("a: @x\n", 1, "quote the text"),
        ('a: "x\n', 1, "never closed"),
        ("a: [1, 2\n", 2, "never closed"),
        ("", 0, "empty"),
        ("# only a comment\n", 0, "empty"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested deeper than 40"),
    ],
)
def test_what_is_no_part_of_cards_is_named_with_its_line(text: str, line: int, what: str) -> None:
    lines_and_messages = problems(text)
    assert any(what in message for _, message in lines_and_messages), lines_and_messages
    if line:
        assert line in {at for at, _ in lines_and_messages} or "never closed" in what


def test_all_problems_are_reported_at_once() -> None:
    lines_and_messages = problems("a: 1\na: 2\nb: &x 1\nc: !t 1\nd: *x\ne: [\n")
    assert [line for line, _ in lines_and_messages[:4]] == [2, 3, 4, 5]
    assert "not valid YAML" in lines_and_messages[-1][1]


def test_a_quoted_merge_sign_or_null_is_text() -> None:
    assert parse("'<<': 1\n\"null\": '~'\n", "f").value == {"<<": "1", "null": "~"}


def test_references_are_not_expanded() -> None:
    laughs = "\n".join(
        ["a: &a0 [x, x]"] + [f"b{i}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(30)]
    )
    assert len(problems(laughs)) > 30


def test_a_file_is_read_with_its_problems_named_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_bytes(b"task: caf\xc3\xa9\n")
    assert load(path, "task_cards/card.yaml").value == {"task": "café"}
    path.write_bytes(b"task: a\nname: caf\xe9\n")
    with pytest.raises(CardError, match=r"^task_cards/card.yaml:2  not UTF-8"):
        load(path, "task_cards/card.yaml")
    path.write_bytes(b"a: " + b"x" * strict_yaml.MAX_BYTES)
    with pytest.raises(CardError, match="larger than 4,000,000"):
        load(path, "card.yaml")
    with pytest.raises(CardError, match=r"^none.yaml  cannot be read"):
        load(tmp_path / "none.yaml", "none.yaml")
    with pytest.raises(CardError, match="cannot be read"):
        load(tmp_path, "folder")


@pytest.mark.parametrize("text", ["\t" * 200_000, "[" * 500_000, "a: " + "[1," * 30 + "\x07" * 100_000])
def test_hostile_files_are_refused_at_once(text: str) -> None:
    began = time.process_time()
    assert problems(text)
    assert time.process_time() - began < 2


words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cn", "Co", "Zl", "Zp"), blacklist_characters="\ufeff"),
    max_size=12,
)
trees = st.recursive(
    st.one_of(st.none(), words),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(words, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def written(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    assert isinstance(value, dict)
    return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"


@given(st.dictionaries(words, trees, min_size=1, max_size=4))
def test_what_is_written_is_read(value: dict[str, object]) -> None:
    assert parse(written(value), "f").value == value


@given(st.text(st.sampled_from("ab:-[]{}'\"#&*!|>%@, \n?~<"), max_size=40))
def test_both_loaders_agree_on_what_they_both_take(text: str) -> None:
    if not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")
    read = []
    for name in ("CSafeLoader", "SafeLoader"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(strict_yaml, "_LOADER", getattr(yaml, name))
            try:
                read.append(parse(text, "f"))
            except CardError:
                return
    assert read[0] == read[1]
