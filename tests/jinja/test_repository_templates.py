"""Every template and style of the repository: compiled, and rendered as Jinja renders it, odd rows included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flancollect.cards.strict_yaml import load
from flancollect.jinja.evaluate import why_not_compiled
from tests.jinja.comparison import differences
from tests.jinja.sample_rows import rows_for

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
FILES = sorted(path.name for path in TEMPLATES.glob("*.yaml"))
KEYS = ("intro", "input", "target", "item", "label", "exemplar", "query", "turn")


def _texts(node: Any) -> list[str]:
    if isinstance(node, list):
        return [text for item in node for text in _texts(item)]
    if not isinstance(node, dict):
        return []
    own = [node[key] for key in KEYS if isinstance(node.get(key), str)]
    return own + [text for value in node.values() for text in _texts(value)]


def _written(file: str) -> dict[str, Any]:
    return load(TEMPLATES / file, file).value


@pytest.mark.parametrize("file", FILES)
def test_is_compiled(file):
    assert [text for text in _texts(_written(file)) if why_not_compiled(text)] == []


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("odd", [0, 3])
def test_generated_code_gives_what_jinja_gives(file, odd):
    for text in _texts(_written(file)):
        columns = rows_for(text, 6, odd, file, text)
        assert differences(text, columns, 6)[0] == []


@pytest.mark.parametrize("file", FILES)
def test_generated_code_gives_what_jinja_gives_on_the_example(file):
    written = _written(file)
    row = {"options": "Options:\n- a\n- b", "choices": ["a", "b"], **(written.get("example") or {})}
    row |= {"options": "Options:\n- a\n- b", "answer": str(row.get("answer", "a"))}
    for text in _texts(written):
        assert differences(text, {name: [value] for name, value in row.items()}, 1)[0] == []
