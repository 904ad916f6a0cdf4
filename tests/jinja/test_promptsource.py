"""All templates of promptsource on made rows: most are compiled, and none differs from Jinja."""

from __future__ import annotations

from collections import Counter

import pytest

from flancollect.jinja.evaluate import why_not_compiled
from flancollect.jinja.expression import ExpressionError, compile_template
from tests.jinja.comparison import differences
from tests.jinja.p3 import CHECKOUT, P3Template, checkout, p3_templates
from tests.jinja.sample_rows import rows_for

pytestmark = pytest.mark.skipif(
    checkout() is None, reason=f"{CHECKOUT} names no checkout of bigscience-workshop/promptsource"
)
ROWS = 8


@pytest.fixture(scope="module")
def templates() -> list[P3Template]:
    root = checkout()
    assert root is not None
    return p3_templates(root)


def _texts(template: P3Template) -> list[str]:
    return [template.jinja] + ([template.choices] if template.choices else [])


def test_nine_in_ten_are_compiled(templates):
    reasons: Counter[str] = Counter()
    for template in templates:
        try:
            reasons[why_not_compiled(template.jinja) or "compiled"] += 1
        except ExpressionError as error:
            reasons[f"refused: {str(error)[:60]}"] += 1
    assert reasons.total() > 2000
    assert reasons["compiled"] >= 0.9 * reasons.total(), reasons


@pytest.mark.slow
@pytest.mark.parametrize("odd", [0, 4])
def test_none_differs_from_jinja(templates, odd):
    problems = []
    rendered = 0
    for template in templates:
        for text in _texts(template):
            try:
                compile_template(text)
            except ExpressionError:
                continue
            columns = rows_for(text, ROWS, odd, template.dataset, template.name)
            differing, outcome = differences(text, columns, ROWS)
            problems += [f"{template.dataset} {template.name}: {what}" for what in differing]
            rendered += sum(isinstance(row, str) for row in outcome.rows)
    assert problems == []
    assert rendered > (10_000 if odd else 15_000)
