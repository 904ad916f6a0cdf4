from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flancollect.cards.expand import expand
from flancollect.cards.strict_yaml import parse
from flancollect.errors import CardError
from flancollect.jinja.expression import compile_template

ODD = {"name": "a", "none": "b", "self": "c", "range": "d", "größe": "{{ name }}", "empty": "", "if": "e"}


def expanded(folder: Path, card: str, index: str) -> list[dict[str, Any]]:
    """The card values that an index makes of a card."""
    (folder / "index.csv").write_text(index, encoding="utf-8")
    document = parse(f"expand: {{over: index.csv}}\n{card}", "card.yaml")
    return list(expand(document, folder / "card.yaml", {}))


def test_every_row_fills_every_part(tmp_path: Path) -> None:
    card = 'task: "{{ a }}"\nsource: {files: "data/{{ b }}.csv", format: csv}\nlanguages: ["{{ a }}", en]\n'
    assert expanded(tmp_path, card, "a,b\nx,1\ny,2\n") == [
        {"task": "x", "source": {"files": "data/1.csv", "format": "csv"}, "languages": ["x", "en"]},
        {"task": "y", "source": {"files": "data/2.csv", "format": "csv"}, "languages": ["y", "en"]},
    ]


def test_keys_keep_the_order_of_the_card(tmp_path: Path) -> None:
    (card,) = expanded(tmp_path, 'b: x\na: "{{ v }}"\nd: {z: y, c: "{{ v }}"}\nc: z\n', "v\n1\n")
    assert list(card) == ["b", "a", "d", "c"]
    assert list(card["d"]) == ["z", "c"]


def test_what_becomes_empty_is_left_out_and_what_is_empty_stays(tmp_path: Path) -> None:
    card = 'where: "{{ v }}"\nnote: ""\ninner: {where: "{{ v }}", note: ""}\nfixed: {note: ""}\nlist: ["{{ v }}"]\n'
    assert expanded(tmp_path, card, 'v\n""\nx\n') == [
        {"note": "", "inner": {"note": ""}, "fixed": {"note": ""}, "list": [""]},
        {
            "where": "x",
            "note": "",
            "inner": {"where": "x", "note": ""},
            "fixed": {"note": ""},
            "list": ["x"],
        },
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{{ name }}",
        "{{name}}",
        "  {{ name }}",
        "{{ name }}\n",
        "{{- name -}}",
        "{{ name }}{{ name }}",
        "{{ name | upper }}",
        "{{ range }}",
        "{{ größe }}",
        "{{ 12 }}",
        "{{ 'name' }}",
        "{% raw %}{{ name }}{% endraw %}",
    ],
)
def test_a_text_is_filled_as_the_template_that_it_is(tmp_path: Path, text: str) -> None:
    index = f"{','.join(ODD)}\n{','.join(ODD.values())}\n"
    written = text.replace("\n", "\\n")
    (card,) = expanded(tmp_path, f'a: "{written}"\n', index)
    assert card == {"a": compile_template(text).render(ODD)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ b }}", 'inner.a: no index column "b". Columns: v.'),
        ("{{ d }}{{ v }}{{ c }}", 'inner.a: no index column "c". Columns: v.'),
        ("{{ v", "inner.a: unexpected end of template"),
        ("{{ if }}", "inner.a: "),
        ("{{ none }}", "inner.a: null in a value that is written out"),
        ("{{ self }}", "inner.a: `self` is a word of the template language"),
    ],
)
def test_a_text_that_cannot_be_filled_is_a_problem_at_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(CardError) as caught:
        expanded(tmp_path, f'task: x\ninner:\n  a: "{text}"\n', "v\n1\n")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("card.yaml", 4)
    assert problem.what.startswith(message)


def test_an_index_may_be_a_link_but_not_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "cards"
    folder.mkdir()
    (tmp_path / "outside.csv").write_text("v\n1\n")
    (folder / "real.csv").write_text("v\n1\n")
    document = parse('expand: {over: link.csv}\na: "{{ v }}"\n', "card.yaml")
    (folder / "link.csv").symlink_to(folder / "real.csv")
    assert list(expand(document, folder / "card.yaml", {})) == [{"a": "1"}]
    (folder / "link.csv").unlink()
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(CardError, match="leaves the card's folder"):
        list(expand(document, folder / "card.yaml", {}))
