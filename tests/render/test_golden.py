"""Every template of every family on its example, with options, without, and with a shot, to be read like prose."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.family import Family, Template
from flancollect.cards.style_card import ShotStyle
from flancollect.render.examples import PLAIN_OPTIONS, render_example
from flancollect.render.zero_shot import Example, join_zero_shot
from tests.render.single import few_shot_prompt

FAMILIES = load_catalog().families
SHOT = ShotStyle(exemplar="{{ input }}\n{{ target }}", query="{{ input }}")


def shown(spec: Family, template: Template) -> Iterator[str]:
    hold_out = ", held out" if template.hold_out else ""
    styles = [("opt", PLAIN_OPTIONS)] if template.shows_options else []
    styles += [("noopt", None)] if template.options != "required" else []  # type: ignore[list-item]
    for name, style in styles:
        example = render_example(spec, template, style)
        heading = f"### {template.direction}/{template.name}, zs_{name}{hold_out}"
        yield f"{heading}\n{join_zero_shot(example)}\n--> {example.target}\n"
    style = styles[0][1]
    example = render_example(spec, template, style)
    prompt, _ = few_shot_prompt(
        SHOT, [Example(intro="", input=example.input, target=example.target)], example, 100_000
    )
    yield f"### {template.direction}/{template.name}, fs_{styles[0][0]}{hold_out}\n{prompt}\n--> {example.target}\n"


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_template_reads_as_it_did(name: str, golden: Callable[[str, str], None]) -> None:
    spec = FAMILIES[name]
    golden(f"{name}.txt", "\n".join(part for template in spec.templates for part in shown(spec, template)))


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_templates_of_a_family_all_differ(name: str) -> None:
    texts = [(w.intro, w.input, w.target) for w in FAMILIES[name].templates]
    assert len(set(texts)) == len(texts)
