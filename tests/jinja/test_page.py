"""The page of the package, `flancollect/jinja/README.md`: what it prints is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import flancollect.jinja
from flancollect.jinja.compiler.codegen import COUNTED_STEPS, COUNTED_WORK, generate_template
from flancollect.jinja.compiler.context import kind_of
from flancollect.jinja.evaluate import render_columns, render_rows, why_not_compiled
from flancollect.jinja.expression import rewritten_template

PACKAGE = Path(flancollect.jinja.__file__).parent
PAGE = (PACKAGE / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)


TEMPLATE, REWRITTEN = blocks("jinja")
(FUNCTION,) = blocks("python")
SESSIONS = blocks("pycon")
KINDS = {"answers": "texts", "question": "str"}  # by name, as `evaluate.py` has them


def test_the_map_names_every_module_once():
    names = [
        name
        for line in PAGE.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\S+\.py)`", line)
    ]
    modules = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"
    }
    assert sorted(names) == sorted(modules)


def test_the_rewritten_template_is_the_tree_that_is_compiled():
    # Jinja cannot read the names of counting filters, which is their point.
    readable = REWRITTEN.replace("count loop", "count_loop").replace("null check", "null_check")
    written = Environment(keep_trailing_newline=True).parse(readable)
    for node in written.find_all(nodes.Filter):
        node.name = node.name.replace("_", " ")
    assert written == rewritten_template(TEMPLATE)


def test_the_function_is_what_the_compiler_makes_of_the_template():
    assert generate_template(rewritten_template(TEMPLATE), KINDS).source == f"{FUNCTION}\n"


def test_a_column_that_is_not_all_text_gets_the_other_function_of_the_page():
    assert kind_of(["Is it?", None]) == "any"
    source = generate_template(rewritten_template(TEMPLATE), KINDS | {"question": "any"}).source
    (piece,) = re.findall(r"`(\{\(r2 if.*?\})`", PAGE)
    assert piece in source
    assert piece not in FUNCTION


def test_the_constants_are_those_that_the_page_lists():
    names = generate_template(rewritten_template(TEMPLATE), KINDS).run.__globals__
    values = [names[f"k{i}"] for i in range(1, 5)]
    assert ": " + ", ".join(f'`"{value}"`' for value in values) in PAGE
    assert names["k5"].__name__ == "bounded_trim"


@pytest.mark.parametrize("number", range(len(SESSIONS)))
def test_a_session_gives_what_is_printed(number):
    names = {
        "TEMPLATE": TEMPLATE,
        "render_columns": render_columns,
        "render_rows": render_rows,
        "why_not_compiled": why_not_compiled,
    }
    session = doctest.DocTestParser().get_doctest(SESSIONS[number] + "\n", names, "README.md", None, 0)
    report: list[str] = []
    doctest.DocTestRunner().run(session, out=report.append)
    assert report == []


def test_the_numbers_of_the_budget_are_those_of_the_code():
    for number in (COUNTED_WORK, COUNTED_STEPS):
        assert f"{number:,}" in PAGE
    assert "4,000,000 / (4 × 2 × 1,001)" in PAGE
    assert f"< {4_000_000 // (4 * 2 * 1_001)} else" in FUNCTION
